"""Workloads: the proxies of Deployments, and what is wrong with their pods."""

from collections.abc import Iterator, Mapping, Sequence

from mesh.istio import versions
from mesh.istio.running_mesh import ISTIODS
from mesh.settings.labels import AMBIENT, DATAPLANE_MODE, INJECT, INJECTION, REVISION
from mesh.settings.revisions import DEFAULT
from meshctl.manifests.manifest import (
    Manifest,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
)
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.topology.objects import Objects
from meshctl.topology.picture import ControlPlane, Proxy, Version

ISTIOD_CONTAINER = "discovery"


def control_planes(objects: Objects) -> tuple[ControlPlane, ...]:
    """List the control planes, each with its version and revision."""
    return tuple(
        ControlPlane(
            name=name_of(each),
            namespace=namespace_of(each),
            version=_tag(each, ISTIOD_CONTAINER),
            revision=labels_of(each).get(REVISION, DEFAULT),
            problems=tuple(rollout(each, objects)),
        )
        for each in objects.of("Deployment")
        if labels_of(each).get("app") in ISTIODS
    )


def version(
    deployment: Manifest, name: str, objects: Objects, planes: Sequence[ControlPlane]
) -> Version:
    """Return a Deployment as a version of a service."""
    pods = objects.pods_of(deployment)
    found = [_proxy(pod, deployment, objects) for pod in pods or [_template(deployment)]]
    lacking = sum(proxy.kind == "none" for proxy in found)
    proxy = max(found, key=lambda each: each.kind == "none")
    problems = list(rollout(deployment, objects))
    if lacking and not _opts_out(deployment, objects):
        some = f" in {lacking} of {len(found)} pods" if lacking < len(found) else ""
        problems.insert(0, f"no sidecar{some}")
    problems += _other_versions(pods, planes)
    has_several = len(planes) > 1
    return Version(
        name=name,
        proxy=Proxy(kind=proxy.kind, revision=proxy.revision if has_several else ""),
        problems=tuple(problems),
    )


def rollout(deployment: Manifest, objects: Objects) -> Iterator[str]:
    """Say in a cluster how many of a Deployment's pods aren't ready."""
    if not objects.is_live:
        return
    wanted = deployment["spec"].get("replicas", 1)
    ready = deployment.get("status", {}).get("readyReplicas") or 0
    if not wanted:
        yield "scaled to 0"
    elif ready < wanted:
        yield f"{ready} of {wanted} ready"


def account_of(deployment: Manifest) -> str:
    """Return the ServiceAccount of a Deployment's pods."""
    return _template(deployment)["spec"].get("serviceAccountName") or "default"


def labels(deployment: Manifest) -> Mapping[str, str]:
    """Return the labels of a Deployment's pods."""
    return labels_of(_template(deployment))


def _template(deployment: Manifest) -> Manifest:
    return deployment["spec"]["template"]


def _proxy(pod: Manifest, deployment: Manifest, objects: Objects) -> Proxy:
    """Return the proxy of a pod; of a pod template, the one that it would get."""
    own, home = labels_of(pod), objects.labels_in(namespace_of(deployment))
    there = proxy_of(pod["spec"]) is not None
    revision = annotations_of(pod).get(REVISION) or own.get(REVISION) or home.get(REVISION)
    if there or (not objects.is_live and _is_injected(pod, home)):
        return Proxy(kind="sidecar", revision=revision or DEFAULT)
    if AMBIENT in (own.get(DATAPLANE_MODE), home.get(DATAPLANE_MODE)):
        return Proxy(kind="ztunnel")
    return Proxy(kind="none")


def _is_injected(template: Manifest, home: Mapping[str, str]) -> bool:
    """Return whether the injector would add a sidecar to new pods."""
    own = labels_of(template).get(INJECT) or annotations_of(template).get(INJECT)
    if own:
        return own == "true"
    if INJECTION in home:  # wins over the label of a revision
        return home[INJECTION] == "enabled"
    return REVISION in home or REVISION in labels_of(template)


def _opts_out(deployment: Manifest, objects: Objects) -> bool:
    """Return whether a label says that the pods shall have no sidecar."""
    template = _template(deployment)
    own = labels_of(template).get(INJECT) or annotations_of(template).get(INJECT)
    return (
        own == "false" or objects.labels_in(namespace_of(deployment)).get(INJECTION) == "disabled"
    )


def _other_versions(pods: Sequence[Manifest], planes: Sequence[ControlPlane]) -> Iterator[str]:
    """Say which proxies have another version than their control plane."""
    by_revision = {plane.revision: plane.version for plane in planes}
    told = set()
    for pod in pods:
        tag = versions.of_image((proxy_of(pod["spec"]) or {}).get("image", ""))
        revision = annotations_of(pod).get(REVISION, DEFAULT)
        wanted = by_revision.get(revision)
        if not versions.parse(tag) or tag == wanted:
            continue
        if planes and wanted is None:
            told.add(f"proxy of {revision}, which has no istiod")
        elif wanted and versions.parse(wanted):
            told.add(f"proxy {tag}, istiod {wanted}")
    yield from sorted(told)


def _tag(deployment: Manifest, container: str) -> str:
    """Return the tag of a container's image."""
    containers = _template(deployment)["spec"].get("containers") or ()
    images = [each.get("image", "") for each in containers if each["name"] == container]
    return versions.of_image(images[0]) if images else ""
