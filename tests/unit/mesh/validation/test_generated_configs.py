"""Configs by chance, made from the settings' own types: each is read, or refused in one message.

CONFIGS=2000 venv/bin/pytest tests/unit/mesh/validation/test_generated_configs.py tries many more.
"""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.settings.schema import SECRETS, Settings
from mesh.validation import config
from tests.fakes.engine import set_config
from tests.tries import tries

SCHEMA = Settings.model_json_schema()
MODES = SCHEMA["properties"]["mode"]["enum"]
WORDS = (
    *("", "default", "istio-system", "bookinfo", "1-30-8", "1.30.8", "1.29.3", "v1", "reviews"),
    *(
        "bookinfo.example.com",
        "*.example.com",
        "http",
        "https",
        "80",
        "7s",
        "10.0.0.0/8",
        "{}",
        "7",
    ),
    *("$(id)", "`id`", "; rm -rf /", "../../etc/passwd", "{{ .Values.x }}", "{{", "a: b", "- a"),
    *("<script>", "[a](b)", "| a |", "'", '"', "\n", "\0", "\ud83d\ude00", "a" * 300, "ä", "%s"),
    *(
        "global",
        "pilot",
        "proxy",
        "env",
        "resources",
        "limits",
        "cpu",
        "image",
        "tag",
        "hub",
        "name",
    ),
    *("defaultConfig", "tracing", "sampling", "extensionProviders", "defaultProviders", "metrics"),
    *("outboundTrafficPolicy", "mode", "trustDomain", "rootNamespace", "localityLbSetting"),
    *("enableAutoMtls", "accessLogFile", "discoverySelectors", "matchLabels", "podAnnotations"),
    *("~nobody/releases", "/root", "."),
    *("!!python/object:os.system", "&a *a", "null", "true", "off", "1e999", "NaN", "-1"),
)
"""Words that a setting may well hold, and words that would do harm where they aren't expected."""

SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS), st.text()),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def like(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that a JSON schema describes, and now and then one that it doesn't."""
    return st.integers(0, 15).flatmap(lambda chance: _like(schema) if chance else ANYTHING)


def _like(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    match schema:
        case {"$ref": reference}:
            return st.deferred(lambda: like(SCHEMA["$defs"][reference.rpartition("/")[2]]))
        case {"anyOf": several}:
            made = st.one_of(*map(like, several))
        case {"contentSchema": inner}:
            made = like(inner).map(json.dumps)
        case {"enum": words}:
            made = st.sampled_from(words)
        case {"type": "array"}:
            made = st.lists(like(schema.get("items", {})), max_size=3)
        case {"type": "object"}:
            made = _mapping(schema)
        case {"type": "integer"}:
            made = st.integers(schema.get("minimum", -1), schema.get("maximum", 100_000))
        case {"type": "number"}:
            made = st.floats(schema.get("minimum"), schema.get("maximum"))
        case {"type": "string"}:
            made = st.sampled_from(WORDS)
        case {"type": "boolean"}:
            made = st.booleans()
        case {"type": "null"}:
            made = st.none()
        case _:
            made = ANYTHING
    return made


def _mapping(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: like(each) for name, each in schema.get("properties", {}).items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    named = st.fixed_dictionaries(required, optional=fields)
    if not (rest := schema.get("additionalProperties")):
        return named
    others = st.dictionaries(st.sampled_from(WORDS), like({} if rest is True else rest), max_size=3)
    return st.builds(lambda one, other: {**one, **other}, named, others)


def _set(value: Any) -> str:
    """Return a value as the engine hands it to the program."""
    return value if isinstance(value, str) else json.dumps(value)


CONFIGS = st.dictionaries(
    st.sampled_from(sorted(SCHEMA["properties"])), st.none(), min_size=1, max_size=6
).flatmap(
    lambda keys: st.fixed_dictionaries(
        {key: like(SCHEMA["properties"][key]).map(_set) for key in keys}
    )
)


NO_VERSIONS = {
    **{"contract": 1, "istioNamespace": "istio-system", "revision": "default", "versions": {}},
    **{"revisionTags": {}, "routingApi": "istio", "trustDomain": "", "autoMtls": False},
    "nodeAgents": [],
}
"""A platform's contract without the version of its own revision."""


@pytest.mark.usefixtures("configure")
@tries(25)
@given(changed=CONFIGS)
@example(changed={"platformContract": json.dumps(NO_VERSIONS)})
@example(changed={"meshConfig": '{"rootNamespace": [null]}'})
def test_a_config_is_read_or_refused(changed: dict[str, str]) -> None:
    """Refused by a pulumi.RunError, whose message can be printed; never by another exception."""
    set_config(concealed=" ".join(SECRETS), **changed)
    try:
        config.read(lambda _: {})
    except pulumi.RunError as refused:
        str(refused).encode()
