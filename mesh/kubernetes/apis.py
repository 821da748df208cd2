"""APIs that each Kubernetes version serves, to check a release before anything is created."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mesh.kubernetes.shortened import shortened

FILE = Path(__file__).parent / "apis.json"
"""Table of the versions that introduced and removed each API.

scripts/kubernetes_apis.py makes it from Kubernetes' own Go modules.
"""
SHOWN = 4  # objects of an API that a message lists

Api = tuple[str, str]
"""An API version, such as extensions/v1beta1, and a kind."""
Minor = tuple[int, int]

# The first lines of a manifest in a chart's template, which isn't YAML before it is rendered.
MANIFEST = re.compile(
    r"^apiVersion: *['\"]?([\w./]+)['\"]?\s+kind: *(\w+)(?:\s+metadata:\s+name: *([\w.-]+) *$)?",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """The Kubernetes minors that serve an API."""

    introduced: Minor
    removed: Minor | None

    def covers(self, version: Minor) -> bool:
        """Return whether a Kubernetes version serves it."""
        return self.introduced <= version and (self.removed is None or version < self.removed)

    def __str__(self) -> str:
        """Return them as a text for messages."""
        if self.removed is None:
            return f"served since Kubernetes {_text(self.introduced)}"
        return f"last served by Kubernetes {_text(_before(self.removed))}"


@cache
def lifetimes() -> Mapping[Api, Lifetime]:
    """Read the table; an API that is missing from it isn't built in."""
    table = json.loads(FILE.read_text())["apis"]
    return {
        (version, kind): Lifetime(
            introduced=minor(life["introduced"]),
            removed=minor(life["removed"]) if "removed" in life else None,
        )
        for version, kinds in table.items()
        for kind, life in kinds.items()
    }


def minor(version: str) -> Minor:
    """Return the minor of a Kubernetes or Istio version: v1.15.12, with any suffix, is 1.15."""
    major, found = re.findall(r"\d+", version)[:2]
    return int(major), int(found)


def serves(version: str, api: Api) -> bool:
    """Return whether a Kubernetes version has an API; one that isn't built in may be in any."""
    life = lifetimes().get(api)
    return life is None or life.covers(minor(version))


@cache  # used for the settings, and then for the cluster
def read_templates(chart: Path) -> tuple[tuple[Api, str], ...]:
    """List the APIs of a chart's objects, each with the object's name, or the template's file."""
    return tuple(
        ((version, kind), name or f"{chart.name}/{file.name}")
        for file in sorted(chart.glob("templates/**/*.yaml"))
        for version, kind, name in MANIFEST.findall(file.read_text())
    )


def unserved(needs: Iterable[tuple[Api, str]], version: str) -> list[str]:
    """List the APIs that a Kubernetes version lacks, with their objects and serving versions."""
    lacking: dict[Api, dict[str, None]] = {}
    for api, name in needs:
        if not serves(version, api):
            lacking.setdefault(api, {})[name] = None
    return [
        f"{' '.join(api)} ({shortened(names, SHOWN)}): {lifetimes()[api]}"
        for api, names in lacking.items()
    ]


def newest(needs: Iterable[tuple[Api, str]]) -> str | None:
    """Return the newest Kubernetes version that serves all APIs; None if every new one does."""
    ends = [life.removed for api, _ in needs if (life := lifetimes().get(api)) and life.removed]
    return _text(_before(min(ends))) if ends else None


def _before(version: Minor) -> Minor:
    return version[0], version[1] - 1


def _text(version: Minor) -> str:
    return f"{version[0]}.{version[1]}"
