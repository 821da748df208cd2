"""The marks that say which stack a namespace belongs to, on which cluster, and what it is for."""

import pulumi

ANNOTATION = "mesh.pulumi.com/stack"
HOST = "mesh.pulumi.com/host"
"""The annotation that says which host an app stack answers to."""
CONTEXT = "mesh.pulumi.com/context"
"""The annotation that says by which context the stack knows its cluster."""
APP = {"mesh.pulumi.com/mode": "app"}
"""The label of an app stack's namespace: the platform's gateways let its routes in."""


def stack() -> str:
    """Name the running stack as the mark does."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def mark(context: str | None) -> dict[str, str]:
    """Return the annotations of a namespace that the running stack owns.

    `context` is the one that the stack names; None on a sandbox, which has one name only.
    """
    return {ANNOTATION: stack(), **({CONTEXT: context} if context else {})}
