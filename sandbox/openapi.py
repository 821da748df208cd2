"""The OpenAPI description of Kubernetes' API, which upstream generates before it compiles.

The Go modules of Kubernetes have no generated files, but an API server of 2019 doesn't compile
without this one.
"""

import os
from pathlib import Path

FILE = "zz_generated.openapi.go"
LIST_FORM = "{{if .Module}}{{.ImportPath}} {{.Dir}}{{end}}"
"""The output of `go list -f` for each package."""


def command(generator: Path, package: str, folder: Path, listed: str) -> list[str]:
    """Return the command that generates the package into a folder, from the listed packages."""
    described = [
        name
        for name, _, where in (line.partition(" ") for line in listed.splitlines())
        if name.startswith("k8s.io/") and _is_described(Path(where))
    ]
    return [
        *(str(generator), "--output-pkg", package),
        *("--output-dir", str(folder), "--output-file", FILE),
        *("--go-header-file", os.devnull, "--report-filename", os.devnull),
        *described,
    ]


def adapt(folder: Path) -> None:
    """Change what today's generator wrote, so that it compiles with the packages of 2019."""
    file = folder / FILE
    text = file.read_text()
    file.write_text(
        text.replace("k8s.io/kube-openapi/pkg/validation/spec", "github.com/go-openapi/spec")
    )


def _is_described(package: Path) -> bool:
    """Return whether a package's types are part of the API: its files have a tag for it."""
    tag = "\n// +k8s:openapi-gen=true\n"
    return any(tag in file.read_text() for file in package.glob("*.go"))
