"""Mutual TLS where it counts: nothing in plain text in production."""

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
                got=f"no PeerAuthentication in {pod.namespace} makes the mesh's mode STRICT",
            )


STRICT = Rule(
    name="mtls-strict-in-prod",
    level="mandatory",
    says="The mesh of a production stack takes mutual TLS only",
    reason="a sidecar that takes plain text lets in whoever reaches the pod, with no identity",
    remedy="set mtls to strict, and no namespace of mtlsByNamespace to anything else",
    check=_strict,
    looks_at="stack",
    options={"stacks": PROD},
)
