"""What is read from, and written to, a Kubernetes object whatever its kind."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .properties import UNKNOWN

Object = dict[str, Any]


class Gvk(NamedTuple):
    """Group, version and kind; the core group is the empty string."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """As an object spells it: `apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


def gvk_of(obj: Mapping[str, Any]) -> Gvk:
    """Read an object's group, version and kind; `core/v1` is an alias of `v1`."""
    api_version = obj.get("apiVersion")
    kind = obj.get("kind")
    group, _, version = (api_version if isinstance(api_version, str) else "").rpartition("/")
    return Gvk("" if group == "core" else group, version, kind if isinstance(kind, str) else "")


def gvk_of_urn(urn: str) -> Gvk:
    """Read the group, version and kind from the type part of a resource's URN."""
    token = type_of_urn(urn)
    package, _, rest = token.partition(":")
    module, _, kind = rest.rpartition(":")
    group, slash, version = module.partition("/")
    if package != "kubernetes" or not slash or "/" in version:
        raise ValueError(
            f"resource type {token!r} isn't one of this plugin: "
            "it must be kubernetes:<group>/<version>:<kind>"
        )
    return Gvk("" if group == "core" else group, version, kind)


def type_of_urn(urn: str) -> str:
    """Read a resource's own type, without its parents' types."""
    return urn.split("::")[2].rpartition("$")[2]


def name_of_urn(urn: str) -> str:
    """Read the resource's name in the program."""
    return "::".join(urn.split("::")[3:])


def is_patch(urn: str, obj: Mapping[str, Any]) -> bool:
    """Tell whether the resource is a Patch resource: ConfigMapPatch makes a ConfigMap."""
    return bool(obj.get("kind")) and gvk_kind(urn) == f"{obj.get('kind')}Patch"


def gvk_kind(urn: str) -> str:
    """Read the last part of the resource's type."""
    return type_of_urn(urn).rpartition(":")[2]


def is_crd(obj: Mapping[str, Any]) -> bool:
    """Tell whether the object defines a kind."""
    gvk = gvk_of(obj)
    return gvk.kind == "CustomResourceDefinition" and gvk.group == "apiextensions.k8s.io"


def defined_by(crd: Mapping[str, Any]) -> tuple[str, str]:
    """Read the group and the kind that a CRD defines."""
    return pluck(crd, "spec", "group") or "", pluck(crd, "spec", "names", "kind") or ""


def is_secret(obj: Mapping[str, Any]) -> bool:
    """Tell whether the object is of the kind Secret."""
    gvk = gvk_of(obj)
    return gvk.kind == "Secret" and not gvk.group


def is_config_map(obj: Mapping[str, Any]) -> bool:
    """Tell whether the object is of the kind ConfigMap."""
    gvk = gvk_of(obj)
    return gvk.kind == "ConfigMap" and not gvk.group


def pluck(obj: Any, *path: str) -> Any:
    """Follow a path of keys; None where it ends early."""
    for key in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(key)
    return obj


def _metadata_text(obj: Mapping[str, Any], key: str) -> str:
    value = pluck(obj, "metadata", key)
    return value if isinstance(value, str) else ""


def name_of(obj: Mapping[str, Any]) -> str:
    """Read `metadata.name`; empty when unset or unknown."""
    return _metadata_text(obj, "name")


def namespace_of(obj: Mapping[str, Any]) -> str:
    """Read `metadata.namespace`; empty when unset or unknown."""
    return _metadata_text(obj, "namespace")


def uid_of(obj: Mapping[str, Any]) -> str:
    """Read `metadata.uid`."""
    return _metadata_text(obj, "uid")


def generation_of(obj: Mapping[str, Any]) -> int:
    """Read `metadata.generation`; 0 for kinds without one."""
    return pluck(obj, "metadata", "generation") or 0


def annotation_of(obj: Mapping[str, Any], key: str) -> str:
    """Read one annotation; empty when unset or unknown."""
    value = pluck(obj, "metadata", "annotations", key)
    return value if isinstance(value, str) else ""


def set_metadata(obj: Object, key: str, value: str) -> None:
    """Set, or with an empty value remove, a field of `metadata`."""
    metadata = obj.get("metadata")
    if metadata is UNKNOWN:
        return
    if not isinstance(metadata, dict):
        if not value:
            return
        metadata = obj["metadata"] = {}
    if value:
        metadata[key] = value
    else:
        metadata.pop(key, None)


def with_own_metadata(obj: Object) -> Object:
    """Copy the top of an object, so that its metadata can be set."""
    metadata = obj.get("metadata")
    return obj | ({"metadata": dict(metadata)} if isinstance(metadata, dict) else {})


def set_annotation(obj: Object, key: str, value: str) -> None:
    """Set one annotation, unless the annotations are unknown."""
    if obj.get("metadata") is UNKNOWN:
        return
    metadata = obj.setdefault("metadata", {})
    if metadata.get("annotations") is UNKNOWN:
        return
    if not isinstance(metadata.get("annotations"), dict):
        metadata["annotations"] = {}
    metadata["annotations"][key] = value


def remove(obj: Any, *path: str) -> None:
    """Remove the field at a path, if it is there."""
    parent = pluck(obj, *path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def id_of(obj: Mapping[str, Any]) -> str:
    """Give the resource ID: `namespace/name`, or `name` without a namespace."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def split_id(resource_id: str) -> tuple[str, str]:
    """Split a resource ID into namespace (or empty) and name."""
    parts = resource_id.split("/")
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def owned_by(obj: Mapping[str, Any], owner: Mapping[str, Any] | None) -> bool:
    """Tell whether an owner reference of the object names the owner's UID."""
    if not owner:
        return False
    references = pluck(obj, "metadata", "ownerReferences") or []
    return any(reference.get("uid") == uid_of(owner) for reference in references)
