"""Checks of the stack's gateways: a Service, a ready pod, an address."""

from collections.abc import Iterator, Sequence

from mesh.preflight import remedies
from mesh.settings.schema import Settings
from meshctl.verify.snapshot import Finding, Manifest, Snapshot, Status, key, selector


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Check that each gateway has a Service, a ready pod, and an address if it asks for one."""
    services = {key(service): service for service in snapshot.services}
    for gateway in settings.gateways:
        namespace = settings.namespace_of(gateway)
        name = gateway.proxy_name(settings.routing_api)
        service = services.get(f"{namespace}/{name}")
        status: Status = "wrong"
        remedy = f"kubectl describe service {name} -n {namespace}"
        if service is None:
            found = "its Service doesn't exist"
            remedy = remedies.bring_back(remedies.platform_of(settings))
        elif pods := _deserted(service, snapshot.pods):
            found = "none of its pods is ready"
            remedy = f"kubectl get deployments,pods -n {namespace} -l {pods}"
        elif service["spec"].get("type") != "LoadBalancer":
            status, found = "ok", f"{service['spec'].get('type')}: needs no external address"
        elif address := _address(service):
            status, found = "ok", address
        else:
            found = "its load balancer has no address"
        yield Finding(
            check="gateway",
            subject=f"{namespace}/{name}",
            status=status,
            found=found,
            remedy="" if status == "ok" else remedy,
        )


def _deserted(service: Manifest, pods: Sequence[Manifest]) -> str:
    """Return the selector of a Service without a ready pod, else an empty text."""
    labels = service["spec"].get("selector") or {}
    for pod in pods:
        metadata, conditions = pod["metadata"], pod.get("status", {}).get("conditions", ())
        is_ready = any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)
        is_here = metadata["namespace"] == service["metadata"]["namespace"]
        if is_ready and is_here and labels.items() <= (metadata.get("labels") or {}).items():
            return ""
    return selector(labels)


def _address(service: Manifest) -> str:
    balancer = service.get("status", {}).get("loadBalancer") or {}
    points = balancer.get("ingress") or [{}]
    return points[0].get("ip") or points[0].get("hostname") or ""
