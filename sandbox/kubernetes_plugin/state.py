"""What the engine keeps of a resource: the live object, and beside it the inputs."""

from typing import Any

from google.protobuf.struct_pb2 import Struct

from .fields import MANAGER
from .naming import suffixed
from .objects import Object, annotation_of, is_secret
from .properties import Secret, copy, has_secret, mark_secrets
from .reading import Properties, read_fields, shared_fields, unmarked
from .writing import write_state

INPUTS = "__inputs"
INITIAL_VERSION = "__initialApiVersion"
FIELD_MANAGER = "__fieldManager"
CLIENT_SIDE_MANAGER = "pulumi-kubernetes"


def checkpoint(
    inputs: Object,
    live: Object,
    given: Properties,
    *,
    initial_version: str,
    manager: str,
) -> Struct:
    """Make the state of a resource; what the engine gave as secret is so in it."""
    markers = {INITIAL_VERSION: initial_version, FIELD_MANAGER: manager}
    state, secrets = Struct(), given.secrets
    if not secrets and inputs.get("kind") != "Secret" and live.get("kind") != "Secret":
        write_state(state, live | markers, given)
        write_state(state.fields[INPUTS].struct_value, inputs, given)
        return state
    shown, kept = copy(live), copy(inputs)
    mark_secrets(shown, secrets)
    mark_secrets(kept, secrets)
    if is_secret(live):
        _mark_string_data(shown, secrets)
    write_state(state, shown | {INPUTS: kept} | markers)
    return state


def _mark_string_data(state: dict[str, Any], secrets: dict[str, Any]) -> None:
    # The API server answers `stringData` as `data`.
    if has_secret(secrets.get("stringData")) and "data" in state:
        data = state["data"]
        state["data"] = data if isinstance(data, Secret) else Secret(data)


def read(state: Struct, given: Properties | None = None) -> tuple[Object, Object]:
    """Read a state: the inputs, and the live object; what is as in `given` is shared."""
    said = unmarked(state)
    if said is None or INPUTS not in said.fields:
        return _split(Properties(state, given).object)
    kept = said.fields[INPUTS].struct_value.fields
    inputs = read_fields(kept, given)
    rest = {key: said.fields[key] for key in said.fields if key != INPUTS}
    return inputs, shared_fields(rest, kept, inputs)


def _split(state: Object) -> tuple[Object, Object]:
    if "inputs" in state and "live" in state:
        return state["inputs"] or {}, state["live"] or {}
    live = {key: value for key, value in state.items() if key != INPUTS}
    return state.get(INPUTS) or {}, live


def _text_of(state: Struct, key: str) -> str:
    return state.fields[key].string_value if key in state.fields else ""


def initial_version(state: Struct, inputs: Object) -> str:
    """Give the API version that the resource was created with."""
    return _text_of(state, INITIAL_VERSION) or str(inputs.get("apiVersion") or "")


def field_manager(state: Struct, inputs: Object, *, server_side: bool) -> str:
    """Give the field manager: the annotation's, the state's, or a new one."""
    if not server_side:
        return CLIENT_SIDE_MANAGER
    return (
        annotation_of(inputs, MANAGER)
        or _text_of(state, FIELD_MANAGER)
        or suffixed("pulumi-kubernetes-")
    )
