"""Namespace and host of a stack's application, derived from the stack's name."""

import re

from pydantic import ValidationInfo

from mesh.settings.fields import is_host

APP = "bookinfo"
LONGEST = 63 - len(APP) - 1  # characters of a DNS label that `bookinfo-` leaves


def fit(name: str) -> str:
    """Turn a name into a DNS label with room for the prefix `bookinfo-`; may be empty."""
    return re.sub(r"[^-a-z0-9]", "-", name.lower()).strip("-")[:LONGEST].rstrip("-")


def namespace(value: str, info: ValidationInfo) -> str:
    """Return the namespace; each app stack has its own default, since several share a cluster."""
    if value or info.data.get("mode") != "app":
        return value or APP
    return f"{APP}-{_fitted(_stack(info))}"


def host(value: str, info: ValidationInfo) -> str:
    """Return the host, checked if it is set; the default is one that no other stack has."""
    stack = _stack(info)
    # A stack's name may have dots; so may a host, but not a namespace.
    wanted = value or f"{APP}.{stack}.localhost"
    if is_host(wanted):
        return wanted
    if not value:
        return f"{APP}.{_fitted(stack)}.localhost"
    raise ValueError(
        "a host is a full DNS name in lower case, without wildcards, such as "
        f"bookinfo.example.com, and {value!r} is none"
    )


def derived(stack: str) -> set[str]:
    """Return the namespace and the host that are derived from a stack's name."""
    fitted = fit(stack)
    return {f"{APP}-{fitted}", f"{APP}.{fitted}.localhost"} if fitted else set()


def _stack(info: ValidationInfo) -> str:
    """Return the stack's name, which the reader of the config passes as context."""
    return (info.context or {})["stack"]


def _fitted(stack: str) -> str:
    if fitted := fit(stack):
        return fitted
    raise ValueError(
        f"can't be made from the stack's name, {stack!r}, which has no letter and no digit: set it"
    )
