"""Checks of pods: each has the proxy that it asks for, of a version that fits its istiod."""

from collections.abc import Iterator

from mesh.istio import versions
from mesh.istio.running_mesh import RunningMesh
from mesh.settings.labels import INJECT, REVISION
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import Manifest, key
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.control_plane import is_elsewhere
from meshctl.verify.injectors import asked_by, has_injector, wants_proxy
from meshctl.verify.snapshot import Finding, Snapshot


def sidecars(snapshot: Snapshot, settings: Settings | None) -> Iterator[Finding]:
    """Check that each pod has a proxy if its namespace, its label or the stack asks for one."""
    asking = set(snapshot.mesh.revision_by_namespace)
    if (
        settings
        and settings.data_plane.has_sidecars
        and settings.bookinfo_namespace in settings.namespaces
    ):
        asking.add(settings.bookinfo_namespace)
    complete: dict[str, int] = dict.fromkeys(sorted(asking), 0)
    lacking = set()
    for pod in snapshot.pods:
        metadata = pod["metadata"]
        namespace = metadata["namespace"]
        if _is_deployed_by_istio(pod):
            continue
        if proxy_of(pod["spec"]):
            complete[namespace] = complete.get(namespace, 0) + 1
        elif wants_proxy(pod, asked=namespace in asking):
            lacking.add(namespace)
            found = (
                "no istio-proxy: created before the namespace was labelled, or while the injector "
                "was down"
            )
            if not has_injector(pod, snapshot.mesh):
                found = f"no istio-proxy: {asked_by(pod, snapshot.mesh)} has no injector"
            yield Finding(
                check="sidecar",
                subject=key(pod),
                status="wrong",
                found=found,
                remedy=restart(pod, snapshot.mesh),
            )
    for namespace, count in complete.items():
        if not count or namespace in lacking:
            continue
        yield Finding(
            check="sidecar",
            subject=namespace,
            status="ok",
            found=f"{count} {'pod' if count == 1 else 'pods'} with istio-proxy",
        )


def proxy_versions(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that no proxy is newer than its istiod, or more than one minor version older."""
    if is_elsewhere(snapshot):
        return
    istiods = {istiod.revision: istiod.version for istiod in snapshot.mesh.istiods}
    same: dict[str, int] = {}
    for pod in snapshot.pods:
        proxy = _proxy_version(pod["spec"])
        revision = (pod["metadata"].get("annotations") or {}).get(REVISION)
        if not proxy or not revision:
            continue
        subject = key(pod)
        if revision not in istiods:
            yield Finding(
                check="version",
                subject=subject,
                status="wrong",
                found=f"its proxy needs an istiod of revision {revision}, and there is none",
                remedy=restart(pod, snapshot.mesh),
            )
            continue
        istiod = istiods[revision]
        if istiod is None or proxy == istiod:
            same[revision] = same.get(revision, 0) + 1
            continue
        rule = versions.proxy(istiod, proxy)
        yield Finding(
            check="version",
            subject=subject,
            status="wrong" if rule else "warning",
            found=f"proxy {proxy}, istiod {istiod}" + (f"; {rule}" if rule else ""),
            remedy=restart(pod, snapshot.mesh),
        )
    for revision, count in same.items():
        yield Finding(
            check="version",
            subject=f"revision {revision}",
            status="ok",
            found=f"{count} {'proxy' if count == 1 else 'proxies'} of istiod's version, "
            f"{istiods[revision] or 'which is unknown'}",
        )


def restart(pod: Manifest, mesh: RunningMesh) -> str:
    """Return the command that restarts a pod, by its workload if it has one."""
    if not has_injector(pod, mesh):
        return ""  # it would come back without a proxy
    metadata = pod["metadata"]
    namespace = metadata["namespace"]
    for owner in metadata.get("ownerReferences") or ():
        kind, name = owner["kind"].lower(), owner["name"]
        if kind == "replicaset":
            suffix = (metadata.get("labels") or {}).get("pod-template-hash", "")
            kind, name = "deployment", name.removesuffix(f"-{suffix}")
        if kind in ("deployment", "statefulset", "daemonset"):
            return f"kubectl rollout restart {kind}/{name} -n {namespace}"
        return f"recreate the pods of {kind} {namespace}/{name}"
    return (
        f"delete the pod and create it again: kubectl delete pod {metadata['name']} -n {namespace}"
    )


def _is_deployed_by_istio(pod: Manifest) -> bool:
    """Return whether a pod's proxy is no sidecar: a waypoint, a Gateway's, or a node's ztunnel."""
    refused = (pod["metadata"].get("labels") or {}).get(INJECT) == "false"
    return refused and proxy_of(pod["spec"]) is not None


def _proxy_version(spec: Manifest) -> str | None:
    """Return the proxy's version from its image's tag, or None."""
    tag = versions.of_image((proxy_of(spec) or {}).get("image", ""))
    return tag if versions.parse(tag) else None
