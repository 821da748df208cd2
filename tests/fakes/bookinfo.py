"""Bookinfo as it runs in a small mesh, as objects of an API server, made up for the tests."""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

ISTIO = "1.30.8"
VERSIONS = {"productpage": 1, "details": 1, "reviews": 3, "ratings": 1}


def obj(
    kind: str, name: str, namespace: str = "bookinfo", *, api: str = "v1", **fields: Any
) -> Object:
    """Return an object; its metadata may have labels."""
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels := fields.pop("labels", None):
        metadata["labels"] = labels
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def networking(kind: str, name: str, **spec: Any) -> Object:
    """Return an object of Istio's API for routes."""
    return obj(kind, name, api="networking.istio.io/v1", spec=spec)


def security(kind: str, name: str, namespace: str = "bookinfo", **spec: Any) -> Object:
    """Return an object of Istio's API for security."""
    return obj(kind, name, namespace, api="security.istio.io/v1", spec=spec)


def workload(name: str, labels: Mapping[str, str], **more: Any) -> list[Object]:
    """Return a Deployment and its pod, with a sidecar of `proxy` unless that is empty."""
    namespace, proxy = more.get("namespace", "bookinfo"), more.get("proxy", ISTIO)
    ready, revision = more.get("ready", 1), more.get("revision", "default")
    app: Object = {"containers": [{"name": "app", "image": "app:1"}]}
    app["serviceAccountName"] = more.get("account", name)
    template = {"metadata": {"labels": dict(labels)}, "spec": app}
    spec = {"replicas": 1, "selector": {"matchLabels": dict(labels)}, "template": template}
    sidecar = {"name": "istio-proxy", "image": f"istio/proxyv2:{proxy}"}
    pod = obj("Pod", f"{name}-x", namespace, labels=dict(labels), spec=dict(app))
    if proxy:
        pod["spec"] = {**app, "initContainers": [sidecar]}
        pod["metadata"]["annotations"] = {"istio.io/rev": revision}
    deployment = obj("Deployment", name, namespace, api="apps/v1", spec=spec)
    return [{**deployment, "status": {"readyReplicas": ready}}, pod]


def version(service: str, number: int = 1, **more: Any) -> list[Object]:
    """Return a version of a service, with its account as in Istio's sample."""
    labels = {"app": service, "version": f"v{number}"}
    return workload(f"{service}-v{number}", labels, account=f"bookinfo-{service}", **more)


def istiod(tag: str = ISTIO, revision: str = "default") -> Object:
    """Return a control plane."""
    name = "istiod" if revision == "default" else f"istiod-{revision}"
    containers = [{"name": "discovery", "image": f"docker.io/istio/pilot:{tag}"}]
    labels = {"app": "istiod", "istio.io/rev": revision}
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    found = obj("Deployment", name, "istio-system", api="apps/v1", labels=labels, spec=spec)
    return {**found, "status": {"readyReplicas": 1}}


def front() -> list[Object]:
    """Return an ingress gateway, and the route by which it leads to productpage."""
    labels = {"istio": "ingressgateway"}
    deployment, _ = workload("ingress", labels, namespace="istio-system", account="ingress")
    deployment["spec"]["template"]["metadata"]["annotations"] = {
        "inject.istio.io/templates": "gateway"
    }
    servers = [{"hosts": ["books.example.com"], "port": {"number": 80, "protocol": "HTTP"}}]
    route = {"route": [{"destination": {"host": "productpage"}}]}
    return [
        deployment,
        networking("Gateway", "door", selector=labels, servers=servers),
        networking(
            "VirtualService", "door", hosts=["books.example.com"], gateways=["door"], http=[route]
        ),
    ]


def service(name: str) -> Object:
    """Return a Service of all versions."""
    return obj("Service", name, spec={"selector": {"app": name}, "ports": [{"port": 9080}]})


def subsets(name: str, *versions: str) -> Object:
    """Return a DestinationRule with a subset for each version."""
    found = [{"name": each, "labels": {"version": each}} for each in versions]
    return networking("DestinationRule", name, host=name, subsets=found)


def mesh() -> list[Object]:
    """Return Bookinfo with sidecars, behind an ingress gateway."""
    return [
        obj("Namespace", "bookinfo", "", labels={"istio-injection": "enabled"}),
        istiod(),
        *front(),
        *(service(name) for name in VERSIONS),
        *(
            each
            for name, count in VERSIONS.items()
            for number in range(1, count + 1)
            for each in version(name, number)
        ),
    ]


def without(objects: list[Object], *names: str) -> list[Object]:
    """Return objects without those whose names begin so."""
    return [each for each in objects if not each["metadata"]["name"].startswith(names)]
