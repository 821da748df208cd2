"""What pydantic finds in the stack's config, in the words of the person who wrote it."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from mesh.validation import messages


def explain(
    model: type[BaseModel],
    prefix: str,
    config: Mapping[str, str],
    detail: ErrorDetails,
    *,
    hidden: Collection[str],
) -> str:
    """Turn one of pydantic's findings into place, rule and value got.

    `hidden` are the keys whose value no message may show.
    """
    key, *steps = _steps(config, detail)
    place = messages.below(f"{prefix}{key}", *steps)
    setting = re.split(r"[.\[]", str(key), maxsplit=1)[0]
    got = messages.HIDDEN if setting in hidden else detail["input"]
    match detail["type"]:
        case "extra_forbidden" if setting != key and setting in _known(model, []):
            rule = (
                f"a place in {setting} is set with --path: pulumi config rm '{key}', then "
                f"pulumi config set --path '{key}' VALUE"
            )
        case "extra_forbidden":
            *above, last = (key, *steps)
            return messages.unknown(place, str(last), _known(model, above), got)
        case "missing" if steps:
            rule = "must be set"
        case "missing":
            return f"{place}: has neither a value nor a default in Pulumi.yaml"
        case "value_error":
            rule = str(detail["ctx"]["error"])
        case (
            "json_invalid"
            | "json_type"
            | "dict_type"
            | "model_type"
            | "list_type"
            | "tuple_type"
            | "frozen_set_type"
        ):
            rule = _container(model, place, [key, *steps])
        case _:
            rule = (detail["msg"][:1].lower() + detail["msg"][1:]).replace("input should", "must")
    return messages.wrong(place, rule, got)


def _container(model: type[BaseModel], place: str, steps: Sequence[str | int]) -> str:
    """Say that a value must be an object or a list, and how one is set."""
    path = place.partition(":")[2]
    if any(part.get("type") == "array" for part in _schemas(model, steps)):
        return f"must be a list, set item by item: pulumi config set --path '{path}[0]' VALUE"
    return f"must be an object, set key by key: pulumi config set --path '{path}.KEY' VALUE"


def _steps(config: Mapping[str, str], detail: ErrorDetails) -> list[str | int]:
    """Take from pydantic's path to a value what isn't in the config: the branches of a union."""
    value: Any = config
    steps: list[str | int] = []
    for step in detail["loc"]:
        try:
            value = value[step]
        except (LookupError, TypeError):
            continue
        if not steps:
            value = _parsed(value)
        steps.append(step)
    return [*steps, detail["loc"][-1]] if detail["type"] == "missing" else steps


def _parsed(text: str) -> Any:
    """Return what pydantic sees in the text of a setting that is an object or a list."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _known(model: type[BaseModel], steps: Sequence[str | int]) -> list[str]:
    """List the keys that the models know at a place of the config."""
    return [key for part in _schemas(model, steps) for key in part.get("properties", ())]


def _schemas(model: type[BaseModel], steps: Sequence[str | int]) -> list[dict[str, Any]]:
    """Return what may stand at a place of the config, as JSON schemas of the models."""
    whole = model.model_json_schema()

    def variants(part: Any) -> Iterator[dict[str, Any]]:
        if "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        yield part
        parsed = [part["contentSchema"]] if "contentSchema" in part else []
        for variant in (*parsed, *part.get("anyOf", ()), *part.get("oneOf", ())):
            yield from variants(variant)

    def child(part: dict[str, Any], step: str | int) -> Any:
        if isinstance(step, int):
            return part.get("items")
        return part.get("properties", {}).get(step) or part.get("additionalProperties")

    parts = list(variants(whole))
    for step in steps:
        children = [child(part, step) for part in parts]
        parts = [v for one in children if isinstance(one, dict) for v in variants(one)]
    return parts
