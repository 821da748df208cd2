"""The objects of a running cluster that a picture is drawn from."""

from collections.abc import Iterator
from typing import Any

from httpx2 import HTTPStatusError
from lightkube import Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, Service

from meshctl.manifests.selection import stays
from meshctl.topology.objects import KUBERNETES_GATEWAY, Objects

NETWORKING, SECURITY = "networking.istio.io", "security.istio.io"
CUSTOM = (
    (NETWORKING, "VirtualService", "virtualservices"),
    (NETWORKING, "DestinationRule", "destinationrules"),
    (NETWORKING, "Gateway", "gateways"),
    (NETWORKING, "ServiceEntry", "serviceentries"),
    (SECURITY, "PeerAuthentication", "peerauthentications"),
    (SECURITY, "AuthorizationPolicy", "authorizationpolicies"),
    (KUBERNETES_GATEWAY, "Gateway", "gateways"),
    (KUBERNETES_GATEWAY, "HTTPRoute", "httproutes"),
)
"""The custom resources that say who calls whom, by group, kind and plural."""
VERSIONS = ("v1", "v1alpha3")
"""The versions of these APIs; Istio before 1.5 has the second one only."""
NOT_FOUND = 404


def read(client: Client, istio_namespace: str) -> Objects:
    """Read the objects of all namespaces: routes and policies may be in any of them.

    Raises httpx2.HTTPStatusError when the API server refuses it.
    """
    found = [
        *_typed(client, "v1", Namespace),
        *_typed(client, "v1", Service),
        *_typed(client, "apps/v1", Deployment),
        *filter(stays, _typed(client, "v1", Pod)),
        *_tagged("v1", ConfigMap, client.list(ConfigMap, namespace=istio_namespace)),
    ]
    for group, kind, plural in CUSTOM:
        found += _custom(client, group, kind, plural)
    return Objects(every=tuple(found), is_live=True)


def _typed(client: Client, api_version: str, kind: type[Any]) -> Iterator[dict[str, Any]]:
    listed = client.list(kind) if kind is Namespace else client.list(kind, namespace="*")
    return _tagged(api_version, kind, listed)


def _tagged(api_version: str, kind: type[Any], listed: Any) -> Iterator[dict[str, Any]]:
    """Yield objects with their kind, which the items of a list don't have."""
    for each in listed:
        yield {**each.to_dict(), "apiVersion": api_version, "kind": kind.__name__}


def _custom(client: Client, group: str, kind: str, plural: str) -> list[dict[str, Any]]:
    """List custom resources; none where their CRD isn't installed."""
    for version in VERSIONS:
        resource = create_namespaced_resource(group, version, kind, plural)
        try:
            listed = [each.to_dict() for each in client.list(resource, namespace="*")]
            return [
                {**each, "apiVersion": f"{group}/{version}", "kind": kind}
                for each in listed
                # Only istiod's webhook refuses a route or rule without a spec, and it may be down.
                if each.get("spec") or group != NETWORKING
            ]
        except HTTPStatusError as error:  # a path that isn't served has no ApiError
            if error.response.status_code != NOT_FOUND:
                raise
    return []
