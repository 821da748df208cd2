"""Secrets in plain text beside encrypted ones, which only the stack's file shows."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.validation import config, plain_secrets

SECURE = {"secure": "v1:abc"}


def found(folder: Path, key: str, value: Any) -> list[str]:
    """Return what is listed of a setting in the file of stack `dev`."""
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {f"mesh:{key}": value}}))
    return [each.line() for each in plain_secrets.conflicts(key, "dev", "mesh", folder)]


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        (
            "gatewayCertificates",
            {"own": {"tls.crt": "PEM", "tls.key": "KEY"}, "other": {"tls.key": SECURE}},
            'gatewayCertificates.own["tls.key"]',
        ),
        ("cacerts", {"ca-key.pem": "KEY", "root-cert.pem": SECURE}, 'cacerts["ca-key.pem"]'),
        (
            "registryCredentials",
            {"r.io": {"username": "me", "password": "KEY"}, "s.io": {"password": SECURE}},
            'registryCredentials["r.io"].password',
        ),
        ("bookinfoMysqlPassword", "KEY", "bookinfoMysqlPassword"),
    ],
)
def test_a_part_in_plain_text_is_named_and_not_shown(
    tmp_path: Path, key: str, value: Any, place: str
) -> None:
    """With the command that encrypts it; certificates and names are public."""
    (line,) = found(tmp_path, key, value)

    assert line.startswith(f"{place}: is in plain text in Pulumi.dev.yaml: pulumi config set --sec")
    assert f"--path '{place}'" in line
    assert "KEY" not in line


def test_a_key_without_the_projects_name_is_the_projects(tmp_path: Path) -> None:
    """Pulumi reads it as that; items of a list have numbers, and an empty text is no secret."""
    content = {"registryCredentials": [{"password": "KEY"}, {"password": ""}, SECURE]}
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": content}))

    (mistake,) = plain_secrets.conflicts("registryCredentials", "dev", "mesh", tmp_path)

    assert mistake.path == ("registryCredentials", 0, "password")


@pytest.mark.parametrize(
    "value", [SECURE, {"own": {"tls.crt": "PEM", "tls.key": SECURE}}, {"own": SECURE}, None]
)
def test_what_is_encrypted_is_fine(tmp_path: Path, value: Any) -> None:
    """As a whole, or part by part."""
    assert found(tmp_path, "gatewayCertificates", value) == []


@pytest.mark.parametrize("content", ["", "[", "- a", "config: []"])
def test_a_file_of_another_form_is_no_matter(tmp_path: Path, content: str) -> None:
    """Pulumi itself reports it."""
    (tmp_path / "Pulumi.dev.yaml").write_text(content)

    assert list(plain_secrets.conflicts("cacerts", "dev", "mesh", tmp_path)) == []
    assert list(plain_secrets.conflicts("cacerts", "none", "mesh", tmp_path)) == []


def test_a_preview_refuses_it(
    configure: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The config's check asks for each secret setting."""
    monkeypatch.setattr(
        plain_secrets, "conflicts", lambda key, *_: iter([plain_secrets.Mistake((key,), "plain")])
    )
    configure(bookinfoMysqlPassword="x", concealed="bookinfoMysqlPassword")

    with pytest.raises(Exception, match="mesh:bookinfoMysqlPassword: plain"):
        config.read_settings()
