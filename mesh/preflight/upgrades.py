"""Upgrades that Istio doesn't support in place."""

from collections.abc import Iterator

import pulumi

from mesh.istio import versions
from mesh.istio.control_planes import ControlPlanes
from mesh.istio.running_mesh import RunningMesh
from mesh.settings.schema import Settings


def unsupported(running: RunningMesh, settings: Settings, planes: ControlPlanes) -> Iterator[str]:
    """List istiods that would be upgraded by too many minors at once, or downgraded."""
    for istiod in running.istiods:
        plane = planes.names.get(istiod.revision or "")
        if istiod.control_plane_namespace != settings.istio_namespace or plane is None:
            continue
        if istiod.version is None:
            pulumi.log.warn(
                f"the version of {istiod.name} can't be read from its image or labels: the upgrade "
                "isn't checked"
            )
        elif rule := versions.in_place(istiod.version, plane.release.version):
            yield f"{istiod.name} is {istiod.version}, wanted {plane.release.version}; {rule}"
