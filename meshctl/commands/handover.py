"""Handover of an adopted mesh: fields and objects that istioctl manages go to the stack."""

import json
from collections.abc import Iterator
from typing import Any

import console
from mesh.istio.running_mesh import ISTIOCTL
from mesh.settings.paths import Step, path_of
from meshctl.workspace.stack import Workspace, WorkspaceError

Manifest = dict[str, Any]
RBAC = "rbac.authorization.k8s.io/v1"
WEBHOOKS = "admissionregistration.k8s.io/v1"
# Kind and name of an object of the stack (None = any name), and apiVersion, kind and name of the
# object that istioctl creates for the same purpose.
REPLACED = (
    (
        ("MutatingWebhookConfiguration", "istio-sidecar-injector"),
        (WEBHOOKS, "MutatingWebhookConfiguration", "istio-revision-tag-default"),
    ),
    (("Service", "istiod"), ("v1", "Service", "istiod-revision-tag-default")),
    (("Deployment", None), ("v1", "ServiceAccount", "{name}-service-account")),
    (("Deployment", None), (RBAC, "Role", "{name}-sds")),
    (("Deployment", None), (RBAC, "RoleBinding", "{name}-sds")),
)
KEPT_BY_THE_SERVER = ("status", "managedFields", "resourceVersion", "generation")


def hand_over(workspace: Workspace, *, do: bool) -> None:
    """Show which fields and leftover objects istioctl still manages; with `do`, end that.

    An empty apply by a field manager removes the fields that only it manages, and its claims.
    """
    state = json.loads(workspace.query("pulumi", "stack", "export", "--stack", workspace.stack))
    resources = state["deployment"].get("resources") or []
    ours = [bare(each["inputs"]) for each in resources if _is_object(each)]
    if not ours:
        raise WorkspaceError(
            f"stack {workspace.stack} has adopted nothing: first run `pulumi config set adopt true "
            f"--stack {workspace.stack}` and {workspace.make('up')}"
        )
    claimed = list(_claimed(workspace, ours))
    left = [each for each in _claimed(workspace, replaced(ours)) if bare(each) not in ours]
    if not claimed and not left:
        console.say(
            f"istioctl manages nothing that belongs to stack {workspace.stack}: there is nothing "
            "to hand over"
        )
        return
    for each, after in zip(claimed, _without_claims(workspace, claimed, do=False), strict=True):
        if fields := list(changed(each, after)):
            console.say(f"{_name(each)} changes: {', '.join(fields)}")
    for each in left:
        console.say(f"{_name(each)} is deleted: the stack has its own object instead")
    if not do:
        console.say(
            "nothing was changed yet; to apply the changes, run `venv/bin/python -m meshctl "
            f"handover --yes --stack {workspace.stack}`"
        )
        return
    _without_claims(workspace, claimed, do=True)
    if left:
        objects = json.dumps(_list([bare(each) for each in left]))
        workspace.kubectl("delete", "--ignore-not-found", "-f", "-", standard_input=objects)
    console.say(
        f"handed over: {workspace.make('preview')} shows whether the stack has more to change"
    )


def replaced(ours: list[Manifest]) -> list[Manifest]:
    """Return the objects that istioctl creates for the same purpose as the stack's."""
    return [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {**own["metadata"], "name": name.format(**own["metadata"])},
        }
        for own in ours
        for (own_kind, own_name), (version, kind, name) in REPLACED
        if own["kind"] == own_kind and own_name in (None, own["metadata"]["name"])
    ]


def bare(manifest: Manifest) -> Manifest:
    """Return only the fields that identify an object."""
    known = {key: manifest["metadata"].get(key) for key in ("name", "namespace")}
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {key: value for key, value in known.items() if value},
    }


def changed(before: Any, after: Any, path: tuple[Step, ...] = ()) -> Iterator[str]:
    """List the paths of an object's fields that differ; labels count as one field."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changed(one, other, (*path, index))
    elif isinstance(before, dict) and isinstance(after, dict) and path[-1:] != ("labels",):
        for key in before:
            if key not in KEPT_BY_THE_SERVER:
                yield from changed(before[key], after.get(key), (*path, key))
    elif before != after:
        yield path_of(path)


def _is_object(resource: dict[str, Any]) -> bool:
    inputs = resource.get("inputs") or {}
    return resource["type"].startswith("kubernetes:") and "name" in inputs.get("metadata", {})


def _claimed(workspace: Workspace, objects: list[Manifest]) -> Iterator[Manifest]:
    """Read the existing objects that have fields managed by istioctl."""
    printed = workspace.kubectl(
        *("get", "--ignore-not-found", "--show-managed-fields", "-o", "json", "-f", "-"),
        standard_input=json.dumps(_list(objects)),
    )
    for live in _items(printed):
        if any(entry["manager"] == ISTIOCTL for entry in live["metadata"].get("managedFields", ())):
            yield live


def _without_claims(workspace: Workspace, objects: list[Manifest], *, do: bool) -> list[Manifest]:
    if not objects:
        return []
    printed = workspace.kubectl(
        *("apply", "--server-side", f"--field-manager={ISTIOCTL}", "-o", "json", "-f", "-"),
        # An empty apply lacks the required fields.
        *("--validate=false", f"--dry-run={'none' if do else 'server'}"),
        standard_input=json.dumps(_list([bare(each) for each in objects])),
    )
    return _items(printed)


def _items(printed: str) -> list[Manifest]:
    """Return the objects that kubectl printed: none, one, or a List of several."""
    answer = json.loads(printed or '{"items": []}')
    return answer.get("items", [answer])


def _list(objects: list[Manifest]) -> Manifest:
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def _name(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    place = f" in namespace {metadata['namespace']}" if "namespace" in metadata else ""
    return f"{manifest['kind']} {metadata['name']}{place}"
