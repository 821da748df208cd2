"""Client-side updates: the patch from a live object to what the program wants, three ways.

What the program dropped is removed, what it wants is set, and what others added stays.
"""

from typing import Any

from .diff import merge_patch
from .kinds import BUILT_IN_VERSIONS
from .objects import Object
from .properties import copy

# By which field upstream tells the items of a built-in kind's list apart (`patchMergeKey` of the
# Go client's types); other lists are replaced whole.
_KEYS = {
    "containers": "name",
    "env": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "secrets": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
    "webhooks": "name",
}
_PORTS = {"Service": "port"}
# Of what these hold, only the fields that the program names stay when one changes: a volume has
# one source (`patchStrategy` retainKeys).
_RETAINING = frozenset({"strategy", "volumes"})


def merge(old: Object, new: Object, live: Object) -> Object:
    """Make the JSON merge patch of an update.

    Upstream sends built-in kinds a strategic merge patch: here its lists are merged beforehand.
    """
    if new.get("apiVersion") in BUILT_IN_VERSIONS:
        new = _with_items_of_others(old, new, live, ports=_PORTS.get(str(new.get("kind"))))
    return _three_ways(old, new, live)


def _with_items_of_others(old: Any, new: Object, live: Any, *, ports: str | None) -> Object:
    old = old if isinstance(old, dict) else {}
    live = live if isinstance(live, dict) else {}
    return {
        key: _field(key, old.get(key), value, live.get(key), ports) for key, value in new.items()
    }


def _field(name: str, old: Any, new: Any, live: Any, ports: str | None) -> Any:
    if isinstance(new, list) and isinstance(live, list):
        return _list(name, old if isinstance(old, list) else [], new, live, ports)
    if not isinstance(new, dict):
        return new
    merged = _with_items_of_others(old, new, live, ports=ports)
    if name in _RETAINING and isinstance(live, dict) and _additions(live, merged):
        return dict.fromkeys(live) | merged
    return merged


def _list(name: str, old: list[Any], new: list[Any], live: list[Any], ports: str | None) -> Any:
    if name == "finalizers":
        return new + [item for item in live if item not in new and item not in old]
    key = (ports or "containerPort") if name == "ports" else _KEYS.get(name)
    if not key:
        return new
    olds, news, lives = ({_named(item, key): item for item in each} for each in (old, new, live))
    if None in news or None in lives or len(news) < len(new):
        return new
    merged = [
        _item(olds.get(which), item, lives[which], whole=name in _RETAINING, ports=ports)
        if which in lives
        else item
        for which, item in news.items()
    ]
    return merged + [item for which, item in lives.items() if which not in news | olds]


def _named(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, dict) else None


def _item(old: Any, new: Object, live: Object, *, whole: bool, ports: str | None) -> Object:
    new = _with_items_of_others(old, new, live, ports=ports)
    kept = {key: value for key, value in live.items() if key in new} if whole else live
    return _applied(_three_ways(old or {}, new, kept), kept)


def _three_ways(old: Object, new: Object, live: Object) -> Object:
    return _overlay(_removals(old, new), _additions(live, new))


def _applied(patch: Object, to: Object) -> Object:
    result = copy(to)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            below = result.get(key)
            result[key] = _applied(value, below if isinstance(below, dict) else {})
        else:
            result[key] = value
    return result


def _removals(old: Object, new: Object) -> Object:
    gone: Object = {}
    for key, value in old.items():
        if key not in new:
            gone[key] = None
        elif isinstance(value, dict) and isinstance(new[key], dict):
            gone[key] = _removals(value, new[key])
    return gone


def _additions(live: Object, new: Object) -> Object:
    return _without_removals(merge_patch(live, new), new)


def _without_removals(patch: Object, new: Object) -> Object:
    kept: Object = {}
    for key, value in patch.items():
        if key not in new:
            continue
        if isinstance(value, dict) and isinstance(new[key], dict):
            kept[key] = _without_removals(value, new[key])
        else:
            kept[key] = value
    return kept


def _overlay(base: Object, top: Object) -> Object:
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[key] = _overlay(below, value) if both and below is not None else value
    return result
