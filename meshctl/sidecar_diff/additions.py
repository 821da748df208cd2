"""The additions and changes that injection makes to a pod, counted and named."""

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
    """A name for each addition, with its details where there are any."""

    @property
    def text(self) -> str:
        """All names: in one line, or in a line each if they have details."""
        return ("\n" if any(" " in name for name in self.names) else ", ").join(self.names)


def summarize(plain: Manifest, injected: Manifest) -> list[Addition]:
    """Compare the metadata and specs of two pods; return only kinds with additions."""
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
    """Yield the security context of each new container, and what the pod's own one gained."""
    own = after.get("securityContext") or {}
    if extra := {k: v for k, v in own.items() if k not in (before.get("securityContext") or {})}:
        yield f"the pod: {', '.join(f'{key} {value}' for key, value in extra.items())}"
    for container in containers:
        context = container.get("securityContext") or {}
        rights = [f"user {context['runAsUser']}"] if "runAsUser" in context else []
        rights += [f"capability {each}" for each in context.get("capabilities", {}).get("add", [])]
        rights += ["privileged"] if context.get("privileged") else []
        rights += ["read-only root"] if context.get("readOnlyRootFilesystem") else []
        yield f"{container['name']}: {', '.join(rights) or 'nothing set'}"


def _changes(before: Any, after: Any, place: str) -> Iterator[str]:
    """Yield the fields that injection changed or removed, with their old and new values."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key, value in before.items():
            yield from _changes(value, after.get(key), f"{place}.{key}".lstrip("."))
    elif _is_named(before) and isinstance(after, list):
        now = {item.get("name"): item for item in after}
        for item in before:
            yield from _changes(item, now.get(item["name"]), f"{place}[{item['name']}]")
    elif before != after:
        yield f"{place}: {before} -> {'removed' if after is None else after}"


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, Mapping) and "name" in item for item in value
    )
