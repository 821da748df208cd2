"""Bookinfo, Istio's sample application: four services, one of them in three versions.

A stack may add the sample's variants: ratings from a database, and another version of details.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes import apps, extensions
from pulumi_kubernetes.core.v1 import Secret, Service, ServiceAccount

from mesh.bookinfo import database, deployment, waypoint_labels
from mesh.bookinfo.services import (
    DEFAULT_ACCOUNT,
    MICROSERVICES,
    Microservice,
    Sample,
    row,
    versions_of,
)
from mesh.injection.kube_inject import Injector
from mesh.resources import secrets
from mesh.resources.ready import Ready
from mesh.settings.schema import Settings

DEPLOYMENTS = {"apps/v1": apps.v1, "extensions/v1beta1": extensions.v1beta1}


@dataclass(frozen=True, kw_only=True)
class BookinfoArgs:
    """Arguments of Bookinfo."""

    settings: Settings
    sample: Sample
    """The Bookinfo sample of the release's generation."""
    injector: Injector | None
    """Renderer of the sidecars when `injection` is `manual`.

    None when the control plane belongs to another stack.
    """
    revision_mark: Mapping[str, str]
    """Annotation of pods with a sidecar; it changes with their istiod, which recreates the pods."""


class Bookinfo(pulumi.ComponentResource):
    """The application as in the release's own sample, with every pod running."""

    ready: Ready
    """Every Deployment."""

    def __init__(
        self, name: str, args: BookinfoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Bookinfo", name, None, opts)

        child = pulumi.ResourceOptions(parent=self)
        manifests = _manifests(args)
        password = _password(name, args.settings, child)
        # With REGISTRY_ONLY, sidecars refuse requests to hosts that the mesh doesn't know.
        outside = database.service_entry(args.settings)
        if outside is not None:
            outside.make(f"{name}-{outside.name}", child)
        deployments = []
        for service in _services(args.settings):
            _make_service(name, service, args, child)
            accounts = _accounts(name, service, args, child)
            for version, each in _rows(service, args.settings).items():
                manifest = manifests[f"{service.name}-{version}"]
                # Until its account exists, a pod is refused and retried at growing intervals.
                needed: list[pulumi.Resource] = []
                needed += [accounts[each.account]] if each.account in accounts else []
                if database.secret_variable(args.settings, each) and password is not None:
                    needed.append(password)
                deployments.append(
                    DEPLOYMENTS[args.sample.deployments].Deployment(
                        f"{name}-{service.name}-{version}",
                        metadata=manifest["metadata"],
                        spec=manifest["spec"],
                        opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
                    )
                )

        self.ready = pulumi.Output.from_input(deployments)
        self.register_outputs({"namespace": args.settings.bookinfo_namespace})


def _services(settings: Settings) -> list[Microservice]:
    return [service for service in MICROSERVICES if service.name in versions_of(settings)]


def _rows(service: Microservice, settings: Settings) -> dict[str, Microservice]:
    """Return the Microservice of each version of a service, by version."""
    return {version: row(service, version) for version in versions_of(settings)[service.name]}


def _manifests(args: BookinfoArgs) -> Mapping[str, Any] | pulumi.Output[dict[str, Any]]:
    """Return the Deployments' manifests by name, with sidecars when injection is manual."""
    manifests = {
        f"{service.name}-{version}": deployment.make(
            args.settings, args.sample, each, version, args.revision_mark
        )
        for service in _services(args.settings)
        for version, each in _rows(service, args.settings).items()
    }
    if args.injector and args.settings.data_plane.injection == "manual":
        return args.injector.inject(manifests)
    return manifests


def _password(name: str, settings: Settings, opts: pulumi.ResourceOptions) -> Secret | None:
    """Create the Secret with the database's password, if there is one."""
    data = secrets.database_secret(settings)
    if data is None or settings.bookinfo_ratings is None:
        return None
    secret, _ = secrets.DATABASES[settings.bookinfo_ratings]
    return Secret(
        f"{name}-{secret}",
        metadata={"name": secret, "namespace": settings.bookinfo_namespace},
        type="Opaque",
        data=data,
        opts=opts,
    )


def _make_service(
    name: str, service: Microservice, args: BookinfoArgs, opts: pulumi.ResourceOptions
) -> None:
    own = {} if args.sample.is_bare else {"service": service.name}
    Service(
        f"{name}-{service.name}",
        metadata={
            "name": service.name,
            "namespace": args.settings.bookinfo_namespace,
            "labels": {
                "app": service.name,
                **own,
                **waypoint_labels.of_service(args.settings, service.name),
            },
            # Waiting for a Service takes 10 s, and waiting for its Deployment checks as much.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec={
            "ports": [{"port": service.port, "name": service.protocol}],
            "selector": {"app": service.name},
        },
        opts=opts,
    )


def _accounts(
    name: str, service: Microservice, args: BookinfoArgs, opts: pulumi.ResourceOptions
) -> dict[str, pulumi.Resource]:
    """Create a service's ServiceAccounts, by name: versions share one, or use the default one."""
    rows = [] if args.sample.is_bare else _rows(service, args.settings).values()
    owners = {each.account: each for each in rows if each.account != DEFAULT_ACCOUNT}
    return {
        account: ServiceAccount(
            f"{name}-{account.removeprefix('bookinfo-')}",
            metadata={
                "name": account,
                "namespace": args.settings.bookinfo_namespace,
                "labels": owner.account_labels,
            },
            opts=opts,
        )
        for account, owner in owners.items()
    }
