"""Removes secrets from output, whether Pulumi marked them or their name or form gives them away."""

import re
from collections.abc import Sequence
from typing import Any

SECRET = "[secret]"  # noqa: S105 - the text that Pulumi itself prints
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Text that Pulumi prints for a value that is unknown before the update (sdk/go: plugin/rpc.go)."""
COMPUTED = "[computed]"
SENTINEL = "4dabf18193072939515e22adb298388d"
"""The key of a mapping that stands for a special value (pulumi/sdk, go/common/resource/sig)."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SECRET_NAME = re.compile(
    r"(password|passwd|passphrase|token|secret|credentials?|(api|access|private)[-_.]?key)$", re.I
)
_HEADER = (
    r"(?:[\w-]*authorization|(?:[\w-]+-)?cookie2?|[\w-]*api[-_]?key"
    r"|[\w-]+-(?:token|secret|password|credentials?)|x-[\w-]*(?:token|key|secret|auth|signature))"
)
HEADER_NAME = re.compile(_HEADER, re.I)
"""Headers that carry credentials, whatever the scheme."""
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s,}][^\n,}]*)"""
TOKENS = (
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", re.S),
    re.compile(r"(\w://)[^\s/@:]+:[^\s/@]+(@)"),
    re.compile(r"(\b(?:Bearer|Basic|Api-Token|ApiKey) )[\w.~+/=-]{8,}()"),
    re.compile(r"(\b)eyJ[\w-]{6,}\.eyJ[\w-]{6,}\.[\w-]*()"),  # JWT
    re.compile(r"(\b)(?:AKIA|ASIA)[A-Z0-9]{16}()\b"),  # AWS
    re.compile(r"(\bAccountKey=)[\w+/=]{40,}()"),  # Azure
    re.compile(r"([?&]sig=)[\w%+/=-]{20,}()"),  # Azure, shared access signature
    re.compile(r"(\b)AIza[\w-]{35}()"),  # Google
    re.compile(r"(\b)ya29\.[\w-]{20,}()"),  # Google
    re.compile(r"(\b)(?:gh[opsur]_\w{36,}|github_pat_\w{22,})()"),
    re.compile(r"(\b)glpat-[\w-]{20,}()"),  # GitLab
    re.compile(r"(\b)xox[abeoprs]-[\w-]{10,}()"),  # Slack
    re.compile(r"(\b)dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}()"),  # Dynatrace
    re.compile(r"(\b)(?:[sr]k_(?:live|test)_\w{16,}|SG\.[\w-]{16,}\.[\w-]{16,})()"),
    re.compile(r"(\b)(?:hv[bs]\.[\w-]{24,}|pul-[0-9a-f]{40}|dckr_pat_[\w-]{20,})()"),
    re.compile(r"(\b)(?:npm_\w{36}|pypi-[\w-]{40,}|dop_v1_[0-9a-f]{64})()"),
)
"""Credentials that are recognized by their form."""
HEADERS = (
    # A name and its value, in either order, as YAML, JSON or Python has them.
    re.compile(
        rf"(\bname[\"']?\s*[:=]\s*[\"']?{_HEADER}[\"']?\s*,?\s*[\"']?value[\"']?\s*[:=]\s*){_VALUE}()",
        re.I,
    ),
    re.compile(
        rf"(\bvalue[\"']?\s*[:=]\s*){_VALUE}(\s*,?\s*[\"']?name[\"']?\s*[:=]\s*[\"']?{_HEADER}\b)",
        re.I,
    ),
)
LOGS = (
    re.compile(r"(--?[\w-]*(?:password|passwd|token|secret)=)[^\s\"']+()", re.I),
    re.compile(
        r"(^\s*[\w.-]*(?:passw(?:or)?d|token|secret|api[-_]?key)[\"']?\s*[:=]\s*)\S[^\n]*()",
        re.I | re.M,
    ),
    re.compile(rf"(^\s*[\"']?{_HEADER}[\"']?\s*[:=]\s*){_VALUE}()", re.I | re.M),
)
"""Credentials in programs' output: too broad for files that are to be applied."""


def hides(kind: str, steps: Sequence[str]) -> bool:
    """Return whether the value at a place in an object is a secret, regardless of its form."""
    if kind == "Secret" and steps[:1] in (("data",), ("stringData",)):
        return len(steps) > 1
    if not steps:
        return False
    if kind == "provider kubernetes" and steps == ("kubeconfig",):
        return True
    # A container's variable or a header has its name next to its value, or as its key.
    named = steps[-2] if len(steps) > 1 and steps[-1] == "value" else steps[-1]
    return steps[-1] == LAST_APPLIED or is_credential(named)


def is_credential(name: str) -> bool:
    """Return whether a variable, a key or a header of this name holds a credential."""
    return bool(SECRET_NAME.search(name) or HEADER_NAME.fullmatch(name))


def value(kind: str, steps: tuple[str, ...], found: Any) -> Any:
    """Return the value at a place in an object, without secrets."""
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
    """Return a text without credentials: what a program printed, or a text in a difference."""
    for pattern in (*TOKENS, *HEADERS, *LOGS):
        found = pattern.sub(rf"\1{SECRET}\2", found)
    return found


def manifest(found: Any) -> Any:
    """Return a manifest, or a value in it, without credentials; nothing else in it changes."""
    if isinstance(found, dict):
        hidden = {**found, "value": SECRET} if _is_hidden_variable(found) else found
        return {key: manifest(each) for key, each in hidden.items()}
    if isinstance(found, list):
        return [manifest(each) for each in found]
    if isinstance(found, str):
        for pattern in (*TOKENS, *HEADERS):
            found = pattern.sub(rf"\1{SECRET}\2", found)
    return found


def _is_hidden_variable(found: dict[str, Any]) -> bool:
    return isinstance(found.get("value"), str) and is_credential(str(found.get("name", "")))
