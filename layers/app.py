"""The application: Bookinfo in its namespace, its policies and its routes."""

import pulumi

from components.bookinfo import Bookinfo, BookinfoArgs
from components.bookinfo_routes import BookinfoRoutes, BookinfoRoutesArgs
from components.injected_namespace import InjectedNamespace, InjectedNamespaceArgs
from components.mesh_security import MeshSecurity, MeshSecurityArgs
from layers.foundation import Foundation
from mesh.kubernetes import cluster
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import app
from mesh.resources import ready
from mesh.settings.schema import Settings


def find_platform(stack: Settings, target: Cluster) -> Foundation:
    """Return another stack's platform, once it is known to be up."""
    contract = stack.platform_contract
    assert contract is not None  # noqa: S101 - an app stack's settings always have it
    app.check(target, stack, contract)
    return Foundation(
        contract=contract,
        provider=cluster.provider(
            "cluster",
            target,
            kube_version=stack.kube_version,
            upsert_existing_objects=stack.adopt,
        ),
        address=contract.gateway_address,
    )


def deploy(stack: Settings, foundation: Foundation) -> None:
    """Bring up Bookinfo, and let requests in last."""
    contract, provider = foundation.contract, foundation.provider
    proxies = contract.proxies(stack.bookinfo_revision)
    namespace = InjectedNamespace(
        "bookinfo",
        InjectedNamespaceArgs(
            namespace=stack.bookinfo_namespace,
            data_plane=stack.data_plane,
            pod_security=stack.pod_security,
            pull_secret=stack.pull_secret,
            revision=proxies.label,
            app_host=stack.bookinfo_host if stack.mode == "app" else None,
        ),
        pulumi.ResourceOptions(provider=provider, depends_on=foundation.injects),
    )

    # Policies are in force before the first request, and until after the last one.
    security = MeshSecurity(
        "security",
        MeshSecurityArgs(stack=stack, ingress=contract.gateway.identity),
        # Any of the stack's namespaces may have a policy of its own.
        pulumi.ResourceOptions(
            provider=provider,
            depends_on=ready.all_ready(foundation.lets_in, namespace.ready),
        ),
    )

    bookinfo = Bookinfo(
        "bookinfo",
        BookinfoArgs(
            stack=stack,
            sample=foundation.layout.sample,
            injector=foundation.injectors.get(proxies.revision),
            revision_mark=proxies.mark,
        ),
        pulumi.ResourceOptions(
            provider=provider,
            depends_on=ready.all_ready(foundation.lets_in, namespace.ready, security.ready),
        ),
    )

    # Routes come last: until they are there, the gateway lets nobody in.
    routes = BookinfoRoutes(
        "bookinfo-routes",
        BookinfoRoutesArgs(
            stack=stack, gateway=contract.gateway, networking=foundation.layout.networking
        ),
        pulumi.ResourceOptions(provider=provider, depends_on=bookinfo.ready),
    )

    pulumi.export("bookinfoNamespace", stack.bookinfo_namespace)
    pulumi.export("bookinfoUrl", routes.url)
