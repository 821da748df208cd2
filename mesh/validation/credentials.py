"""Credentials in plain text, in settings that can't keep them secret."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mesh import redaction
from mesh.settings.paths import Step
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake

Path = tuple[Step, ...]

OPEN = (
    "holds a credential in plain text, which can be read in the stack's file, its state and the "
    "cluster"
)
FROM_ENVIRONMENT = (
    "name an environment variable of istiod in envName instead, and set that from a Secret: "
    "values.istiod.envVarFrom, with name and valueFrom.secretKeyRef"
)
BY_REFERENCE = (
    "keep it in a Secret, and refer to that: for an environment variable by the chart's "
    "envVarFrom, with name and valueFrom.secretKeyRef"
)
HARMLESS = re.compile(r"true|false|\d+(\.\d+)?[a-z]*|/.*|.*%[A-Z_]+(\(.*\))?%.*|.{0,5}")
"""Values that are no credentials: flags, numbers, paths, Envoy's variables, and short ones."""


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List headers, variables and texts that are credentials by their name or form."""
    yield from _walk(("meshConfig",), settings.mesh_config)
    for chart, values in settings.values.model_dump().items():
        yield from _walk(("values", chart), values)
    for index, gateway in enumerate(settings.gateways):
        yield from _walk(("gateways", index, "values"), gateway.values)
        yield from _forms(("gateways", index, "annotations"), gateway.annotations)
    for name, own in settings.bookinfo_services.items():
        for mistake in _walk(("bookinfoServices", name, "env"), own.env):
            yield replace(mistake, rule=f"{OPEN}: bookinfoServices keeps no secrets, drop it")
    yield from _forms(("namespaceLabels",), dict(settings.namespace_labels))
    yield from _forms(("namespaceAnnotations",), dict(settings.namespace_annotations))
    for service, plan in settings.traffic_plan.items():
        yield from _forms(("trafficPlan", service), plan.model_dump(by_alias=True))


def _walk(path: Path, value: Any) -> Iterator[Mistake]:
    """List credentials: pairs of a name and a value, entries of `env`, and texts with a token."""
    if isinstance(value, dict):
        name = value.get("name")
        if isinstance(name, str) and _is_open(name, value.get("value")):
            remedy = FROM_ENVIRONMENT if "headers" in path else BY_REFERENCE
            yield Mistake((*path, "value"), f"{OPEN}: {remedy}", redaction.SECRET)
            value = {key: each for key, each in value.items() if key != "value"}
        for key, each in value.items():
            if path[-1] == "env" and _is_open(key, each):
                yield Mistake((*path, key), f"{OPEN}: {BY_REFERENCE}", redaction.SECRET)
            else:
                yield from _walk((*path, key), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _walk((*path, index), each)
    else:
        yield from _forms(path, value)


def _forms(path: Path, value: Any) -> Iterator[Mistake]:
    """List texts that hold a token."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from _forms((*path, key), each)
    elif isinstance(value, str) and any(form.search(value) for form in redaction.TOKENS):
        yield Mistake(path, f"{OPEN}: {BY_REFERENCE}", redaction.SECRET)


def _is_open(name: str, value: Any) -> bool:
    return (
        isinstance(value, str)
        and redaction.is_credential(name)
        and HARMLESS.fullmatch(value) is None
    )
