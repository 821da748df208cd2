"""What injection adds to a pod, and what it changes: counted and named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]
CONTAINERS: Mapping[str, str] = {"initContainers": "init containers", "containers": "containers"}


@dataclass(frozen=True, kw_only=True)
class Addition:
    """One kind of thing that injection adds."""

    what: str
    names: tuple[str, ...]
    """One for each, with what is worth knowing of it."""

    @property
    def text(self) -> str:
        """All names: bare ones behind each other, a line for each that says more."""
        return ("\n" if any(" " in name for name in self.names) else ", ").join(self.names)


def summarize(plain: Manifest, injected: Manifest) -> list[Addition]:
    """Compare two pods' metadata and spec; kinds of which nothing was added are left out."""
    found: list[Addition] = []

    def add(what: str, names: Sequence[str]) -> None:
        if names:
            found.append(Addition(what=what, names=tuple(names)))

    before, after = plain.get("spec", {}), injected.get("spec", {})
    new = {key: _added(before.get(key), after.get(key)) for key in CONTAINERS}
    containers = [container for key in CONTAINERS for container in new[key]]
    for key, what in CONTAINERS.items():
        add(what, [_container(container) for container in new[key]])
    for key, what in (("volumes", "volumes"), ("imagePullSecrets", "image pull secrets")):
        add(what, [item["name"] for item in _added(before.get(key), after.get(key))])
    for key in ("annotations", "labels"):
        keys = [plain["metadata"].get(key) or {}, injected["metadata"].get(key) or {}]
        add(key, [name for name in keys[1] if name not in keys[0]])
    for container in containers:
        add(f"env of {container['name']}", [each["name"] for each in container.get("env", [])])
    add("security context", list(_rights(before, after, containers)))
    add("changed", list(_changes(plain, injected, "")))
    return found


def _added(before: Sequence[Manifest] | None, after: Sequence[Manifest] | None) -> list[Manifest]:
    names = {item["name"] for item in before or ()}
    return [item for item in after or () if item["name"] not in names]


def _container(container: Manifest) -> str:
    requests = container.get("resources", {}).get("requests") or {}
    asks = ", ".join(f"{resource} {quantity}" for resource, quantity in requests.items())
    stays = ", native sidecar" if container.get("restartPolicy") == "Always" else ""
    return f"{container['name']} ({container['image']}; requests {asks or 'nothing'}{stays})"


def _rights(before: Manifest, after: Manifest, containers: Sequence[Manifest]) -> Iterator[str]:
    """Say what the new containers run as and may do, and what the whole pod may beside before."""
    own = after.get("securityContext") or {}
    if extra := {k: v for k, v in own.items() if k not in (before.get("securityContext") or {})}:
        yield f"the pod: {', '.join(f'{key} {value}' for key, value in extra.items())}"
    for container in containers:
        context = container.get("securityContext") or {}
        rights = [f"user {context['runAsUser']}"] if "runAsUser" in context else []
        rights += [f"may {right}" for right in context.get("capabilities", {}).get("add", [])]
        rights += ["privileged"] if context.get("privileged") else []
        rights += ["read-only root"] if context.get("readOnlyRootFilesystem") else []
        yield f"{container['name']}: {', '.join(rights) or 'none of its own'}"


def _changes(before: Any, after: Any, place: str) -> Iterator[str]:
    """Name what was there before and isn't the same now."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key, value in before.items():
            yield from _changes(value, after.get(key), f"{place}.{key}".lstrip("."))
    elif _is_named(before) and isinstance(after, list):
        now = {item.get("name"): item for item in after}
        for item in before:
            yield from _changes(item, now.get(item["name"]), f"{place}[{item['name']}]")
    elif before != after:
        yield f"{place}: {before} -> {'gone' if after is None else after}"


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, Mapping) and "name" in item for item in value
    )
