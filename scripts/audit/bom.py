"""Add the Go modules of the sandbox's programs, and the images that stacks deploy, to an SBOM.

venv/bin/python -m scripts.audit.bom sbom.json FOLDER
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mesh.bookinfo.images import of_bookinfo
from mesh.bookinfo.services import SAMPLES
from mesh.charts.images import ISTIOD, NODE_AGENTS, PROXY
from mesh.settings.schema import Settings

PROGRAM = "mesh:program"
"""Property of a Go module: a program of the sandbox that is built of it."""

Component = dict[str, Any]


def main(file: Path, folder: Path) -> None:
    """Write the components into the SBOM, each once."""
    whole = json.loads(file.read_text())
    whole["components"] += [*_modules(folder), *map(_container, _images())]
    file.write_text(json.dumps(whole, indent=2) + "\n")


def _modules(folder: Path) -> list[Component]:
    """Return the modules of the SBOMs in a folder, each of which is named after a program."""
    found: dict[str, Component] = {}
    for file in sorted(folder.glob("*.json")):
        for module in json.loads(file.read_text())["components"]:
            # A module's licence was found in its files; nobody has declared it.
            licences = module.pop("evidence", {}).get("licenses", [])
            known = found.setdefault(
                module["bom-ref"], {**module, "licenses": licences, "properties": []}
            )
            known["properties"].append({"name": PROGRAM, "value": file.stem})
    return list(found.values())


def _images() -> Iterator[str]:
    """Yield the images of Istio and of Bookinfo, in every variant that a stack may deploy."""
    settings, sample = Settings.defaults(), SAMPLES["istiod"]
    for name in (ISTIOD, PROXY, *NODE_AGENTS.values()):
        yield f"{settings.hub}/{name}:{settings.istio_version}"
        yield f"{settings.hub}/{name}:{settings.istio_version}-distroless"
    images = {
        image
        for database in ("mongodb", "mysql")
        for image in of_bookinfo(
            settings.model_copy(update={"bookinfo_ratings": database, "bookinfo_details_v2": True}),
            sample,
        )
    }
    yield from (f"{sample.hub}/{image}" for image in sorted(images))


def _container(image: str) -> Component:
    name, _, version = image.rpartition(":")
    place = f"pkg:docker/{name.removeprefix('docker.io/')}@{version}"
    return {"type": "container", "bom-ref": place, "name": name, "version": version, "purl": place}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
