"""What a person is told to run, with the name of the stack in it."""

import pulumi

from mesh.settings.schema import Settings


def make_up() -> str:
    """Name the command that deploys the stack."""
    return f"make up STACK={pulumi.get_stack()}"


def bring_back(stack: str = "") -> str:
    """Say how to get back what was deleted behind a stack's back; not named = the running one.

    Its state still has that, so only a refresh finds it gone. Pods aren't part of the state: those
    that were made meanwhile stay as they are.
    """
    own = pulumi.get_stack()
    return (
        f"bring back what is gone: venv/bin/python -m meshctl up --stack {stack or own} -- "
        "--refresh (or `pulumi up --refresh`; without it Pulumi takes it for there); then "
        f"`make verify STACK={own}` names the pods to restart"
    )


def platform_of(settings: Settings) -> str:
    """Name the stack that the control plane belongs to; empty = the running one."""
    return (settings.platform_stack or "PLATFORM") if settings.mode == "app" else ""
