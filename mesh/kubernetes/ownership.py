"""Ownership marks of a namespace: annotations and a label for stack, cluster and purpose."""

import pulumi

ANNOTATION = "mesh.pulumi.com/stack"
HOST = "mesh.pulumi.com/host"
"""The annotation with an app stack's host."""
CONTEXT = "mesh.pulumi.com/context"
"""The annotation with the kubeconfig context of the stack's cluster."""
ADOPTED = "mesh.pulumi.com/adopted"
"""The annotation of a namespace that somebody else made: a destroy of the stack leaves it."""
APP = {"mesh.pulumi.com/mode": "app"}
"""The label of an app stack's namespace: the platform's gateways accept its routes."""


def stack() -> str:
    """Return the running stack's name, as in the annotation."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def mark(context: str | None) -> dict[str, str]:
    """Return the annotations of a namespace that the running stack owns.

    `context` is the one in the stack's config; None on a sandbox, which has only one name.
    """
    return {ANNOTATION: stack(), **({CONTEXT: context} if context else {})}
