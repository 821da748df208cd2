"""What the engine keeps of a resource: the live object, and beside it the inputs."""

from typing import Any

from google.protobuf.struct_pb2 import Struct

from .fields import MANAGER
from .naming import suffixed
from .objects import Object, annotation_of, is_secret
from .properties import (
    SIGNATURE,
    UNDERSCORED,
    Properties,
    Secret,
    has_secret,
    mark_secrets,
    to_state,
    to_struct,
)

INPUTS = "__inputs"
INITIAL_VERSION = "__initialApiVersion"
FIELD_MANAGER = "__fieldManager"
CLIENT_SIDE_MANAGER = "pulumi-kubernetes"


def checkpoint(
    inputs: Object,
    live: Object,
    secrets: dict[str, Any],
    *,
    initial_version: str,
    manager: str,
) -> Struct:
    """Make the state of a resource; what is secret in `secrets` is secret in it."""
    markers = {INITIAL_VERSION: initial_version, FIELD_MANAGER: manager}
    if not secrets and inputs.get("kind") != "Secret" and live.get("kind") != "Secret":
        return to_struct(live | {INPUTS: inputs} | markers, UNDERSCORED)
    state = to_state(live)
    kept = to_state(inputs)
    mark_secrets(state, secrets)
    mark_secrets(kept, secrets)
    if is_secret(live):
        _mark_string_data(state, secrets)
    return to_struct(state | {INPUTS: kept} | markers)


def _mark_string_data(state: dict[str, Any], secrets: dict[str, Any]) -> None:
    # The API server answers `stringData` as `data`.
    if has_secret(secrets.get("stringData")) and "data" in state:
        data = state["data"]
        state["data"] = data if isinstance(data, Secret) else Secret(data)


def read_like(state: Struct, news: Properties) -> Object:
    """Read a state; what of the live object and of the inputs is as in `news` is shared."""
    kept = state.fields[INPUTS].struct_value if INPUTS in state.fields else None
    if kept is None or SIGNATURE in kept.fields:
        return Properties(state, news).object
    live = Struct()
    live.CopyFrom(state)
    del live.fields[INPUTS]
    return Properties(live, news).object | {INPUTS: Properties(kept, news).object}


def split(state: Object) -> tuple[Object, Object]:
    """Give the inputs and the live object of a state."""
    if "inputs" in state and "live" in state:
        return state["inputs"] or {}, state["live"] or {}
    live = {key: value for key, value in state.items() if key != INPUTS}
    return state.get(INPUTS) or {}, live


def _text_of(state: Object, key: str) -> str:
    value = state.get(key)
    return value if isinstance(value, str) else ""


def initial_version(state: Object, inputs: Object) -> str:
    """Give the API version that the resource was created with."""
    return _text_of(state, INITIAL_VERSION) or str(inputs.get("apiVersion") or "")


def field_manager(state: Object, inputs: Object, *, server_side: bool) -> str:
    """Give the field manager: the annotation's, the state's, or a new one."""
    if not server_side:
        return CLIENT_SIDE_MANAGER
    return (
        annotation_of(inputs, MANAGER)
        or _text_of(state, FIELD_MANAGER)
        or suffixed("pulumi-kubernetes-")
    )
