"""Checks a manifest against the schema of its release's CRD, more strictly than an API server."""

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from mesh.istio.gateway_api_crds import Bundle
from mesh.istio.release import Release

# By the CRDs' folder, the API and the kind: to close and to load a schema takes most of a second.
_validators: dict[tuple[Path, str, str], Validator] = {}


def check(release: Release | Bundle, manifest: dict[str, Any]) -> None:
    """Raise jsonschema.ValidationError for what the API server would refuse, or drop silently."""
    key = (release.folder, manifest["apiVersion"], manifest["kind"])
    if key not in _validators:
        _validators[key] = Draft202012Validator(_closed(_schema(release, manifest)))
    _validators[key].validate(manifest["spec"])


def _schema(release: Release | Bundle, manifest: dict[str, Any]) -> dict[str, Any]:
    group, _, version = manifest["apiVersion"].partition("/")
    return next(
        served["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for crd in release.crds
        if crd["spec"]["group"] == group and crd["spec"]["names"]["kind"] == manifest["kind"]
        for served in crd["spec"]["versions"]
        if served["name"] == version
    )


def _closed(schema: Any) -> Any:
    """Refuse fields that the schema doesn't name: the API server would only prune them."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields")
        closed.setdefault("additionalProperties", bool(open_ended))
    return closed
