"""The marks that say which stack a namespace belongs to, and what it is for."""

import pulumi

ANNOTATION = "mesh.pulumi.com/stack"
HOST = "mesh.pulumi.com/host"
"""The annotation that says which host an app stack answers to."""
APP = {"mesh.pulumi.com/mode": "app"}
"""The label of an app stack's namespace: the platform's gateways let its routes in."""


def stack() -> str:
    """Name the running stack as the mark does."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def mark() -> dict[str, str]:
    """Return the annotation of a namespace that the running stack owns."""
    return {ANNOTATION: stack()}
