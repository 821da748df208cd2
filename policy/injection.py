"""The rule that workloads are in the mesh: with mutual TLS, policies and telemetry."""

from collections.abc import Iterator, Mapping, Sequence

from mesh.settings.labels import DATAPLANE_MODE, INJECT, INJECTION, REVISION
from policy.pods import PROXY, Pod, pods
from policy.rule import Object, Options, Rule, Stack, Violation, kind, metadata

OWN_PODS = {("app", "istiod"), ("k8s-app", "istio-cni-node"), ("app", "ztunnel")}
"""Labels of the mesh's own pods; all pods of their namespaces count as the mesh's own."""


def runs_istiod(pod: Pod) -> bool:
    """Return whether the pods are a control plane's."""
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
    """Return why pods are outside the mesh; empty if they are in it, or it can't be known."""
    labels = pod.meta("labels")
    if any(container.get("name") == PROXY for container in pod.all_containers):
        return ""
    # In ambient mode pods have no sidecar, but a label.
    if (labels.get(DATAPLANE_MODE) or (namespace or {}).get(DATAPLANE_MODE)) == "ambient":
        return ""
    chosen = labels.get(INJECT) or pod.meta("annotations").get(INJECT)
    if chosen == "true" or (REVISION in labels and chosen != "false"):
        return ""
    # The namespace may be another stack's, and have the label there.
    if namespace is None or (chosen != "false" and _injects(namespace)):
        return ""
    own = f"{INJECT}=false" if chosen == "false" else "no sidecar"
    shown = ", ".join(f"{key}={value}" for key, value in sorted(namespace.items())) or "no label"
    return f"its pods have {own}, and the namespace {pod.namespace} has {shown}"


def _injects(labels: Mapping[str, str]) -> bool:
    """Return whether istiod injects the pods of a namespace with these labels."""
    if labels.get(INJECTION) == "disabled":
        return False
    return labels.get(INJECTION) == "enabled" or REVISION in labels


INJECTED = Rule(
    name="workloads-injected",
    level="mandatory",
    says="Applications run in the mesh: by a label of their namespace or pods, or with a sidecar",
    reason="a pod outside of the mesh accepts plain text, and has no policies and no telemetry",
    remedy="set injection to auto, manual or ambient, or label the namespace "
    "istio-injection=enabled, istio.io/rev=<revision> or istio.io/dataplane-mode=ambient",
    check=_injected,
    looks_at="stack",
    options={
        "exemptNamespaces": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["kube-system"],
            "description": "Namespaces other than the mesh's own whose pods may be outside of it",
        }
    },
)
