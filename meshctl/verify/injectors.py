"""Checks of injectors: each revision or tag that pods ask for has one."""

from collections.abc import Iterator

from mesh.istio.running_mesh import RunningMesh
from mesh.preflight import remedies
from mesh.settings.labels import INJECT, INJECTION, REVISION
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import Manifest, labels_of
from meshctl.manifests.selection import matches
from meshctl.verify.control_plane import revision_names
from meshctl.verify.snapshot import Finding, Snapshot


def check(snapshot: Snapshot, settings: Settings | None) -> Iterator[Finding]:
    """Check that each revision or tag asked for has an injector: without it pods get no sidecar."""
    mesh = snapshot.mesh
    asking: dict[str, set[str]] = {}
    for namespace in settings.namespaces if settings else mesh.revision_by_namespace:
        if name := mesh.revision_by_namespace.get(namespace):
            asking.setdefault(name, set()).add(namespace)
    for pod in snapshot.pods:
        namespace = pod["metadata"]["namespace"]
        if wants_proxy(pod, asked=namespace in mesh.revision_by_namespace):
            asking.setdefault(asked_by(pod, mesh), set()).add(namespace)
    there = sorted({part.revision or DEFAULT for part in mesh.injectors})
    for name in sorted(asking.keys() - there):
        yield Finding(
            check="webhook",
            subject=f"injector {name}",
            status="wrong",
            found=f"no MutatingWebhookConfiguration for {name}, but labels ask for it in namespace "
            f"{', '.join(sorted(asking[name]))}: new pods get no istio-proxy",
            remedy=remedies.bring_back(remedies.platform_of(settings))
            if settings and name in revision_names(settings)
            else f"label the namespaces with an existing revision or tag ({', '.join(there)}) "
            f"instead of {REVISION}={name}",
        )


def rivals(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that no two injectors of different istiods inject the pods of one namespace."""
    for namespace in snapshot.namespaces:
        name, labels = namespace["metadata"]["name"], labels_of(namespace)
        answering = {
            webhook["metadata"]["name"]: service
            for webhook in snapshot.webhooks
            if webhook["kind"].startswith("Mutating")
            for each in webhook.get("webhooks") or ()
            if matches(each.get("namespaceSelector"), labels)
            and matches(each.get("objectSelector"), {})
            and (service := _istiod_of(each))
        }
        if len(set(answering.values())) > 1:
            names = sorted(answering)
            yield Finding(
                check="webhook",
                subject=f"namespace {name}",
                status="wrong",
                found=f"{len(names)} injectors inject its pods, {' and '.join(names)}, of the "
                f"istiods {' and '.join(sorted(set(answering.values())))}: which of them counts "
                "isn't defined",
                remedy="keep one as the default, and delete the configuration of the other: "
                f"kubectl delete mutatingwebhookconfiguration {' or '.join(names)}",
            )


def labels(snapshot: Snapshot) -> Iterator[Finding]:
    """Warn of namespaces with both labels for injection: only one of them counts."""
    for namespace in snapshot.namespaces:
        found = labels_of(namespace)
        if INJECTION in found and REVISION in found:
            name = namespace["metadata"]["name"]
            yield Finding(
                check="namespace",
                subject=name,
                status="warning",
                found=f"has both {INJECTION}={found[INJECTION]} and {REVISION}={found[REVISION]}: "
                f"{INJECTION} wins, and the revision isn't asked",
                remedy=f"take one off: kubectl label namespace {name} {INJECTION}-",
            )


def _istiod_of(webhook: Manifest) -> str:
    """Return where a webhook's calls go: its Service, or its URL; empty if nowhere."""
    client = webhook["clientConfig"]
    service = client.get("service")
    return f"{service['namespace']}/{service['name']}" if service else client.get("url", "")


def has_injector(pod: Manifest, mesh: RunningMesh) -> bool:
    """Return whether an injector would inject the pod if it were recreated."""
    return asked_by(pod, mesh) in {part.revision for part in mesh.injectors}


def asked_by(pod: Manifest, mesh: RunningMesh) -> str:
    """Return the revision or tag that a pod asks for; its namespace's label wins over its own."""
    metadata = pod["metadata"]
    own = (metadata.get("labels") or {}).get(REVISION)
    return mesh.revision_by_namespace.get(metadata["namespace"]) or own or DEFAULT


def wants_proxy(pod: Manifest, *, asked: bool) -> bool:
    """Return whether a pod asks for a proxy; its own label or annotation wins over `asked`."""
    metadata = pod["metadata"]
    own = (metadata.get("labels") or {}).get(INJECT)
    own = own or (metadata.get("annotations") or {}).get(INJECT)
    if pod["spec"].get("hostNetwork"):
        return False
    return own == "true" if own else asked
