"""The application: Bookinfo in its namespace, its policies and its routes."""

import pulumi

from components.bookinfo import Bookinfo, BookinfoArgs
from components.bookinfo_routes import BookinfoRoutes, BookinfoRoutesArgs
from components.injected_namespace import InjectedNamespace, InjectedNamespaceArgs
from components.mesh_security import MeshSecurity, MeshSecurityArgs
from components.waypoints import Waypoints, WaypointsArgs
from layers.platform import Platform
from mesh.bookinfo.services import SAMPLES
from mesh.resources.ready import all_ready
from mesh.settings.schema import Settings


def deploy(settings: Settings, platform: Platform) -> pulumi.Output[str]:
    """Create Bookinfo, its routes last, and return its URL."""
    contract, provider = platform.contract, platform.provider
    gateway = contract.gateway
    assert gateway is not None  # noqa: S101 - the config is refused without one
    proxies = contract.proxies(settings.bookinfo_revision)
    namespace = InjectedNamespace(
        "bookinfo",
        InjectedNamespaceArgs(
            settings=settings,
            namespace=settings.bookinfo_namespace,
            adopted=platform.adopted,
            data_plane=settings.data_plane,
            revision=proxies.label,
            app_host=settings.bookinfo_host if settings.mode == "app" else None,
        ),
        pulumi.ResourceOptions(provider=provider, depends_on=platform.label_ready),
    )

    joined: InjectedNamespace | Waypoints = namespace
    if settings.waypoints:
        joined = Waypoints(
            "waypoints",
            WaypointsArgs(
                settings=settings,
                cluster=platform.cluster,
                proxies=proxies,
                version=platform.proxy_tags.get(proxies.revision, ""),
                template=platform.proxy_template,
            ),
            pulumi.ResourceOptions(provider=provider, depends_on=namespace.ready),
        )

    # Policies are in force before the first request, and until after the last one.
    security = MeshSecurity(
        "security",
        MeshSecurityArgs(settings=settings, ingress=gateway.identity),
        # Any of the stack's namespaces may have a policy of its own.
        pulumi.ResourceOptions(
            provider=provider,
            depends_on=all_ready(platform.gateways_ready, platform.namespaces_ready, joined.ready),
        ),
    )

    bookinfo = Bookinfo(
        "bookinfo",
        BookinfoArgs(
            settings=settings,
            sample=SAMPLES[platform.layout.generation],
            injector=platform.injectors.get(proxies.revision),
            revision_mark=proxies.mark,
        ),
        pulumi.ResourceOptions(
            provider=provider,
            depends_on=all_ready(
                platform.injection_ready, platform.gateways_ready, joined.ready, security.ready
            ),
        ),
    )

    # Routes come last: until they exist, the gateway lets nobody in.
    routes = BookinfoRoutes(
        "bookinfo-routes",
        BookinfoRoutesArgs(
            settings=settings, gateway=gateway, networking=platform.layout.networking
        ),
        pulumi.ResourceOptions(provider=provider, depends_on=bookinfo.ready),
    )
    return routes.url
