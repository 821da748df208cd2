"""Takes up a stack where an interrupted update left it."""

import json
import socket
from pathlib import Path
from typing import Any

import psutil

import console
from meshctl.workspace.stack import Workspace, WorkspaceError


def recover(workspace: Workspace) -> None:
    """Unlock the stack, and take over what was being created when its update was killed.

    A killed update leaves its lock, and objects of which the state doesn't know whether they were
    made: to create those again would fail, for they exist. (`pulumi refresh` has the option
    --import-pending-creates, and in 3.246 it takes nothing over.)
    """
    if workspace.sandbox is None:
        # The backend is the person's own: its locks can be somebody else's.
        _tell(workspace)
        return
    if _is_locked_by_the_dead(workspace.sandbox.state, workspace.name):
        console.say("an update was killed and left its lock: unlocking the stack")
        workspace.query("pulumi", "cancel", "--yes", "--non-interactive", "-s", workspace.stack)

    state = _state(workspace)
    deployment = state["deployment"]
    operations = deployment.pop("pending_operations", None)
    if not operations:
        return
    known = {resource["urn"] for resource in deployment.get("resources") or []}
    made = [
        {**operation["resource"], "id": identity}
        for operation in operations
        if (identity := _identity(operation["resource"]))
        and operation["resource"]["urn"] not in known
        and _exists(workspace, operation["resource"]["inputs"])
    ]
    console.say(
        f"an update was interrupted in the middle of {len(operations)} objects: "
        f"{len(made)} of them were made and are taken over"
    )
    deployment["resources"] = [*(deployment.get("resources") or []), *made]
    workspace.query(
        *("pulumi", "stack", "import", "--stack", workspace.stack),
        standard_input=json.dumps(state),
    )
    targets = [word for resource in made for word in ("--target", resource["urn"])]
    if targets and workspace.pulumi("refresh", "--yes", "--skip-preview", *targets):
        raise WorkspaceError("the interrupted update's objects can't be read: see above")


def _tell(workspace: Workspace) -> None:
    """Say what an interrupted update left: in the way of an `up`, and overlooked by a destroy."""
    if operations := (_state(workspace)["deployment"] or {}).get("pending_operations"):
        console.say(
            f"an update was interrupted in the middle of {len(operations)} objects, which may be "
            "there and the stack doesn't know: docs/upgrades.md says how it takes them over"
        )


def _state(workspace: Workspace) -> dict[str, Any]:
    return json.loads(workspace.query("pulumi", "stack", "export", "--stack", workspace.stack))


def _is_locked_by_the_dead(state: Path, stack: str) -> bool:
    files = state.glob(f".pulumi/locks/**/{stack}/*.json")
    locks = [json.loads(file.read_text()) for file in files]
    is_ours = all(lock.get("hostname") == socket.gethostname() for lock in locks)
    return bool(locks) and is_ours and not any(_runs(lock["pid"]) for lock in locks)


def _runs(pid: int) -> bool:
    try:
        return "pulumi" in psutil.Process(pid).name()
    except psutil.NoSuchProcess:
        return False


def _identity(resource: dict[str, Any]) -> str | None:
    """Return the id that the kubernetes plugin gives an object: its namespace and name."""
    inputs = resource.get("inputs") or {}
    metadata = inputs.get("metadata") or {}
    if "kind" not in inputs or "name" not in metadata:
        return None
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def _exists(workspace: Workspace, manifest: dict[str, Any]) -> bool:
    metadata = manifest["metadata"]
    key = {part: metadata[part] for part in ("name", "namespace") if part in metadata}
    asked = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": key}
    try:
        workspace.kubectl("get", "-f", "-", standard_input=json.dumps(asked))
    except WorkspaceError:
        return False
    return True
