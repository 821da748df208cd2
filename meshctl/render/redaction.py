"""Removes secrets from output, whether Pulumi marked them or their name or form gives them away."""

import re
from collections.abc import Sequence
from typing import Any

SECRET = "[secret]"  # noqa: S105 - what Pulumi itself prints in place of one
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The text that Pulumi prints for a value known only after the update (sdk/go: plugin/rpc.go)."""
COMPUTED = "[computed]"
SENTINEL = "4dabf18193072939515e22adb298388d"
"""The key that marks a mapping as a special value (pulumi/sdk, go/common/resource/sig)."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SECRET_NAME = re.compile(
    r"(password|passwd|passphrase|token|secret|credentials?|(api|access|private)[-_.]?key)$", re.I
)
IN_TEXT = (
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", re.S),
    re.compile(r"(\w://)[^\s/@]+:[^\s/@]+(@)"),
    re.compile(r"(--?[\w-]*(?:password|passwd|token|secret)=)[^\s\"']+()", re.I),
    re.compile(
        r"(^\s*[\w.-]*(?:passw(?:or)?d|token|secret|api[-_]?key)[\"']?\s*[:=]\s*)\S[^\n]*()",
        re.I | re.M,
    ),
    re.compile(r"(\b(?:Bearer|Basic) )[\w.~+/=-]{8,}()"),
)


def hides(kind: str, steps: Sequence[str]) -> bool:
    """Return whether the value at a path in an object is a secret, judged by the path alone."""
    if kind == "Secret" and steps[:1] in (("data",), ("stringData",)):
        return len(steps) > 1
    if not steps:
        return False
    if kind == "provider kubernetes" and steps == ("kubeconfig",):
        return True
    # In a container's environment the name is the key of the value, or that of its list item.
    named = steps[-2] if len(steps) > 1 and steps[-1] == "value" else steps[-1]
    return steps[-1] == LAST_APPLIED or bool(SECRET_NAME.search(named))


def value(kind: str, steps: tuple[str, ...], found: Any) -> Any:
    """Return the value at a path in an object, without its secrets."""
    if isinstance(found, dict):
        if SENTINEL in found or _is_hidden_variable(found):
            return SECRET if SENTINEL in found else {**found, "value": SECRET}
        return {key: value(kind, (*steps, str(key)), each) for key, each in found.items()}
    if isinstance(found, list):
        return [value(kind, (*steps, str(i)), each) for i, each in enumerate(found)]
    if isinstance(found, str):
        return SECRET if hides(kind, steps) else COMPUTED if found == UNKNOWN else text(found)
    return SECRET if kind == "Secret" and hides(kind, steps) else found


def text(found: str) -> str:
    """Return a text without the private keys, passwords and tokens that are recognizable in it."""
    for pattern in IN_TEXT:
        found = pattern.sub(rf"\1{SECRET}\2", found)
    return found


def _is_hidden_variable(found: dict[str, Any]) -> bool:
    return isinstance(found.get("value"), str) and bool(
        SECRET_NAME.search(str(found.get("name", "")))
    )
