"""Print the licences in an SBOM; end with an error if a Python package has none.

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
FEW = 6  # modules of one licence that are named
CLASSIFIER = "License :: OSI Approved :: "


def main(file: Path) -> None:
    """Print a table of the Python packages, and how many Go modules have which licence."""
    table = Table("PACKAGE", "VERSION", "LICENCE", box=None, header_style="bold", pad_edge=False)
    without = []
    modules: dict[str, list[str]] = {}
    for package in json.loads(file.read_text())["components"]:
        licence = next(_licences(package), UNSAID.get(package["name"]))
        if package.get("purl", "").startswith("pkg:golang/"):
            modules.setdefault(licence or "unknown", []).append(package["name"])
        elif package["type"] != "container":  # what is in an image, its own SBOM says
            table.add_row(package["name"], package["version"], licence)
            if licence is None:
                without.append(package["name"])
    console.output().print(table)
    counts = Table("LICENCE", "GO MODULES", "", box=None, header_style="bold", pad_edge=False)
    for licence, names in sorted(modules.items(), key=lambda each: -len(each[1])):
        few = names if len(names) <= FEW else []
        counts.add_row(licence, str(len(names)), ", ".join(few))
    console.output().print("\n", counts)
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
