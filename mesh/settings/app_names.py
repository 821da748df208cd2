"""The names of a stack's application: from the stack's own name, made fit for Kubernetes."""

import re
from typing import TYPE_CHECKING

import pulumi
from pydantic import ValidationInfo

from mesh.settings.fields import DNS_LABEL

if TYPE_CHECKING:
    from mesh.settings.schema import Settings

APP = "bookinfo"
# The last label has a letter first, else an IP address would do.
HOST = re.compile(rf"({DNS_LABEL.pattern}\.)+(?=[a-z]){DNS_LABEL.pattern}")
LONGEST_HOST = 253
LONGEST = 63 - len(APP) - 1  # characters of a label of DNS that `bookinfo-` leaves


def fit(name: str) -> str:
    """Make of any name a label of DNS that leaves room for the application's; may be empty."""
    return re.sub(r"[^-a-z0-9]", "-", name.lower()).strip("-")[:LONGEST].rstrip("-")


def namespace(value: str, info: ValidationInfo) -> str:
    """Fill in the namespace: one for each app stack, for several share a cluster."""
    if value or info.data.get("mode") != "app":
        return value or APP
    return f"{APP}-{_fitted()}"


def host(value: str) -> str:
    """Fill in the host, lest two stacks answer for each other, or check the one that is set."""
    stack = pulumi.get_stack()
    # A name with dots is fit for a host, and not for a namespace.
    wanted = value or f"{APP}.{stack}.localhost"
    if _is_host(wanted):
        return wanted
    if not value:
        return f"{APP}.{_fitted()}.localhost"
    raise ValueError(
        "a host is a whole DNS name of its own, lower-case, no wildcard, such as "
        f"bookinfo.example.com, and {value!r} is none"
    )


def warn(settings: "Settings") -> None:
    """Say when the stack's name couldn't be taken as it is."""
    stack = pulumi.get_stack()
    derived = {f"{APP}-{_fitted()}", f"{APP}.{_fitted()}.localhost"} if fit(stack) else set()
    used = {settings.bookinfo_namespace, settings.bookinfo_host} & derived
    if used and fit(stack) != stack and settings.mode != "platform":
        pulumi.log.warn(
            f"the stack's name, {stack}, is made fit for Kubernetes: {' and '.join(sorted(used))}"
        )


def _is_host(value: str) -> bool:
    return len(value) <= LONGEST_HOST and HOST.fullmatch(value) is not None


def _fitted() -> str:
    if fitted := fit(pulumi.get_stack()):
        return fitted
    raise ValueError(
        f"can't be made from the stack's name, {pulumi.get_stack()!r}, which has no letter and no "
        "digit: name it"
    )
