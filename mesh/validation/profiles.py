"""The sets of values that a release ships: profiles, platforms, and older versions' behaviour."""

import re
from collections.abc import Mapping
from pathlib import Path

from mesh.validation.messages import unknown

FILES = {
    "platform": re.compile(r"profile-platform-(.+)\.yaml"),
    "compatibilityVersion": re.compile(r"profile-compatibility-version-(.+)\.yaml"),
    # "remote" is for a cluster whose istiod is in another one.
    "profile": re.compile(r"profile-(?!platform-|compatibility-version-|remote\.)(.+)\.yaml"),
}


def mistakes(chart: Path, chosen: Mapping[str, str | None], prefix: str) -> list[str]:
    """List what was chosen, by setting, and isn't among the files of a chart."""
    names = [file.name for file in sorted((chart / "files").glob("profile-*.yaml"))]
    found = []
    for setting, choice in chosen.items():
        shipped = [match[1] for name in names if (match := FILES[setting].fullmatch(name))]
        if choice and choice not in shipped:
            what = f"one in the release, which has {', '.join(shipped) or 'none'}"
            found.append(unknown(f"{prefix}{setting}", choice, shipped, choice, what=what))
    return found
