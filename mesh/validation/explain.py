"""Explanations of pydantic's errors, by the keys and values of the stack's config."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from mesh.settings.paths import Step, path_of
from mesh.validation.mistake import Mistake, unknown


def explain(model: type[BaseModel], config: Mapping[str, str], detail: ErrorDetails) -> Mistake:
    """Turn one of pydantic's errors into place, rule and value."""
    key, *steps = _steps(config, detail)
    path = (key, *steps)
    setting = re.split(r"[.\[]", str(key), maxsplit=1)[0]
    got = detail["input"]
    match detail["type"]:
        case "extra_forbidden" if setting != key and setting in _known(model, []):
            rule = (
                f"a place in {setting} is set with --path: pulumi config rm '{key}', then "
                f"pulumi config set --path '{key}' VALUE"
            )
        case "extra_forbidden":
            *above, last = path
            return unknown(path, str(last), _known(model, above), got)
        case "missing" if steps:
            rule = "must be set"
        case "missing":
            return Mistake(path, "has neither a value nor a default in Pulumi.yaml")
        case "string_too_short" | "too_short":
            rule = "must not be empty"
        case "value_error":
            rule = str(detail["ctx"]["error"])
        case "string_type" if steps and got is not None:
            rule = (
                "must be a string, in quotes: pulumi config set --type string --path "
                f"'{path_of(path)}' VALUE"
            )
        case (
            "json_invalid"
            | "json_type"
            | "dict_type"
            | "model_type"
            | "list_type"
            | "tuple_type"
            | "frozen_set_type"
        ):
            rule = _container(model, path)
        case _:
            rule = (detail["msg"][:1].lower() + detail["msg"][1:]).replace("input should", "must")
    return Mistake(path, rule, got)


def _container(model: type[BaseModel], steps: Sequence[Step]) -> str:
    """Return the rule that a value must be an object or a list, with the command that sets one."""
    path = path_of(steps)
    if any(part.get("type") == "array" for part in _schemas(model, steps)):
        return f"must be a list, set item by item: pulumi config set --path '{path}[0]' VALUE"
    return f"must be an object, set key by key: pulumi config set --path '{path}.KEY' VALUE"


def _steps(config: Mapping[str, str], detail: ErrorDetails) -> list[Step]:
    """Drop the steps of pydantic's path that the config lacks: the branches of a union."""
    value: Any = config
    steps: list[Step] = []
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
    """Parse the text of a setting that is an object or a list, as pydantic does."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _known(model: type[BaseModel], steps: Sequence[Step]) -> list[str]:
    """List the keys that the models know at a place of the config."""
    return [key for part in _schemas(model, steps) for key in part.get("properties", ())]


def _schemas(model: type[BaseModel], steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return the models' JSON schemas of the values that a place of the config may have."""
    whole = _schema(model)

    def variants(part: Any) -> Iterator[dict[str, Any]]:
        if "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        yield part
        parsed = [part["contentSchema"]] if "contentSchema" in part else []
        for variant in (*parsed, *part.get("anyOf", ()), *part.get("oneOf", ())):
            yield from variants(variant)

    def child(part: dict[str, Any], step: Step) -> Any:
        if isinstance(step, int):
            return part.get("items")
        return part.get("properties", {}).get(step) or part.get("additionalProperties")

    parts = list(variants(whole))
    for step in steps:
        children = [child(part, step) for part in parts]
        parts = [v for one in children if isinstance(one, dict) for v in variants(one)]
    return parts
