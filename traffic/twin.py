"""A second Bookinfo, as another stack would have it: with its own namespace and host."""

import json
from typing import Any

import lightkube
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Service, ServiceAccount

NETWORKING = ("networking.istio.io", "v1")
# Routes last: they name objects that must exist.
KINDS = (
    ServiceAccount,
    Service,
    Deployment,
    create_namespaced_resource(*NETWORKING, "Gateway", "gateways"),
    create_namespaced_resource(*NETWORKING, "DestinationRule", "destinationrules"),
    create_namespaced_resource(*NETWORKING, "VirtualService", "virtualservices"),
)
GIVEN = ("clusterIP", "clusterIPs")
"""The fields that the API server sets in each Service."""


def make(client: lightkube.Client, namespace: str, twin: str, hosts: tuple[str, str]) -> None:
    """Copy Bookinfo's objects from a namespace to a second one, with the second host."""
    labels = dict(_metadata(client.get(Namespace, namespace)).labels or {})
    labels.pop("kubernetes.io/metadata.name")
    client.apply(Namespace(metadata=ObjectMeta(name=twin, labels=labels)))
    for kind in KINDS:
        for live in client.list(kind, namespace=namespace):
            if _metadata(live).name != "default":
                client.apply(kind.from_dict(_moved(live, twin, hosts)))
    for live in client.list(Deployment, namespace=twin):
        client.wait(Deployment, _name(live), for_conditions=["Available"], namespace=twin)


def _moved(live: Any, twin: str, hosts: tuple[str, str]) -> dict[str, Any]:
    found = json.loads(json.dumps(live.to_dict()).replace(*hosts))
    metadata = {"name": _name(live), "namespace": twin, "labels": found["metadata"].get("labels")}
    spec = {key: value for key, value in (found.get("spec") or {}).items() if key not in GIVEN}
    known = {key: found[key] for key in ("apiVersion", "kind") if key in found}
    return {**known, "metadata": metadata, **({"spec": spec} if spec else {})}


def _metadata(live: Any) -> ObjectMeta:
    return live.metadata


def _name(live: Any) -> str:
    return str(live.metadata.name)
