"""What must hold in a running mesh: one function a concern, each over what one look found.

What must hold of its pods is in meshctl.verify.pods.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mesh.istio import versions as skew
from mesh.istio.running_mesh import RunningMesh
from mesh.preflight import remedies
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings

Manifest = Mapping[str, Any]
Status = Literal["ok", "warning", "wrong"]


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
    """Those of all namespaces."""
    webhooks: Sequence[Manifest]
    """Configurations of Istio's mutating and validating webhooks."""
    services: Sequence[Manifest]
    pods: Sequence[Manifest]
    """Those that run or are about to, of all namespaces."""


def control_plane(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Every Deployment of the mesh's namespace is ready, an istiod of each revision among them."""
    home = stack.istio_namespace
    there = {key(deployment) for deployment in snapshot.deployments}
    for name in _istiods(stack):
        if f"{home}/{name}" not in there:
            yield Finding(
                check="control plane",
                subject=name,
                status="wrong",
                found=f"not in namespace {home}",
                remedy=remedies.bring_back(remedies.platform_of(stack)),
            )
    for deployment in snapshot.deployments:
        if deployment["metadata"]["namespace"] == home:
            name = deployment["metadata"]["name"]
            yield _rollout("control plane", name, deployment, remedies.make_up())


def bookinfo(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Each version of Bookinfo's services has its Deployment, with all pods ready."""
    home = stack.bookinfo_namespace
    if home not in stack.namespaces:
        return
    there = {key(deployment): deployment for deployment in snapshot.deployments}
    names = [
        f"{service}-{version}"
        for service, versions in stack.bookinfo_versions.items()
        for version in versions
    ]
    if missing := [name for name in names if f"{home}/{name}" not in there]:
        yield Finding(
            check="bookinfo",
            subject=home,
            status="wrong",
            found=f"no Deployment {', '.join(missing)}",
            remedy=remedies.bring_back(),
        )
    rollouts = [
        _rollout("bookinfo", each, there[each], remedies.bring_back())
        for name in names
        if (each := f"{home}/{name}") in there
    ]
    wrong = [finding for finding in rollouts if finding.status == "wrong"]
    yield from wrong
    if not missing and not wrong:
        yield Finding(
            check="bookinfo",
            subject=home,
            status="ok",
            found=f"{len(names)} of {len(names)} Deployments ready",
        )


def _rollout(check: str, subject: str, deployment: Manifest, started_by: str) -> Finding:
    """Compare the pods that a Deployment has with those that it asks for."""
    wanted = deployment["spec"].get("replicas", 1)
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    pods = _selector(deployment["spec"]["selector"]["matchLabels"])
    remedy = f"kubectl describe pods -n {deployment['metadata']['namespace']} -l {pods}"
    if wanted == 0:
        remedy = f"start what was scaled to 0: {started_by}"
    is_ready = 0 < wanted <= ready
    return Finding(
        check=check,
        subject=subject,
        status="ok" if is_ready else "wrong",
        found=f"{ready} of {wanted} pods ready",
        remedy="" if is_ready else remedy,
    )


def webhooks(snapshot: Snapshot) -> Iterator[Finding]:
    """Each has the certificate that the API server trusts it by, and a Service to call."""
    services = {key(service) for service in snapshot.services}
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


def gateways(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Each gateway of the stack has its Service, a pod, and an address where it asks for one."""
    services = {key(service): service for service in snapshot.services}
    for gateway in stack.gateways:
        namespace = stack.namespace_of(gateway)
        name = gateway.proxy_name(stack.routing_api)
        service = services.get(f"{namespace}/{name}")
        status: Status = "wrong"
        remedy = f"kubectl describe service {name} -n {namespace}"
        if service is None:
            found = "no such Service"
            remedy = remedies.bring_back(remedies.platform_of(stack))
        elif selector := _deserted(service, snapshot.pods):
            found = "no pod behind it is ready"
            remedy = f"kubectl get deployments,pods -n {namespace} -l {selector}"
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


def leftovers(snapshot: Snapshot, stack: Settings) -> Iterator[Finding]:
    """Name control planes and injectors that the stack didn't ask for; other stacks' are theirs."""
    wanted = names(stack)
    answering = Counter(injector.answers_to for injector in snapshot.mesh.injectors)
    for part in (*snapshot.mesh.istiods, *snapshot.mesh.injectors):
        reason = None
        if part.home == stack.istio_namespace:
            if part.answers_to not in wanted:
                reason = f"the stack has no revision or tag {part.answers_to}"
            elif part in snapshot.mesh.injectors and answering[part.answers_to] > 1:
                reason = f"{answering[part.answers_to]} injectors answer to {part.answers_to}"
        elif snapshot.mesh.owner(part) is None:
            reason = "no stack owns it"
        if reason:
            yield Finding(
                check="leftover",
                subject=part.name,
                status="warning",
                found=f"{part}: {reason}",
                remedy=f"what the stack made goes with {remedies.make_up()}, once nothing uses it; "
                "what another tool made, remove with that tool",
            )


def names(stack: Settings) -> set[str]:
    """Name the revisions and tags of the stack's control planes, which are an app's platform's."""
    if platform := stack.platform_contract:
        return {*platform.versions, *platform.revision_tags}
    canary = {stack.canary.revision} if stack.canary else set()
    return {stack.revision or DEFAULT, *stack.revision_tags, *canary}


def has_istiod(stack: Settings) -> bool:
    """Whether the stack's release is of the time of istiod."""
    return (skew.parse(stack.istio_version) or skew.ISTIOD) >= skew.ISTIOD


def _istiods(stack: Settings) -> Iterator[str]:
    """Name the Deployments that a stack's revisions come to."""
    if not has_istiod(stack):
        return
    yield "istiod" if stack.revision in (None, DEFAULT) else f"istiod-{stack.revision}"
    if stack.canary:
        yield f"istiod-{stack.canary.revision}"


def _deserted(service: Manifest, pods: Sequence[Manifest]) -> str:
    """Return the selector of a Service that no ready pod answers for, else nothing."""
    selector = service["spec"].get("selector") or {}
    for pod in pods:
        metadata, conditions = pod["metadata"], pod.get("status", {}).get("conditions", ())
        is_ready = any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)
        is_here = metadata["namespace"] == service["metadata"]["namespace"]
        if is_ready and is_here and selector.items() <= (metadata.get("labels") or {}).items():
            return ""
    return _selector(selector)


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(map("=".join, labels.items()))


def _address(service: Manifest) -> str:
    balancer = service.get("status", {}).get("loadBalancer") or {}
    points = balancer.get("ingress") or [{}]
    return points[0].get("ip") or points[0].get("hostname") or ""


def key(manifest: Manifest) -> str:
    """Name an object by its namespace and its name."""
    return f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
