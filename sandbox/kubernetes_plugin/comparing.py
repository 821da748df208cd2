"""Comparing a resource's state with new inputs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from google.protobuf.struct_pb2 import Struct

from .connection import Connection
from .diff import Detailed, detailed_diff, prune, replacing_paths, without_ignored
from .engine import Engine
from .errors import ResourceError
from .naming import is_autonamed, is_named
from .normalize import normalize
from .objects import (
    Object,
    annotation_of,
    gvk_of,
    is_patch,
    name_of,
    namespace_of,
    remove,
    set_metadata,
    with_own_metadata,
)
from .reading import Properties
from .replacement import replacing_fields
from .state import read
from .waiting.pods import job_is_ready

_REPLACE_UNREADY = "pulumi.com/replaceUnready"


@dataclass(kw_only=True)
class Comparison:
    """What differs, and whether that replaces the object."""

    changed: bool = False
    replaces: list[str] = field(default_factory=list)
    detailed: Detailed = field(default_factory=dict)
    delete_first: bool = False


def compare(
    connection: Connection,
    engine: Engine,
    urn: str,
    *,
    state: Struct,
    new: Properties,
    ignored: list[str],
) -> Comparison:
    """Compare the live object, as far as the program described it, with the new inputs."""
    old_inputs, live = read(state, new)
    old_inputs, inputs = normalize(old_inputs), normalize(new.object)
    before: Object = with_own_metadata(prune(live, old_inputs))
    _align_namespaces(connection, before, inputs)
    if not before.get("apiVersion") and not before.get("kind"):
        before |= {"apiVersion": gvk_of(inputs).api_version, "kind": gvk_of(inputs).kind}
    settings = connection.settings
    if settings.server_side_apply:
        remove(before, "metadata", "resourceVersion")
    if name_of(inputs):
        set_metadata(before, "name", name_of(live))
    fields = replacing_fields(
        inputs,
        config_map_mutable=settings.config_map_mutable,
        secret_mutable=settings.secret_mutable,
        patch=is_patch(urn, inputs),
    )
    detailed = without_ignored(detailed_diff(before, inputs, fields), ignored)
    result = Comparison(
        changed=bool(detailed), replaces=replacing_paths(detailed), detailed=detailed
    )
    watched = annotation_of(inputs, _REPLACE_UNREADY) == "true"
    if watched and _is_unready(connection, partial(engine.warn, urn), inputs, live):
        result.changed = True
        result.replaces.append(f'.metadata.annotations["{_REPLACE_UNREADY}"]')
    result.delete_first = (
        bool(result.replaces)
        and is_named(inputs)
        and not is_autonamed(inputs)
        and name_of(inputs) == name_of(live)
        and namespace_of(inputs) == namespace_of(live)
    )
    result.changed |= connection.renders and settings.always_render
    return result


def _align_namespaces(connection: Connection, before: Object, inputs: Object) -> None:
    namespaced = connection.is_namespaced(gvk_of(inputs))
    for obj in (before, inputs):
        unset = not namespace_of(obj)
        if namespaced and unset and _namespace_is_plain(obj):
            set_metadata(obj, "namespace", "default")
        elif not namespaced:
            set_metadata(obj, "namespace", "")


def _namespace_is_plain(obj: Object) -> bool:
    metadata = obj.get("metadata")
    given = metadata.get("namespace") if isinstance(metadata, dict) else None
    return given is None or isinstance(given, str)


def _is_unready(
    connection: Connection, warn: Callable[[str], None], inputs: Object, live: Object
) -> bool:
    cluster = connection.reachable_cluster
    if cluster is None:
        warn("Cluster is unreachable, skipping replaceUnready check")
        return False
    if inputs.get("kind") != "Job":
        warn("replaceUnready annotation is not supported for this resource")
        return False
    try:
        return not job_is_ready(cluster.get(cluster.path_of(live, name_of(live))))
    except ResourceError:
        # A Job that can't be read is left alone.
        return False
