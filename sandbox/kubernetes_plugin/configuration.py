"""Checking and comparing a Provider's own arguments."""

import json
import os
from typing import Any

from .kubeconfig import active_cluster
from .objects import gvk_kind, type_of_urn
from .properties import UNKNOWN, Secret

_WHERE = ("kubeconfig", "context", "cluster")
IDENTIFIER = "clusterIdentifier"


def _bare(value: Any) -> Any:
    return _bare(value.value) if isinstance(value, Secret) else value


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value != "")


def failures(urn: str, args: dict[str, Any]) -> list[tuple[str, str]]:
    """List what is wrong with a Provider's arguments: property and reason."""
    args = {key: _bare(value) for key, value in args.items()}
    if found := _strict_failures(urn, args):
        return found
    renders = _is_true(args.get("renderYamlToDirectory"))
    if renders:
        # SDKs fill kubeconfig from $KUBECONFIG, which isn't the user's choice.
        ambient = os.environ.get("KUBECONFIG")
        clashing = [
            key
            for key in ("cluster", "context", "kubeconfig")
            if _is_true(args.get(key))
            and not (key == "kubeconfig" and ambient and args[key] == ambient)
        ]
        if clashing:
            reason = '"{}" arg is not compatible with "renderYamlToDirectory" arg'
            return [(key, reason.format(key)) for key in clashing]
    if args.get("alwaysRender") in (True, "true") and not renders:
        return [("alwaysRender", '"alwaysRender" requires "renderYamlToDirectory" to be set')]
    return []


def _strict_failures(urn: str, args: dict[str, Any]) -> list[tuple[str, str]]:
    strict = args.get("strictMode")
    if strict is None:
        try:
            strict = json.loads(os.environ.get("PULUMI_CONFIG") or "{}").get("strictMode")
        except (AttributeError, ValueError):
            strict = None
    if strict != "true" or not type_of_urn(urn).startswith("pulumi:providers:"):
        return []
    found = []
    if urn.rsplit("::", maxsplit=1)[-1].startswith("default"):
        found.append(("", "strict mode prohibits default provider"))
    found += [
        (key, f'strict mode requires Provider "{key}" argument')
        for key in ("kubeconfig", "context")
        if not args.get(key)
    ]
    return found if gvk_kind(urn) else []


def differences(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[str], list[str]]:
    """List the arguments that differ, and those that replace the Provider.

    Raises:
        ValueError: A kubeconfig isn't one.

    """
    old = {key: _bare(value) for key, value in old.items()}
    new = {key: _bare(value) for key, value in new.items()}
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if not changed:
        return [], []
    replacing = _replacing(old, new, changed)
    if unknown := _unknown(new):
        # It may be another cluster: upstream says no more than that.
        changed = unknown[:1]
    if new.get(IDENTIFIER) and new.get(IDENTIFIER) == old.get(IDENTIFIER):
        # The user says that it is still the same cluster.
        replacing = []
    return changed, replacing


def _replacing(old: dict[str, Any], new: dict[str, Any], changed: list[str]) -> list[str]:
    found = []
    if IDENTIFIER in changed and old.get(IDENTIFIER) and new.get(IDENTIFIER):
        found.append(IDENTIFIER)
    if unknown := _unknown(new):
        return [*found, unknown[0]]
    if "renderYamlToDirectory" in changed:
        found.append("renderYamlToDirectory")
    before, after = (active_cluster(*(args.get(key) for key in _WHERE)) for args in (old, new))
    if before is not None and after is not None and before != after:
        found += [key for key in _WHERE if key in changed]
    return found


def _unknown(args: dict[str, Any]) -> list[str]:
    return [key for key in _WHERE if args.get(key) is UNKNOWN]
