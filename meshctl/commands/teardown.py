"""Checks before a destroy, and a list of what it left in the cluster."""

import json
from collections.abc import Collection

import console
from mesh.istio import running_mesh
from mesh.kubernetes import client as cluster_client
from mesh.kubernetes import ownership
from mesh.kubernetes.cluster import applies_server_side
from mesh.kubernetes.shortened import shortened
from meshctl.workspace.stack import Workspace, WorkspaceError

# istiod writes its root certificate, and its revocations, into every namespace of the cluster.
CONFIG_MAPS = ("istio-ca-root-cert", "istio-ca-crl")
ISTIO = ".istio.io"
SHOWN = 20  # pods at most in a warning: there may be thousands
GATEWAY_API = ".gateway.networking.k8s.io"


def check(workspace: Workspace) -> None:
    """Refuse a destroy of a platform in use, or one that wouldn't delete CRDs as configured.

    The state decides whether a destroy keeps a resource: `up` writes that into it.
    """
    _refuse_in_use(workspace)
    outputs = workspace.outputs()
    _warn_of_users(workspace, outputs.get("namespaces", ()))
    wanted = workspace.setting("deleteCrds").lower() == "true"
    if wanted and any(name.endswith(ISTIO) for name in outputs.get("keptOnDestroy", ())):
        raise WorkspaceError(
            f"stack {workspace.stack} has deleteCrds in its config, but its state still says to "
            f"keep the CRDs: run {workspace.make('up')} to update the state, then "
            f"{workspace.make('destroy')}"
        )


def show_leftovers(workspace: Workspace) -> None:
    """List the objects of Istio that a destroy left in the cluster; an app stack leaves none."""
    if workspace.setting("mode") == "app":
        return
    names = [name for name, _ in _named(workspace, "crds")]
    then = (
        "the next `up` takes them over"
        if applies_server_side(workspace.setting("kubeVersion"))
        else "with this Kubernetes `up` can't take them over: delete them before the next `up`, or "
        "set deleteCrds before a destroy"
    )
    for owner, group in (("Istio", ISTIO), ("the Gateway API", GATEWAY_API)):
        if kept := [name for name in names if name.endswith(group)]:
            console.say(
                f"kept, because others may have resources of these kinds: {len(kept)} CRDs of "
                f"{owner}, such as {kept[0]}; {then}"
            )
    for name in CONFIG_MAPS:
        namespaces = [
            namespace
            for found, namespace in _named(workspace, "configmaps", "--all-namespaces")
            if found == name
        ]
        if namespaces:
            console.say(
                f"left by istiod: ConfigMap {name} in {', '.join(namespaces)}; to delete it: "
                f"kubectl delete configmap {name} --namespace NAMESPACE"
            )


def _refuse_in_use(workspace: Workspace) -> None:
    """Refuse to destroy a platform that app stacks use."""
    if workspace.setting("mode") == "app":
        return
    app = ",".join("=".join(label) for label in ownership.APP.items())
    listed = workspace.kubectl("get", "namespaces", "--selector", app, "-o", "json")
    marks = [item["metadata"]["annotations"] for item in json.loads(listed)["items"]]
    if stacks := sorted(mark[ownership.ANNOTATION] for mark in marks):
        names = [stack.rpartition("/")[2] for stack in stacks]
        raise WorkspaceError(
            f"stack {workspace.stack} is the platform of {', '.join(stacks)}: destroy those "
            f"first: make dev-rm ME={names[0]}, or pulumi destroy --stack {names[0]}"
        )


def _warn_of_users(workspace: Workspace, own: Collection[str]) -> None:
    """Warn of others' pods in the mesh: without istiod they can't reach each other for long."""
    if workspace.setting("mode") == "app":
        return
    with cluster_client.connect(workspace.cluster) as client:
        pods = [name for _, name in running_mesh.injected_pods(client)]
    users = sorted(pod for pod in pods if pod.partition("/")[0] not in own)
    if users:
        console.say(
            "other teams' pods in this mesh will lose their istiod (docs/destroy.md): "
            f"{shortened(users, SHOWN)}"
        )


def _named(workspace: Workspace, kind: str, *options: str) -> list[tuple[str, str]]:
    """List the name and the namespace of each object of a kind."""
    columns = "custom-columns=:.metadata.name,:.metadata.namespace"
    printed = workspace.kubectl("get", kind, *options, "--no-headers", "-o", columns)
    return [(name, namespace) for name, namespace in map(str.split, printed.splitlines())]
