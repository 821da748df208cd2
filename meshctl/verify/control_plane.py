"""Checks of the control plane: its Deployments, and leftovers that no stack owns."""

from collections import Counter
from collections.abc import Iterator

from mesh.istio import versions
from mesh.preflight import remedies
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import key
from meshctl.manifests.selection import is_ready, pods_of
from meshctl.verify.snapshot import Finding, Snapshot, rollout, selector


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Check that each revision has an istiod, and that all Deployments next to it are ready."""
    namespace = settings.istio_namespace
    there = {key(deployment) for deployment in snapshot.deployments}
    for name in _istiods(settings):
        if f"{namespace}/{name}" not in there:
            yield Finding(
                check="control plane",
                subject=name,
                status="wrong",
                found=f"not in namespace {namespace}",
                remedy=remedies.bring_back(remedies.platform_of(settings)),
            )
    for deployment in snapshot.deployments:
        if deployment["metadata"]["namespace"] == namespace:
            name = deployment["metadata"]["name"]
            yield rollout("control plane", name, deployment, remedies.make_up())


def found(snapshot: Snapshot) -> Iterator[Finding]:
    """Check the istiods of a mesh without a stack: there is one, and all have their pods."""
    there = {key(deployment): deployment for deployment in snapshot.deployments}
    for istiod in snapshot.mesh.istiods:
        name = f"{istiod.namespace}/{istiod.name}"
        yield rollout(
            "control plane",
            name,
            there[name],
            f"kubectl scale -n {istiod.namespace} deployment/{istiod.name} --replicas=1",
        )
    if is_elsewhere(snapshot):
        yield Finding(
            check="control plane",
            subject="istiod",
            status="ok",
            found="is in another cluster, and the webhooks here call it there",
        )
    elif not snapshot.mesh.istiods:
        yield Finding(
            check="control plane",
            subject="istiod",
            status="wrong",
            found="no namespace has a Deployment with the label app=istiod",
            remedy="install Istio, or name the context of another cluster",
        )


def is_elsewhere(snapshot: Snapshot) -> bool:
    """Return whether the istiod is another cluster's: webhooks call a URL, or a podless Service."""
    without_pods = {
        key(service) for service in snapshot.services if not service["spec"].get("selector")
    }
    clients = [
        each["clientConfig"]
        for webhook in snapshot.webhooks
        for each in webhook.get("webhooks") or ()
    ]
    return not snapshot.mesh.istiods and any(
        client.get("url")
        or (
            (service := client.get("service"))
            and f"{service['namespace']}/{service['name']}" in without_pods
        )
        for client in clients
    )


def endpoints(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that the Services of the webhooks have a ready pod: istiod is reached by them only."""
    services = {key(service): service for service in snapshot.services}
    named = {
        f"{service['namespace']}/{service['name']}"
        for webhook in snapshot.webhooks
        for each in webhook.get("webhooks") or ()
        if (service := each["clientConfig"].get("service"))
    }
    for name in sorted(named & services.keys()):
        service = services[name]
        labels = service["spec"].get("selector")
        if labels and not any(map(is_ready, pods_of(service, snapshot.pods))):
            namespace = service["metadata"]["namespace"]
            yield Finding(
                check="control plane",
                subject=f"Service {name}",
                status="wrong",
                found=f"has no endpoints: no ready pod has the labels {selector(labels)}",
                remedy="compare its selector with the labels of istiod's pods: "
                f"kubectl get pods -n {namespace} --show-labels",
            )


def leftovers(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """List control planes and injectors that no stack owns, or that this one doesn't ask for."""
    wanted = revision_names(settings)
    answering = Counter(injector.revision for injector in snapshot.mesh.injectors)
    for part in (*snapshot.mesh.istiods, *snapshot.mesh.injectors):
        reason = None
        if part.control_plane_namespace == settings.istio_namespace:
            if part.revision not in wanted:
                reason = f"the stack has no revision or tag {part.revision}"
            elif part in snapshot.mesh.injectors and answering[part.revision] > 1:
                reason = f"{answering[part.revision]} injectors serve revision {part.revision}"
        elif snapshot.mesh.owner(part) is None:
            reason = "no stack owns it"
        if reason:
            yield Finding(
                check="leftover",
                subject=part.name,
                status="warning",
                found=f"{part}: {reason}",
                remedy=f"once nothing uses it: {remedies.make_up()} deletes what the stack "
                "created; delete what another tool created with that tool",
            )


def revision_names(settings: Settings) -> set[str]:
    """Return the revisions and tags of the control planes: an app stack's are its platform's."""
    if platform := settings.platform_contract:
        return {*platform.versions, *platform.revision_tags}
    canary = {settings.canary.revision} if settings.canary else set()
    return {settings.revision or DEFAULT, *settings.revision_tags, *canary}


def has_istiod(settings: Settings) -> bool:
    """Return whether the stack's release has istiod, which came with 1.5."""
    return (versions.parse(settings.istio_version) or versions.ISTIOD) >= versions.ISTIOD


def _istiods(settings: Settings) -> Iterator[str]:
    """Return the names of the istiod Deployments of a stack's revisions."""
    if not has_istiod(settings) or settings.remote_control_plane:
        return
    yield "istiod" if settings.revision in (None, DEFAULT) else f"istiod-{settings.revision}"
    if settings.canary:
        yield f"istiod-{settings.canary.revision}"
