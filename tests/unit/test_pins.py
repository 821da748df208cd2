"""Everything that is downloaded is pinned, by a hash or by what is verified against one.

The workflows' actions: test_workflows.py. What Renovate has to move: test_renovate.py.
"""

import re
from pathlib import Path

import pytest

from mesh.project import PROJECT
from sandbox.programs import BUILDS

AUDIT = PROJECT / "scripts" / "audit"
REQUIREMENTS = [
    file
    for folder in (PROJECT, BUILDS, *PROJECT.glob("scripts/*"))
    for file in folder.glob("requirements*.txt")
]
INSTALLERS = ("scripts/venv", "scripts/audit/sbom", "scripts/site/build", "sandbox/wheels.py")
"""Files with commands that install Python packages."""
MODULES = sorted([*BUILDS.glob("*/go.mod"), AUDIT / "go.mod"])
REQUIRED = re.compile(
    r"^(?:require )?\s*([\w.~/-]+\.[\w.~/-]+) (v\S+?)( // indirect)?$", re.MULTILINE
)
REPLACED = re.compile(r"^(?:replace )?\s*(\S+)(?: v\S+)? => (\S+)(?: (v\S+))?$", re.MULTILINE)


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.name)
def test_python_packages_are_pinned_by_hash(file: Path) -> None:
    """Each by one version and the hashes of its files: pip and uv take no other."""
    packages = [
        entry
        for entry in re.split(r"\n(?=\S)", file.read_text())
        if not entry.startswith(("#", "-r"))
    ]

    assert packages
    for entry in packages:
        assert re.match(r"[\w.-]+==[\w.!+-]+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.parent.name)
def test_go_modules_are_pinned_by_hash(file: Path) -> None:
    """go.sum has the hash of each module's go.mod, and of what is in the modules imported."""
    replaced = {old: (new, version) for old, new, version in REPLACED.findall(file.read_text())}
    hashes = set(
        re.findall(
            r"^(\S+ \S+) h1:[\w+/]{43}=$", (file.parent / "go.sum").read_text(), re.MULTILINE
        )
    )
    required = REQUIRED.findall(file.read_text())

    assert required
    for module, version, indirect in required:
        name, pinned = replaced.get(module, (module, version))
        if name.startswith("."):
            continue  # a folder of this repository
        assert f"{name} {pinned}/go.mod" in hashes
        assert indirect or f"{name} {pinned}" in hashes


def test_python_packages_are_installed_by_hash() -> None:
    """The scripts refuse a package without one."""
    for name in INSTALLERS:
        assert "--require-hashes" in (PROJECT / name).read_text(), name
