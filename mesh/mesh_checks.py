"""What must hold in a running mesh: one function a concern, each over what one look found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mesh import skew
from mesh.injected_pod import has_proxy
from mesh.revisions import DEFAULT
from mesh.running_mesh import REVISION, RunningMesh
from mesh.settings import Settings

Manifest = Mapping[str, Any]
Status = Literal["ok", "warning", "wrong"]
INJECT = "sidecar.istio.io/inject"
ISTIOD_SINCE = (1, 5, 0)
"""The release in which istiod took the place of pilot, citadel, galley and the injector."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found of one thing."""

    check: str
    subject: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The cluster as one look found it."""

    mesh: RunningMesh
    deployments: Sequence[Manifest]
    """Those of the control plane's namespace."""
    webhooks: Sequence[Manifest]
    """Configurations of Istio's mutating and validating webhooks."""
    services: Sequence[Manifest]
    pods: Sequence[Manifest]
    """Those that run or are about to, of all namespaces."""


def control_plane(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Every Deployment of the mesh's namespace is ready, an istiod of each revision among them."""
    names = {deployment["metadata"]["name"] for deployment in snapshot.deployments}
    for name in _istiods(stack):
        if name not in names:
            yield Finding(
                check="control plane",
                subject=name,
                status="wrong",
                found=f"not in namespace {stack.istio_namespace}",
                remedy="deploy the stack: make up",
            )
    for deployment in snapshot.deployments:
        name = deployment["metadata"]["name"]
        wanted = deployment["spec"].get("replicas", 1)
        ready = deployment.get("status", {}).get("readyReplicas", 0)
        labels = deployment["spec"]["selector"]["matchLabels"]
        pods = ",".join(f"{key}={value}" for key, value in labels.items())
        remedy = f"kubectl describe pods -n {stack.istio_namespace} -l {pods}"
        if wanted == 0:
            remedy = "make up: it starts what was scaled to 0"
        is_ready = 0 < wanted <= ready
        yield Finding(
            check="control plane",
            subject=name,
            status="ok" if is_ready else "wrong",
            found=f"{ready} of {wanted} pods ready",
            remedy="" if is_ready else remedy,
        )


def webhooks(snapshot: Snapshot) -> Iterator[Finding]:
    """Each has the certificate that the API server trusts it by, and a Service to call."""
    services = {_key(service) for service in snapshot.services}
    for webhook in snapshot.webhooks:
        name = webhook["metadata"]["name"]
        clients = [each["clientConfig"] for each in webhook.get("webhooks", [])]
        gone = {
            f"{service['namespace']}/{service['name']}"
            for client in clients
            if (service := client.get("service"))
        } - services
        lacking = sum(not client.get("caBundle") for client in clients)
        kind = webhook["kind"].lower()
        status: Status = "wrong" if gone or lacking else "ok"
        found, remedy = f"a caBundle in {len(clients)} of {len(clients)}", ""
        if gone:
            found = f"no Service {', '.join(sorted(gone))}: left by an install that is gone"
            remedy = f"kubectl delete {kind} {name}"
        elif lacking:
            found = f"a caBundle in {len(clients) - lacking} of {len(clients)}"
            remedy = "istiod writes it: see why it doesn't: kubectl logs deployment/istiod"
        yield Finding(check="webhook", subject=name, status=status, found=found, remedy=remedy)


def sidecars(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Each pod has a proxy where its namespace, its own label or the stack asks for one."""
    asking = set(snapshot.mesh.asked_for)
    if stack.data_plane.has_sidecars:
        asking.add(stack.bookinfo_namespace)
    complete: dict[str, int] = dict.fromkeys(sorted(asking), 0)
    for pod in snapshot.pods:
        metadata = pod["metadata"]
        namespace = metadata["namespace"]
        if has_proxy(pod["spec"]):
            complete[namespace] = complete.get(namespace, 0) + 1
        elif _wants_proxy(pod, asked=namespace in asking):
            yield Finding(
                check="sidecar",
                subject=_key(pod),
                status="wrong",
                found="no istio-proxy: made before the namespace's label, or past the injector",
                remedy=_restart(pod),
            )
    for namespace, count in complete.items():
        yield Finding(
            check="sidecar",
            subject=namespace,
            status="ok",
            found=f"{count} pods with istio-proxy",
        )


def gateways(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Each gateway of the stack has its Service, and an address where it asks for one."""
    services = {_key(service): service for service in snapshot.services}
    suffix = "" if stack.routing_api == "istio" else "-istio"
    for gateway in stack.gateways:
        namespace = gateway.namespace or stack.istio_namespace
        name = f"{gateway.name}{suffix}"
        service = services.get(f"{namespace}/{name}")
        status: Status = "wrong"
        remedy = f"kubectl describe service {name} -n {namespace}"
        if service is None:
            found, remedy = "no such Service", "deploy the stack: make up"
        elif service["spec"].get("type") != "LoadBalancer":
            status, found = "ok", f"{service['spec'].get('type')}: no address to wait for"
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


def versions(snapshot: Snapshot) -> Iterator[Finding]:
    """No proxy is newer than the istiod that it asks, nor more than a minor older."""
    istiods = {istiod.answers_to: istiod.version for istiod in snapshot.mesh.istiods}
    same: dict[str, int] = {}
    for pod in snapshot.pods:
        proxy = _proxy_version(pod["spec"])
        revision = (pod["metadata"].get("annotations") or {}).get(REVISION)
        if not proxy or not revision:
            continue
        subject = _key(pod)
        if revision not in istiods:
            yield Finding(
                check="version",
                subject=subject,
                status="wrong",
                found=f"its proxy asks an istiod of revision {revision}, and there is none",
                remedy=_restart(pod),
            )
            continue
        istiod = istiods[revision]
        if istiod is None or proxy == istiod:
            same[revision] = same.get(revision, 0) + 1
            continue
        rule = skew.proxy(istiod, proxy)
        yield Finding(
            check="version",
            subject=subject,
            status="wrong" if rule else "warning",
            found=f"proxy {proxy}, istiod {istiod}" + (f"; {rule}" if rule else ""),
            remedy=_restart(pod),
        )
    for revision, count in same.items():
        yield Finding(
            check="version",
            subject=f"revision {revision}",
            status="ok",
            found=f"{count} proxies of istiod's version, {istiods[revision] or 'whatever it is'}",
        )


def leftovers(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Name the control planes and injectors that no stack owns; other stacks' are theirs."""
    for part in (*snapshot.mesh.istiods, *snapshot.mesh.injectors):
        of = snapshot.mesh.owner(part)
        if of is None and part.home != stack.istio_namespace:
            yield Finding(
                check="leftover",
                subject=part.name,
                status="warning",
                found=f"{part}: no stack owns it",
                remedy="remove it with the tool that made it, unless it is in use",
            )


def has_istiod(stack: Settings) -> bool:
    """Whether the stack's release is of the time of istiod."""
    return (skew.parse(stack.istio_version) or ISTIOD_SINCE) >= ISTIOD_SINCE


def _istiods(stack: Settings) -> Iterator[str]:
    """Name the Deployments that a stack's revisions come to."""
    if not has_istiod(stack):
        return
    yield "istiod" if stack.revision in (None, DEFAULT) else f"istiod-{stack.revision}"
    if stack.canary:
        yield f"istiod-{stack.canary.revision}"


def _wants_proxy(pod: Manifest, *, asked: bool) -> bool:
    """Decide as the injector does: a pod's own word goes before its namespace's."""
    metadata = pod["metadata"]
    own = (metadata.get("labels") or {}).get(INJECT)
    own = own or (metadata.get("annotations") or {}).get(INJECT)
    if pod["spec"].get("hostNetwork"):
        return False
    return own == "true" if own else asked


def _restart(pod: Manifest) -> str:
    """Say how a pod is made anew: by its workload, or by hand where it has none."""
    metadata = pod["metadata"]
    namespace = metadata["namespace"]
    for owner in metadata.get("ownerReferences") or ():
        kind, name = owner["kind"].lower(), owner["name"]
        if kind == "replicaset":
            suffix = (metadata.get("labels") or {}).get("pod-template-hash", "")
            kind, name = "deployment", name.removesuffix(f"-{suffix}")
        if kind in ("deployment", "statefulset", "daemonset"):
            return f"kubectl rollout restart {kind}/{name} -n {namespace}"
        return f"make it anew by its {kind} {name}"
    return f"delete it and make it anew: kubectl delete pod {metadata['name']} -n {namespace}"


def _address(service: Manifest) -> str:
    balancer = service.get("status", {}).get("loadBalancer") or {}
    points = balancer.get("ingress") or [{}]
    return points[0].get("ip") or points[0].get("hostname") or ""


def _proxy_version(spec: Manifest) -> str | None:
    """Read the proxy's version from its image's tag."""
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    image = next((c.get("image", "") for c in containers if c["name"] == "istio-proxy"), "")
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag if skew.parse(tag) else None


def _key(manifest: Manifest) -> str:
    return f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
