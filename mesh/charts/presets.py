"""Presets that a stack's charts are rendered with: profile, platform, compatibility version."""

from pathlib import Path

from mesh import fast_yaml
from mesh.settings.schema import Settings

REMOTE = "remote"
"""Profile for a cluster that uses the istiod of another cluster."""


def presets(settings: Settings) -> dict[str, str]:
    """Return the values that choose a stack's presets, for every chart of Istio."""
    chosen = {
        "profile": _profile(settings),
        "platform": settings.platform,
        "compatibilityVersion": settings.compatibility_version,
    }
    return {key: value for key, value in chosen.items() if value}


def variant(settings: Settings, chart: Path) -> str:
    """Return the variant of images that a chart's profile chooses; empty if it chooses none."""
    file = chart / "files" / f"profile-{_profile(settings)}.yaml"
    values = fast_yaml.load(file.read_bytes()) if file.is_file() else {}
    return (values.get("global") or {}).get("variant", "")


def _profile(settings: Settings) -> str | None:
    if settings.remote_control_plane:
        return REMOTE
    return "ambient" if settings.data_plane.is_ambient else settings.profile
