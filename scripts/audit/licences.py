"""Print the licences in an SBOM; end with an error if a package has none.

venv/bin/python -m scripts.audit.licences sbom.json
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

import console

UNSAID: Mapping[str, str] = {"protobuf": "BSD-3-Clause", "pulumi_policy": "Apache-2.0"}
"""The licences of packages whose metadata has none, as their repositories have them."""
CLASSIFIER = "License :: OSI Approved :: "


def main(file: Path) -> None:
    """Print a table of all packages."""
    table = Table("PACKAGE", "VERSION", "LICENCE", box=None, header_style="bold", pad_edge=False)
    without = []
    for package in json.loads(file.read_text())["components"]:
        licence = next(_licences(package), UNSAID.get(package["name"]))
        table.add_row(package["name"], package["version"], licence)
        if licence is None:
            without.append(package["name"])
    console.output().print(table)
    if without:
        sys.exit(
            f"no licence is known of {', '.join(without)}: look it up in the package's repository, "
            "and add it to UNSAID in scripts/audit/licences.py"
        )


def _licences(package: dict[str, Any]) -> Iterator[str]:
    """Yield what a package says about its licence: first by SPDX, then in other words."""
    for named in package.get("licenses") or ():
        licence = named.get("license") or {}
        if said := named.get("expression") or licence.get("id") or licence.get("name"):
            yield str(said).removeprefix(CLASSIFIER)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
