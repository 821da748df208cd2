"""Bookinfo's routes: from the gateway to its pages, and between its services by a traffic plan."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Service

from mesh.bookinfo import gateway_api_routes, istio_routes, waypoint_labels
from mesh.bookinfo.services import FRONT, PORT, VERSIONS, versions_of
from mesh.istio.api.model import Resource
from mesh.resources.ready import Ready
from mesh.settings.gateway import HTTP_PORT, HTTPS_PORT
from mesh.settings.platform_contract import IngressGateway
from mesh.settings.schema import Settings
from mesh.settings.traffic_plan import rules


@dataclass(frozen=True, kw_only=True)
class BookinfoRoutesArgs:
    """Arguments of BookinfoRoutes."""

    settings: Settings
    gateway: IngressGateway
    """The gateway that requests from outside come through."""
    networking: str
    """The API version of Istio's routes."""


class BookinfoRoutes(pulumi.ComponentResource):
    """Bookinfo's routes; their targets are created first, so that no route has a missing one."""

    url: pulumi.Output[str]
    """URL of Bookinfo's first page; it works where the host name resolves to the gateway."""
    ready: Ready
    """Every route and its targets."""

    def __init__(
        self, name: str, args: BookinfoRoutesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:BookinfoRoutes", name, None, opts)

        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings
        namespace, host, plan = (
            settings.bookinfo_namespace,
            settings.bookinfo_host,
            settings.traffic_plan,
        )
        versions = versions_of(settings)
        targets: list[pulumi.Resource] = []
        of_istio: Sequence[Resource] = ()
        of_gateway_api: Sequence[Resource] = ()
        split: Sequence[str] = ()
        if settings.routing_api == "istio":
            entry = istio_routes.gateway(
                namespace, host, args.gateway, settings.bookinfo_credential_name
            )
            targets.append(entry.make(f"{name}-gateway", child, args.networking))
            targets += [
                rule.make(f"{name}-{rule.name}-versions", child, args.networking)
                for rule in istio_routes.destination_rules(namespace, versions)
            ]
            of_istio = istio_routes.virtual_services(
                namespace, host, plan, inside_mesh=not settings.waypoints
            )
            if settings.waypoints:
                # At waypoints Istio's own routes are alpha, and those of the Gateway API are not.
                split = [each for each in VERSIONS if each != FRONT and rules(plan, each)]
                of_gateway_api = gateway_api_routes.service_routes(namespace, plan, split)
        else:
            split = list(VERSIONS)
            of_gateway_api = gateway_api_routes.http_routes(namespace, host, args.gateway, plan)
        targets += [
            _version_service(name, settings, service, version, child)
            for service in split
            for version in versions[service]
        ]
        # Requests to a target that doesn't exist yet are answered with 500 or 503.
        after = pulumi.ResourceOptions(parent=self, depends_on=targets)

        self.ready = pulumi.Output.from_input(
            [
                *targets,
                *(each.make(f"{name}-{each.name}", after, args.networking) for each in of_istio),
                *(each.make(f"{name}-{each.name}", after) for each in of_gateway_api),
            ]
        )
        self.url = pulumi.Output.from_input(_url(settings.bookinfo_host, args.gateway))
        self.register_outputs({"url": self.url})


def _url(host: str, gateway: IngressGateway) -> str:
    """Return the address of the first page, by HTTPS where the gateway has it."""
    if gateway.https is not None:
        scheme, port, usual = "https", gateway.https.port, HTTPS_PORT
    else:
        scheme, port, usual = "http", gateway.port, HTTP_PORT
    return f"{scheme}://{host if port == usual else f'{host}:{port}'}/{FRONT}"


def _version_service(
    prefix: str, settings: Settings, service: str, version: str, opts: pulumi.ResourceOptions
) -> Service:
    """Create one version's Service: the Gateway API's form of a DestinationRule's subset."""
    return Service(
        f"{prefix}-{service}-{version}",
        metadata={
            "name": gateway_api_routes.version_service(service, version),
            "namespace": settings.bookinfo_namespace,
            "labels": waypoint_labels.of_service(settings, service),
            # Waiting for a Service takes 10 s, and waiting for its Deployment checks as much.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec={
            "ports": [{"port": PORT, "name": "http"}],
            "selector": {"app": service, "version": version},
        },
        opts=opts,
    )
