"""The mark that says which stack a namespace belongs to."""

import pulumi

ANNOTATION = "mesh.pulumi.com/stack"


def stack() -> str:
    """Name the running stack as the mark does."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def mark() -> dict[str, str]:
    """Return the annotation of a namespace that the running stack owns."""
    return {ANNOTATION: stack()}
