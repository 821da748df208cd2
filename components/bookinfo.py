"""Bookinfo, Istio's sample application: four services, one of them in three versions.

A stack may add the sample's variants: ratings from a database, and another version of details.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apps, extensions
from pulumi_kubernetes.core.v1 import Secret, Service, ServiceAccount

from mesh import bookinfo_deployment, secrets
from mesh.bookinfo import DEFAULT_ACCOUNT, MICROSERVICES, Sample, row
from mesh.manual_injection import Injector
from mesh.ordering import Ready
from mesh.settings import Settings

DEPLOYMENTS = {"apps/v1": apps.v1, "extensions/v1beta1": extensions.v1beta1}


@dataclass(frozen=True, kw_only=True)
class BookinfoArgs:
    """What a stack decides about Bookinfo."""

    stack: Settings
    sample: Sample
    """What the sample of the release's time consists of."""
    injector: Injector | None
    """What renders the sidecars where the data plane wants them in the Deployments.

    None where the control plane is another stack's.
    """
    revision_mark: Mapping[str, str]
    """An annotation of pods with a sidecar: they are made anew when it is another istiod's."""


class Bookinfo(pulumi.ComponentResource):
    """The application as the release's own sample has it, every pod running."""

    ready: Ready
    """Every Deployment."""

    def __init__(
        self, name: str, args: BookinfoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Bookinfo", name, None, opts)

        services = [
            service for service in MICROSERVICES if service.name in args.stack.bookinfo_versions
        ]
        manifests = {
            f"{service.name}-{version}": bookinfo_deployment.make(
                args.stack, args.sample, row(service, version), version, args.revision_mark
            )
            for service in services
            for version in args.stack.bookinfo_versions[service.name]
        }
        wanted = (
            args.injector.inject(manifests)
            if args.injector and args.stack.data_plane.injection == "manual"
            else manifests
        )

        child = pulumi.ResourceOptions(parent=self)
        passwords: list[pulumi.Resource] = []
        if args.stack.mysql_secret is not None:
            passwords = [
                Secret(
                    f"{name}-{secrets.MYSQL_SECRET}",
                    metadata={
                        "name": secrets.MYSQL_SECRET,
                        "namespace": args.stack.bookinfo_namespace,
                    },
                    type="Opaque",
                    data=args.stack.mysql_secret,
                    opts=child,
                )
            ]
        deployments = []
        for service in services:
            Service(
                f"{name}-{service.name}",
                metadata={
                    "name": service.name,
                    "namespace": args.stack.bookinfo_namespace,
                    "labels": {
                        "app": service.name,
                        **({} if args.sample.is_bare else {"service": service.name}),
                    },
                    # A Service's wait costs 10 s, and its Deployment's says as much.
                    "annotations": {"pulumi.com/skipAwait": "true"},
                },
                spec={
                    "ports": [{"port": service.port, "name": service.protocol}],
                    "selector": {"app": service.name},
                },
                opts=child,
            )
            rows = {
                version: row(service, version)
                for version in args.stack.bookinfo_versions[service.name]
            }
            # Versions share an account; the namespace's own is there.
            owners = {} if args.sample.is_bare else {each.account: each for each in rows.values()}
            owners.pop(DEFAULT_ACCOUNT, None)
            accounts = {
                account: ServiceAccount(
                    f"{name}-{account.removeprefix('bookinfo-')}",
                    metadata={
                        "name": account,
                        "namespace": args.stack.bookinfo_namespace,
                        "labels": owner.account_labels,
                    },
                    opts=child,
                )
                for account, owner in owners.items()
            }
            deployments += [
                DEPLOYMENTS[args.sample.deployments].Deployment(
                    f"{name}-{service.name}-{version}",
                    metadata=wanted[f"{service.name}-{version}"]["metadata"],
                    spec=wanted[f"{service.name}-{version}"]["spec"],
                    opts=pulumi.ResourceOptions(
                        parent=self,
                        # A pod is refused, and retried ever later, until its account exists.
                        depends_on=[
                            *([accounts[each.account]] if each.account in accounts else ()),
                            *(passwords if each.password else ()),
                        ],
                    ),
                )
                for version, each in rows.items()
            ]

        self.ready = pulumi.Output.from_input(deployments)
        self.register_outputs({"namespace": args.stack.bookinfo_namespace})
