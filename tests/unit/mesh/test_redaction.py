"""Secrets are removed from what people and CI see, and nothing else is."""

import json
from pathlib import Path

import pytest
import yaml

from mesh import redaction

HEADERS = [
    {"name": "Authorization", "value": "Api-Token made-up"},
    {"name": "x-api-key", "value": "made-up"},
    {"name": "Cookie", "value": "a=made-up; b=made-up"},
]


@pytest.mark.parametrize(
    "text",
    [
        *(yaml.safe_dump({"headers": [header]}, sort_keys=False) for header in HEADERS),
        *(
            yaml.safe_dump({"headers": [dict(reversed(header.items()))]}, sort_keys=False)
            for header in HEADERS
        ),
        *(json.dumps({"headers": [header]}) for header in HEADERS),
        *(str(header) for header in HEADERS),
        "Proxy-Authorization: Negotiate made-up",
        "authorization: made-up",
        "Bearer made-up-token",
        "--password=made-up",
        "https://user:made-up@example.com/",
    ],
)
def test_a_credential_is_removed_from_a_text(text: str) -> None:
    """However it is written down: as YAML, JSON, Python or a header."""
    shown = redaction.text(text)

    assert "made-up" not in shown
    assert redaction.SECRET in shown


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header["name"])
def test_a_credential_is_removed_from_a_manifest(header: dict[str, str]) -> None:
    """In its fields, and in a text that is a document, as the mesh config in its ConfigMap."""
    config = {"extensionProviders": [{"name": "t", "http": {"headers": [header]}}]}
    found = {"kind": "ConfigMap", "data": {"mesh": yaml.safe_dump(config)}, "spec": config}

    shown = redaction.manifest(found)

    assert "made-up" not in str(shown)
    assert shown["kind"] == "ConfigMap"


def test_nothing_else_of_a_manifest_changes(release_dir: Path) -> None:
    """All templates of a release: files that are to be applied keep every other byte."""
    for file in sorted(release_dir.glob("manifests/charts/**/*.yaml")):
        text = file.read_text()
        assert redaction.manifest({"data": {"config": text}}) == {"data": {"config": text}}, file
