"""Previews as `pulumi preview --json` prints them, made up for the tests."""

import copy
import json
from typing import Any

GROUPS = {
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "Deployment": "apps/v1",
    "MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
}
Object = dict[str, Any]


def obj(kind: str, name: str, namespace: str | None = None, **fields: Any) -> Object:
    """Return an object with the labels that a chart gives it."""
    labels = {"app": name, "app.kubernetes.io/version": "1.30.3", "helm.sh/chart": "istiod-1.30.3"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"kind": kind, "metadata": {k: v for k, v in metadata.items() if v}, **fields}


def step(op: str, old: Object | None, new: Object | None = None, **extra: Any) -> dict[str, Any]:
    """Return a step that the engine would take, from one state to another."""
    found = new or old
    assert found is not None
    kind, metadata = found["kind"], found["metadata"]
    resource = f"kubernetes:{GROUPS.get(kind, 'core/v1')}:{kind}"
    name = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
    made: dict[str, Any] = {"op": op, "urn": f"urn:pulumi:prod::mesh::{resource}::{name}"}
    for key, state in (("oldState", old), ("newState", new)):
        if state is not None:
            made[key] = {"custom": True, "type": resource, "inputs": state, **extra}
    return made


def digest(*steps: dict[str, Any], same: int = 74, **fields: Any) -> str:
    """Return what the command prints at its end."""
    return json.dumps({"config": {}, "steps": steps, "changeSummary": {"same": same}, **fields})


def released(found: Object, version: str) -> Object:
    """Return an object as another release's chart renders it."""
    other = copy.deepcopy(found)
    template = other.get("spec", {}).get("template")
    for metadata in (other["metadata"], *([template["metadata"]] if template else [])):
        metadata["labels"]["app.kubernetes.io/version"] = version
        metadata["labels"]["helm.sh/chart"] = f"istiod-{version}"
    return other


def deployment(name: str, image: str, **env: str) -> Object:
    """Return a Deployment with one container."""
    container = {
        "name": "app",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in env.items()],
    }
    labels = obj("", name)["metadata"]["labels"]
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return obj("Deployment", name, "istio-system", spec={"template": template})
