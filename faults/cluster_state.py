"""The state of a cluster and of its stack, without what differs in each of two equal ones."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from meshctl.workspace.stack import Workspace

VOLATILE_KINDS = ("endpoints", "events", "ipaddresses.", "leases.")
"""How kubectl's names of the kinds begin whose objects come and go by themselves."""
OWN_OF_EACH_OBJECT = {
    *("creationTimestamp", "deletionTimestamp", "generation", "managedFields", "ownerReferences"),
    *("resourceVersion", "selfLink", "uid"),
    *("caBundle", "clusterIP", "clusterIPs", "externalIPs", "healthCheckNodePort", "nodePort"),
    *("control-plane.alpha.kubernetes.io/leader", "deployment.kubernetes.io/revision"),
}
"""Keys whose values a cluster makes anew for each object."""
CERTIFICATE = "-----BEGIN"
OTHERS = Path(__file__).with_name("others.yaml")
"""Objects of another team, in a namespace of its own."""
THEIRS = re.compile(r"\w+ (shop/)?shop( |$)")
"""How the names of these objects begin; a cluster adds others to each namespace."""

State = Mapping[str, Any]


def read(workspace: Workspace) -> State:
    """Return all objects of the cluster and all resources of the stack, by name."""
    kinds = workspace.kubectl("api-resources", "--verbs=list", "--output=name").split()
    asked = ",".join(kind for kind in kinds if not kind.startswith(VOLATILE_KINDS))
    listed = json.loads(workspace.kubectl("get", asked, "--all-namespaces", "--output=json"))
    exported = workspace.query("pulumi", "stack", "export", "--stack", workspace.stack)
    deployment = json.loads(exported)["deployment"] or {}
    urns = Counter(resource["urn"] for resource in deployment.get("resources") or ())
    # A Deployment's pods have names by chance: it counts how many there are of the same content.
    objects = Counter(_named(each) for each in listed["items"])
    return {
        **{f"{name} {content}": count for (name, content), count in objects.items()},
        **urns,
        "pending operations": len(deployment.get("pending_operations") or ()),
    }


def of_others(state: State) -> State:
    """Return the part of a state that belongs to the other team."""
    return {key: count for key, count in state.items() if THEIRS.match(key)}


def differences(wanted: State, found: State) -> Iterator[str]:
    """List what is too much, too few or different in the state that was found."""
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key, 0) != found.get(key, 0):
            yield f"{found.get(key, 0)} instead of {wanted.get(key, 0)}: {key}"


def _named(each: dict[str, Any]) -> tuple[str, str]:
    """Return an object's name, and its content as text."""
    metadata = each["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    if each["kind"] == "Pod":
        containers = [f"{one['name']} {one['image']}" for one in each["spec"]["containers"]]
        return f"Pod {place}{metadata.get('generateName', metadata['name'])}", str(containers)
    if each["kind"] == "Secret" and not THEIRS.match(f"Secret {place}{metadata['name']}"):
        each = {**each, "data": sorted(each.get("data") or ())}
    content = {key: value for key, value in each.items() if key != "status"}
    return f"{each['kind']} {place}{metadata['name']}", json.dumps(_stable(content), sort_keys=True)


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _stable(v) for k, v in value.items() if k not in OWN_OF_EACH_OBJECT}
    if isinstance(value, list):
        return [_stable(each) for each in value]
    is_certificate = isinstance(value, str) and value.startswith(CERTIFICATE)
    return "a certificate" if is_certificate else value
