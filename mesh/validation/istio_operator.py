"""IstioOperators in the config: only istioctl reads them; settings replace each of their parts."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mesh.settings.paths import Step, path_of
from mesh.validation.mistake import Mistake

API_GROUP = "install.istio.io"
KIND = "IstioOperator"
KEYS = frozenset(
    ("profile", "components", "meshConfig", "values", "unvalidatedValues", "hub", "tag", "revision")
)
"""Keys of its spec, which identify an IstioOperator that was pasted from `spec:` on."""

SETTINGS: Mapping[tuple[str, ...], str] = {
    ("profile",): "profile; Istio's default profile is no profile here",
    ("hub",): "hub",
    ("tag",): "tag",
    ("revision",): "revision",
    ("namespace",): "istioNamespace",
    ("compatibilityVersion",): "compatibilityVersion",
    ("meshConfig",): "meshConfig",
    ("components", "base"): "values.base; the stack always has it",
    ("components", "pilot"): "values.istiod, by the keys of the istiod chart: k8s.env is env",
    ("components", "cni"): "cni true, and values.cni",
    ("components", "ztunnel"): "injection ambient, and values.ztunnel",
    ("components", "ingressGateways"): "gateways, one item each",
    ("components", "egressGateways"): "gateways, one item each, with direction: egress",
    ("values", "meshConfig"): "meshConfig",
    ("values", "global"): "values.istiod.global; hub, tag and imagePullPolicy are settings",
    ("values", "pilot"): "values.istiod",
    ("values", "base"): "values.base",
    ("values", "cni"): "values.cni",
    ("values", "ztunnel"): "values.ztunnel",
    ("values", "gateways"): "gateways[].values",
}
"""Setting that each part belongs to."""


def pasted(config: Mapping[str, str]) -> Iterator[Mistake]:
    """List the places of a config that hold an IstioOperator, with a setting for each part."""
    for key, text in config.items():
        if key in ("meshConfig", "values", "gateways"):
            try:
                value = json.loads(text)
            except ValueError:
                continue
            yield from _find((key,), value)


def _find(path: tuple[Step, ...], value: Any) -> Iterator[Mistake]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _find((*path, index), each)
    elif isinstance(value, dict):
        spec = _spec(value)
        if spec is None and path[0] != "meshConfig" and len(path) < len(("gateways", 0, "values")):
            for key, each in value.items():
                yield from _find((*path, key), each)
        elif spec is not None:
            yield Mistake(
                path,
                f"is an {KIND}, which istioctl reads and no chart does: pulumi config rm --path "
                f"'{path_of(path)}', then set its parts by the stack's settings",
                details=tuple(_places(spec)),
            )


def _spec(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the spec of an IstioOperator, or None where a value isn't one."""
    spec = value.get("spec")
    is_one = value.get("kind") == KIND or str(value.get("apiVersion", "")).startswith(API_GROUP)
    if isinstance(spec, dict) and (is_one or KEYS & spec.keys()):
        return spec
    return {} if is_one else None


def _places(spec: Mapping[str, Any]) -> Iterator[str]:
    for above, part in spec.items():
        if (above,) in SETTINGS or not isinstance(part, dict):
            known = SETTINGS.get((above,))
            yield f"spec.{above}: {_setting(known)}"
            continue
        for key in part:
            yield f"spec.{above}.{key}: {_setting(SETTINGS.get((above, key)))}"


def _setting(known: str | None) -> str:
    return f"mesh:{known}" if known else "has no setting of its own; look in mesh:values"
