"""Workloads are in the mesh: what is outside has no mutual TLS, no policies and no telemetry."""

from collections.abc import Iterator, Mapping, Sequence

from mesh.settings.labels import DATAPLANE_MODE, INJECT, INJECTION, REVISION
from policy.pods import PROXY, Pod, pods
from policy.rule import Object, Options, Rule, Stack, Violation, kind, metadata

OWN_PODS = {("app", "istiod"), ("k8s-app", "istio-cni-node"), ("app", "ztunnel")}
"""Labels of the mesh's own pods: the others of their namespaces are the mesh's, too."""


def runs_istiod(pod: Pod) -> bool:
    """Whether the pods are a control plane."""
    return pod.meta("labels").get("app") == "istiod"


def _injected(objects: Sequence[Object], _: Stack, options: Options) -> Iterator[Violation]:
    found = list(pods(objects))
    namespaces = {
        metadata(each, "name"): metadata(each, "labels") or {}
        for each in objects
        if kind(each) == ("", "Namespace")
    }
    exempt = set(options["exemptNamespaces"]) | {
        pod.namespace for pod in found if OWN_PODS & set(pod.meta("labels").items())
    }
    for pod in found:
        if pod.namespace not in exempt:
            got = _outside(pod, namespaces.get(pod.namespace))
            if got:
                yield Violation(object=pod.owner, got=got)


def _outside(pod: Pod, namespace: Mapping[str, str] | None) -> str:
    """Say why pods are not in the mesh; empty when they are, or when nobody here can tell."""
    labels = pod.meta("labels")
    if any(container.get("name") == PROXY for container in pod.all_containers):
        return ""
    # In ambient mode pods have no sidecar, and say so.
    if (labels.get(DATAPLANE_MODE) or (namespace or {}).get(DATAPLANE_MODE)) == "ambient":
        return ""
    chosen = labels.get(INJECT) or pod.meta("annotations").get(INJECT)
    if chosen == "true" or (REVISION in labels and chosen != "false"):
        return ""
    # A namespace of another stack's may have the label.
    if namespace is None or (chosen != "false" and _injects(namespace)):
        return ""
    own = f"{INJECT}=false" if chosen == "false" else "no sidecar"
    shown = ", ".join(f"{key}={value}" for key, value in sorted(namespace.items())) or "no label"
    return f"its pods have {own}, and the namespace {pod.namespace} has {shown}"


def _injects(labels: Mapping[str, str]) -> bool:
    """Whether istiod gives the pods of a namespace with such labels a sidecar."""
    if labels.get(INJECTION) == "disabled":
        return False
    return labels.get(INJECTION) == "enabled" or REVISION in labels


INJECTED = Rule(
    name="workloads-injected",
    level="mandatory",
    says="Applications run in the mesh: by their namespace's label, their own, or with a sidecar",
    reason="a pod outside of the mesh takes plain text, and no policy or telemetry sees it",
    remedy="set injection to auto, manual or ambient, or label the namespace "
    "istio-injection=enabled, istio.io/rev=<revision> or istio.io/dataplane-mode=ambient",
    check=_injected,
    looks_at="stack",
    options={
        "exemptNamespaces": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["kube-system"],
            "description": "Namespaces beside the mesh's own whose pods may be outside",
        }
    },
)
