"""Warnings about settings and add-ons that use a host that Istio retires."""

from collections.abc import Iterator, Mapping

from mesh.istio.control_planes import ControlPlanes
from mesh.istio.retired_hosts import RETIRED, SHUT_DOWN, named_in
from mesh.settings.schema import SECRETS, Settings


def warnings(
    settings: Settings, config: Mapping[str, str], planes: ControlPlanes | None
) -> Iterator[str]:
    """List the settings and the files of add-ons that have a retired host in their text."""
    places = {f"mesh:{key}": text for key, text in config.items() if key not in SECRETS}
    if planes is not None and not planes.own.release.is_umbrella:
        release = planes.own.release
        places |= {
            f"the add-on {name} ({release.addon(name)})": release.addon(name).read_text()
            for name in sorted(settings.addons)
        }
    for place, text in places.items():
        for host in named_in(text):
            yield (f"{place} names {host}, which Istio retires ({SHUT_DOWN}): use {RETIRED[host]}")
