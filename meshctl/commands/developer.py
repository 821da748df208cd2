"""A developer's own stack: its name, its config file, and the platform that it uses."""

import getpass
import json

import console
from mesh.project import PROJECT
from mesh.settings.app_names import fit
from mesh.settings.platform_contract import OUTPUT
from meshctl.workspace.stack import Workspace, WorkspaceError

PLATFORM = "platform"
"""The default name of the platform's stack, which is also the one in the template."""
TEMPLATE = PROJECT / "examples" / "Pulumi.app.yaml"


def workspace(name: str, sandbox: str) -> Workspace:
    """Return the stack of a developer; without a name, that of the current user."""
    person = name or getpass.getuser()
    stack = fit(person)
    if not stack:
        raise WorkspaceError(f"{person!r} has no letter and no digit: name the stack with ME=NAME")
    if stack != person:
        console.say(f"{person} isn't a valid name for a stack and for Kubernetes: using {stack}")
    own = Workspace(stack, sandbox)
    if own.config_file.exists() and own.setting("mode") != "app":
        raise WorkspaceError(
            f"{own.config_file.name} exists, and its mode is {own.setting('mode')}, not app: "
            "choose another name for your stack with ME=NAME"
        )
    return own


def write_config(own: Workspace, platform: Workspace, domain: str = "") -> None:
    """Write the stack's config file from the template, unless it exists."""
    if own.config_file.exists():
        return
    given = {key: platform.setting(key) for key in ("context", "kubeconfig")}
    if domain:
        given["bookinfoHost"] = f"{own.stack}.{domain}"
    lines = [f"  mesh:{key}: {json.dumps(value)}\n" for key, value in given.items() if value]
    stands_on = "mesh:platformStack: "
    text = TEMPLATE.read_text().replace(f"{stands_on}{PLATFORM}", f"{stands_on}{platform.stack}")
    own.config_file.write_text(text + "".join(lines))
    console.done("stack file", f"{own.config_file.name}  from {TEMPLATE.relative_to(PROJECT)}")


def lacks_platform(platform: Workspace) -> bool:
    """Return whether a platform's stack is still to be deployed."""
    return OUTPUT not in platform.outputs()


def refuse_other_mesh(platform: Workspace) -> None:
    """Refuse a sandbox in which another stack has already installed Istio.

    Raises WorkspaceError, before anything is changed.
    """
    for name, resources in platform.neighbours().items():
        other = Workspace(name, platform.sandbox_name)
        holds_it = other.setting("mode") != "app" and not other.setting("context")
        if resources and name != platform.stack and holds_it:
            sandbox = platform.sandbox_name
            raise WorkspaceError(
                f"sandbox {sandbox} already has the Istio of stack {name}, so it can't get a "
                "platform; nothing was changed. Destroy that stack, or use another sandbox:\n"
                f"  make destroy STACK={name} SANDBOX={sandbox}\n  make dev SANDBOX=team"
            )


def forget(own: Workspace) -> None:
    """Remove the config file of a stack that the backend doesn't have."""
    own.config_file.unlink()
    console.say(f"there is no stack {own.stack}: nothing to remove")


def remove(own: Workspace) -> None:
    """Remove an empty stack and its config file."""
    own.remove_stack()
    own.config_file.unlink(missing_ok=True)
    console.done("removed", f"stack {own.stack}, and {own.config_file.name}")
