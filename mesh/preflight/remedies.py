"""Remedies that messages suggest: commands with the name of the stack."""

import pulumi

from mesh.settings.schema import Settings


def make_up() -> str:
    """Return the command that deploys the stack."""
    return f"make up STACK={pulumi.get_stack()}"


def bring_back(stack: str = "") -> str:
    """Return the command that recreates a stack's deleted objects; empty = the running stack.

    The stack's state still has the objects, so only a refresh finds that they are gone. Pods
    aren't part of the state: pods that were created meanwhile stay as they are.
    """
    own = pulumi.get_stack()
    return (
        f"recreate what was deleted: venv/bin/python -m meshctl up --stack {stack or own} -- "
        "--refresh (or `pulumi up --refresh`; without it Pulumi takes it for there); then "
        f"`make verify STACK={own}` names the pods to restart"
    )


def platform_of(settings: Settings) -> str:
    """Return the name of the stack that has the control plane; empty = the running stack."""
    return (settings.platform_stack or "PLATFORM") if settings.mode == "app" else ""
