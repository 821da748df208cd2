"""Imports run down: no package imports one above it, and nothing imports in a circle."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mesh.project import PROJECT

FLOORS = (
    "console",
    "mesh",  # its own files: project.py, fast_yaml.py
    "mesh.kubernetes",
    "mesh.settings",
    "mesh.istio",
    "mesh.resources",
    "mesh.bookinfo",
    "mesh.charts",
    "mesh.injection",
    "mesh.validation",
    "mesh.preflight",
    "components",
    "layers",
    "__main__",
    "sandbox",
    "meshctl.workspace",
    "meshctl.update",
    "meshctl.timeline",
    "meshctl.render",
    "meshctl.sidecar_diff",
    "meshctl.manifests",
    "meshctl.topology",
    "meshctl.verify",
    "meshctl.report",
    "meshctl.pull_request",
    "meshctl.commands",
    "meshctl",
)
"""From the ground up. The program ends at `__main__`: it imports no sandbox and no meshctl."""

ROOTS = ("mesh", "components", "layers", "sandbox", "meshctl")
FILES = [
    PROJECT / "__main__.py",
    PROJECT / "console.py",
    *(file for root in ROOTS for file in sorted((PROJECT / root).rglob("*.py"))),
]


def module(file: Path) -> str:
    """Return a file's module."""
    parts = file.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module(file): file for file in FILES}


def floor(name: str) -> int:
    """Return the floor that a module is on: that of the innermost package that has one."""
    return max(
        FLOORS.index(package)
        for package in FLOORS
        if name == package or name.startswith(f"{package}.")
    )


def imports(file: Path) -> Iterator[str]:
    """List the project's modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@cache
def graph() -> dict[str, set[str]]:
    """Return the modules that each module imports."""
    return {
        name: {each for each in imports(file) if each in MODULES} for name, file in MODULES.items()
    }


def test_imports_run_down() -> None:
    """A package may import those below it, and its own files."""
    upward = {
        name: sorted(each for each in needs if floor(each) > floor(name))
        for name, needs in graph().items()
    }

    assert {name: above for name, above in upward.items() if above} == {}


def test_nothing_imports_in_a_circle() -> None:
    """Inside a package either: a module's imports never lead back to it."""
    left = graph()
    while leaves := {name for name, needs in left.items() if not needs}:
        left = {name: needs - leaves for name, needs in left.items() if name not in leaves}

    assert left == {}


def test_nothing_is_imported_for_types_only() -> None:
    """A circle that only the type checker sees is one for the reader too."""
    assert [name for name, file in MODULES.items() if "TYPE_CHECKING" in file.read_text()] == []
