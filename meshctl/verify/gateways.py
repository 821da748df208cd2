"""Checks of the stack's gateways: a Service, a ready pod of the wanted revision, an address."""

from collections.abc import Iterator, Sequence

from mesh.preflight import remedies
from mesh.settings.labels import REVISION
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import Manifest, key
from meshctl.manifests.selection import is_ready, pods_of
from meshctl.verify.snapshot import Finding, Snapshot, Status, selector


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Check that each has a Service, a ready pod, its revision, and an address if it wants one."""
    revision = _revision(settings)
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
        elif others := _of_other_revisions(service, snapshot.pods, revision):
            found = f"has proxies of revision {' and '.join(others)}, not of {revision}"
            remedy = f"kubectl describe deployment {name} -n {namespace}"
        elif service["spec"].get("type") != "LoadBalancer":
            status, found = "ok", f"{service['spec'].get('type')}: needs no external address"
        elif address := address_of(service):
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


def _revision(settings: Settings) -> str:
    """Return the revision that the gateways' proxies are to be of."""
    name = settings.gateway_revision or settings.revision or DEFAULT
    return settings.revision_tags.get(name, name)


def _of_other_revisions(service: Manifest, pods: Sequence[Manifest], wanted: str) -> list[str]:
    """List the revisions of a Service's pods other than the wanted one, each once."""
    found = {
        (pod["metadata"].get("annotations") or {}).get(REVISION, wanted)
        for pod in pods_of(service, pods)
    }
    return sorted(found - {wanted})


def _deserted(service: Manifest, pods: Sequence[Manifest]) -> str:
    """Return the selector of a Service without a ready pod, else an empty text."""
    if any(map(is_ready, pods_of(service, pods))):
        return ""
    return selector(service["spec"].get("selector") or {})


def address_of(service: Manifest) -> str:
    """Return the IP or host name of a Service's load balancer; empty without one."""
    balancer = service.get("status", {}).get("loadBalancer") or {}
    points = balancer.get("ingress") or [{}]
    return points[0].get("ip") or points[0].get("hostname") or ""
