"""Names for objects whose program gives none."""

import hashlib
import secrets
from typing import Any

from pulumi.runtime.proto import provider_pb2

from .errors import ResourceError
from .objects import Object, annotation_of, name_of, pluck, set_annotation, set_metadata
from .properties import UNKNOWN

AUTONAMED = "pulumi.com/autonamed"
_Autonaming = provider_pb2.CheckRequest.AutonamingOptions


def suffixed(prefix: str, seed: bytes = b"") -> str:
    """Add eight hexadecimal digits: random, or always the same for one seed."""
    return prefix + (hashlib.sha256(seed).hexdigest()[:8] if seed else secrets.token_hex(4))


def is_named(obj: Object) -> bool:
    """Tell whether the program names the object, if only once it is deployed."""
    return bool(name_of(obj)) or pluck(obj, "metadata", "name") is UNKNOWN


def is_generated(obj: Object) -> bool:
    """Tell whether the program lets the API server complete the name."""
    return not is_named(obj) and bool(pluck(obj, "metadata", "generateName"))


def is_autonamed(obj: Object) -> bool:
    """Tell whether this plugin chose the name."""
    return annotation_of(obj, AUTONAMED) == "true"


def keep_name(obj: Object, old: Object) -> None:
    """Give an unnamed object the name chosen at its creation."""
    if not is_named(obj) and is_autonamed(old):
        _set_name(obj, name_of(old))


def assign_name(obj: Object, resource: str, seed: bytes, autonaming: Any) -> None:
    """Choose a name for a new, unnamed object.

    Raises:
        ResourceError: The user has switched automatic names off.

    """
    if is_named(obj) or is_generated(obj):
        return
    name = suffixed(f"{resource}-", seed)
    if autonaming is not None:
        if autonaming.mode == _Autonaming.Mode.DISABLE:
            raise ResourceError(
                "autonaming is disabled, resource requires the .metadata.name field to be set"
            )
        name = autonaming.proposed_name or name
    _set_name(obj, name)


def _set_name(obj: Object, name: str) -> None:
    set_metadata(obj, "name", name)
    set_annotation(obj, AUTONAMED, "true")
