"""A second Bookinfo, as another stack would have it: with its own namespace and host."""

import json
from typing import Any

import lightkube
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Service, ServiceAccount

from mesh.bookinfo import istio_routes
from traffic.stack import HOST, NAMESPACE

TWIN = "bookinfo-twin"
"""Its namespace."""
TWINS_HOST = f"{TWIN}.localhost"
NETWORKING = ("networking.istio.io", "v1")
Gateway = create_namespaced_resource(*NETWORKING, "Gateway", "gateways")
# Routes last: they name objects that must exist.
KINDS = (
    ServiceAccount,
    Service,
    Deployment,
    Gateway,
    create_namespaced_resource(*NETWORKING, "DestinationRule", "destinationrules"),
    create_namespaced_resource(*NETWORKING, "VirtualService", "virtualservices"),
)
GIVEN = ("clusterIP", "clusterIPs")
"""The fields that the API server sets in each Service."""


def make(client: lightkube.Client) -> None:
    """Copy the stack's Bookinfo, with the second host."""
    labels = dict(client.get(Namespace, NAMESPACE).metadata.labels or {})
    labels.pop("kubernetes.io/metadata.name")
    client.apply(Namespace(metadata=ObjectMeta(name=TWIN, labels=labels)))
    for kind in KINDS:
        for live in client.list(kind, namespace=NAMESPACE):
            if live.metadata.name != "default":
                client.apply(kind.from_dict(_moved(live)))
    for live in client.list(Deployment, namespace=TWIN):
        name = str(live.metadata.name)
        client.wait(Deployment, name, for_conditions=["Available"], namespace=TWIN)


def secure(client: lightkube.Client, credential: str) -> None:
    """Give its host a certificate of its own, as its stack would."""
    gateway = client.get(Gateway, istio_routes.GATEWAY, namespace=TWIN)
    [plain] = gateway["spec"]["servers"]
    https = {
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "hosts": [TWINS_HOST],
        "tls": {"mode": "SIMPLE", "credentialName": credential},
    }
    metadata = ObjectMeta(name=istio_routes.GATEWAY, namespace=TWIN)
    spec = {**gateway["spec"], "servers": [plain, https]}
    client.apply(Gateway(metadata=metadata, spec=spec))


def _moved(live: Any) -> dict[str, Any]:
    found = json.loads(json.dumps(live.to_dict()).replace(HOST, TWINS_HOST))
    name, labels = live.metadata.name, found["metadata"].get("labels")
    spec = {key: value for key, value in (found.get("spec") or {}).items() if key not in GIVEN}
    known = {key: found[key] for key in ("apiVersion", "kind") if key in found}
    metadata = {"name": name, "namespace": TWIN, "labels": labels}
    return {**known, "metadata": metadata, **({"spec": spec} if spec else {})}
