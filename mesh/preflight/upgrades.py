"""Upgrades that Istio doesn't support in place."""

from collections.abc import Iterator

import pulumi

from mesh.charts.images import istiod_image
from mesh.istio import versions
from mesh.istio.control_planes import ControlPlanes
from mesh.istio.running_mesh import IstioObject, RunningMesh
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
        elif plane.release.version != istiod.version:
            yield from _same_content(istiod, istiod_image(settings, plane), settings)


def _same_content(istiod: IstioObject, wanted: str, settings: Settings) -> Iterator[str]:
    """Report an istiod that would get another tag and keep its digest: it wouldn't be upgraded."""
    digest = settings.image_digests.get(wanted)
    if digest and istiod.image.endswith(f"@{digest}"):
        yield (
            f"{istiod.name} is {istiod.image}, and imageDigests has the same digest for {wanted}, "
            f"so nothing would be upgraded: pulumi config set --path 'imageDigests[\"{wanted}\"]' "
            f'"$(crane digest {settings.hub}/{wanted})"'
        )
