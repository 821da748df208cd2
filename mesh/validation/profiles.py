"""Sets of values that a release ships: profiles, platforms, and compatibility versions."""

import re
from pathlib import Path

from mesh.charts.presets import REMOTE
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake, unknown

FILES = {
    "platform": re.compile(r"profile-platform-(.+)\.yaml"),
    "compatibilityVersion": re.compile(r"profile-compatibility-version-(.+)\.yaml"),
    "profile": re.compile(r"profile-(?!platform-|compatibility-version-|remote\.)(.+)\.yaml"),
}


def conflicts(settings: Settings, chart: Path) -> list[Mistake]:
    """List chosen profiles, platforms and compatibility versions that a chart has no file for."""
    chosen = {
        "profile": settings.profile,
        "platform": settings.platform,
        "compatibilityVersion": settings.compatibility_version,
    }
    names = [file.name for file in sorted((chart / "files").glob("profile-*.yaml"))]
    found = []
    for setting, choice in chosen.items():
        shipped = [match[1] for name in names if (match := FILES[setting].fullmatch(name))]
        if setting == "profile" and choice == REMOTE:
            rule = (
                "is for a cluster whose istiod runs in another one: drop it, and say which one by "
                "mesh:remoteControlPlane (docs/several-clusters.md)"
            )
            found.append(Mistake((setting,), rule, choice))
        elif choice and choice not in shipped:
            what = f"one in the release, which has {', '.join(shipped) or 'none'}"
            found.append(unknown((setting,), choice, shipped, choice, what=what))
    serving = settings.remote_control_plane
    if serving and f"profile-{REMOTE}.yaml" not in names:
        rule = "needs the profile remote, which the release lacks: give this cluster an istiod"
        found.append(Mistake(("remoteControlPlane",), rule, serving.cluster))
    return found
