"""The rule that production stacks accept mutual TLS only."""

from collections.abc import Iterator, Sequence

from policy.injection import runs_istiod
from policy.pods import pods
from policy.rule import PROD, Object, Options, Rule, Stack, Violation, kind, metadata

WEAK = ("PERMISSIVE", "DISABLE")


def _strict(objects: Sequence[Object], stack: Stack, options: Options) -> Iterator[Violation]:
    if not stack.is_named(options["stacks"]):
        return
    strict = set()
    for each in objects:
        if kind(each) != ("security.istio.io", "PeerAuthentication"):
            continue
        spec = each.get("spec") or {}
        mode = (spec.get("mtls") or {}).get("mode") or ""
        if mode in WEAK:
            yield Violation(object=each, got=f"mode {mode}")
        for port, of_port in (spec.get("portLevelMtls") or {}).items():
            if of_port.get("mode") in WEAK:
                yield Violation(object=each, got=f"mode {of_port['mode']} at port {port}")
        if mode == "STRICT" and not spec.get("selector"):
            strict.add(metadata(each, "namespace"))
    for pod in pods(objects):
        if runs_istiod(pod) and pod.namespace not in strict:
            yield Violation(
                object=pod.owner,
                got=f"no PeerAuthentication in {pod.namespace} sets the mesh's mode to STRICT",
            )


STRICT = Rule(
    name="mtls-strict-in-prod",
    level="mandatory",
    says="The mesh of a production stack accepts mutual TLS only",
    reason="a sidecar that accepts plain text lets in everybody who reaches the pod, without an "
    "identity",
    remedy="set mtls to strict, and also every namespace in mtlsByNamespace",
    check=_strict,
    looks_at="stack",
    options={"stacks": PROD},
)
