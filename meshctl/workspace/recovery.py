"""Recovery of a stack whose update was interrupted."""

import json
import socket
from pathlib import Path
from typing import Any

import psutil

import console
from meshctl.workspace.stack import Workspace, WorkspaceError


def recover(workspace: Workspace) -> list[dict[str, Any]]:
    """Unlock the stack, import objects that a killed update was creating; return its resources.

    A killed update leaves its lock, and pending operations: the state doesn't say whether their
    objects were created, and creating an existing one again would fail. (`pulumi refresh` has the
    option --import-pending-creates, but in 3.246 it imports nothing.)
    """
    if workspace.sandbox is None:
        # The backend isn't the sandbox's: somebody else's update may hold the lock.
        deployment = _state(workspace)["deployment"] or {}
        _tell(deployment)
        return deployment.get("resources") or []
    if _is_locked_by_the_dead(workspace.sandbox.state, workspace.name):
        console.say("an update was killed and left its lock: unlocking the stack")
        workspace.query("pulumi", "cancel", "--yes", "--non-interactive", "-s", workspace.stack)

    state = _state(workspace)
    deployment = state["deployment"]
    operations = deployment.pop("pending_operations", None)
    resources = deployment.get("resources") or []
    if not operations:
        return resources
    known = {resource["urn"] for resource in resources}
    made = [
        {**operation["resource"], "id": identity}
        for operation in operations
        if (identity := _identity(operation["resource"]))
        and operation["resource"]["urn"] not in known
        and _exists(workspace, operation["resource"]["inputs"])
    ]
    # The state has these as they were. What was being deleted may be gone, and `up` wouldn't create
    # it again. What was being updated may have changed, and `up` wouldn't take that back. A field
    # that the update added stays unnoticed: a refresh reads only the fields that the state has.
    touched = [
        operation["resource"]["urn"]
        for operation in operations
        if operation["type"] in ("deleting", "updating") and operation["resource"]["urn"] in known
    ]
    console.say(
        f"an update was interrupted while it changed {len(operations)} objects: "
        f"{len(made)} of them were created and are imported into the stack's state"
    )
    deployment["resources"] = [*resources, *made]
    workspace.query(
        *("pulumi", "stack", "import", "--stack", workspace.stack),
        standard_input=json.dumps(state),
    )
    urns = dict.fromkeys([*(resource["urn"] for resource in made), *touched])
    targets = [word for urn in urns for word in ("--target", urn)]
    if targets and workspace.pulumi("refresh", "--yes", "--skip-preview", *targets):
        raise WorkspaceError(
            "the objects of the interrupted update can't be refreshed: see Pulumi's errors above"
        )
    return deployment["resources"]


def _tell(deployment: dict[str, Any]) -> None:
    """Warn of objects of an interrupted update: `up` fails on them, and a destroy misses them."""
    if operations := deployment.get("pending_operations"):
        console.say(
            f"an update was interrupted while it changed {len(operations)} objects: they may exist "
            "without being in the stack's state; docs/interrupted.md says how to take them over"
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
        process = psutil.Process(pid)
        # A killed process stays as a zombie until its parent asks for its exit code.
        return "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
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
