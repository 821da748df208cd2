"""Certificates that gateways serve: Secrets beside their pods, and what cert-manager issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Secret

from mesh.kubernetes import ownership
from mesh.resources import secrets
from mesh.resources.ready import Ready
from mesh.settings.gateway import Gateway, Issuer
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class GatewayCertificatesArgs:
    """Arguments of GatewayCertificates."""

    settings: Settings
    namespaces: Mapping[str, Ready]
    """The namespaces that are only for gateways."""


class GatewayCertificates(pulumi.ComponentResource):
    """The Secrets with certificates from the settings, and the Certificates of cert-manager."""

    def __init__(
        self,
        name: str,
        args: GatewayCertificatesArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:GatewayCertificates", name, None, opts)

        self._made: dict[tuple[str, str], pulumi.Resource] = {}
        for namespace, credential, issuer in _wanted(args.settings):
            child = pulumi.ResourceOptions(parent=self, depends_on=args.namespaces.get(namespace))
            resource_name = f"{name}-{namespace}-{credential}"
            if issuer is not None:
                self._made[namespace, credential] = CustomResource(
                    resource_name,
                    api_version="cert-manager.io/v1",
                    kind="Certificate",
                    metadata={
                        "name": credential,
                        "namespace": namespace,
                        "annotations": {"pulumi.com/waitFor": "condition=Ready"},
                    },
                    spec=_issued(credential, issuer, args.settings),
                    opts=child,
                )
                continue
            self._made[namespace, credential] = Secret(
                resource_name,
                type="kubernetes.io/tls",
                metadata={
                    "name": credential,
                    "namespace": namespace,
                    "annotations": {ownership.ANNOTATION: ownership.stack()},
                },
                data=secrets.gateway_certificate(args.settings, credential),
                opts=child,
            )
        self.register_outputs({})

    def of(self, namespace: str, gateway: Gateway) -> Ready:
        """Return the certificates of a gateway."""
        made = [self._made.get((namespace, name)) for name in gateway.credential_names]
        return pulumi.Output.from_input([each for each in made if each])

    @property
    def ready(self) -> Ready:
        """Every certificate, issued."""
        return pulumi.Output.from_input(list(self._made.values()))


def are_wanted(settings: Settings) -> bool:
    """Return whether a stack brings certificates."""
    return bool(_wanted(settings))


def _wanted(settings: Settings) -> list[tuple[str, str, Issuer | None]]:
    """List namespace and name of each Secret to bring, and its issuer; each once.

    A certificate that no port names is for app stacks, which share the ingress gateway.
    """
    wanted: dict[tuple[str, str], Issuer | None] = {}
    for gateway in settings.gateways:
        for tls in filter(None, (port.tls for port in gateway.ports or ())):
            name = tls.credential_name
            if name and (tls.issuer or name in settings.gateway_certificates):
                wanted.setdefault((settings.namespace_of(gateway), name), tls.issuer)
    named = {name for _, name in wanted}
    if settings.ingress is not None:
        for name in settings.gateway_certificates.keys() - named:
            wanted[settings.namespace_of(settings.ingress), name] = None
    return [(*key, wanted[key]) for key in sorted(wanted)]


def _issued(credential: str, issuer: Issuer, settings: Settings) -> dict[str, Any]:
    """Return the spec of a Certificate, which cert-manager keeps in the Secret and renews."""
    return {
        "secretName": credential,
        "dnsNames": list(settings.dns_names_of_issuer(issuer)),
        "issuerRef": {"group": "cert-manager.io", "kind": issuer.kind, "name": issuer.name},
        "privateKey": {"rotationPolicy": "Always"},
    }
