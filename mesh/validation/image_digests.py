"""Checks of imageDigests: every image of the stack has one, and nothing else names the image."""

from collections.abc import Iterable, Iterator
from typing import Any

from mesh.bookinfo.images import of_bookinfo
from mesh.bookinfo.services import SAMPLES
from mesh.charts.images import PROXY_IMAGE, of_istio
from mesh.istio.control_planes import ControlPlanes
from mesh.settings.paths import Step
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake

KEY = "imageDigests"
DECIDED: tuple[tuple[Step, ...], ...] = (
    *(
        ("values", *keys)
        for key in ("image", "variant")
        for keys in (
            ("istiod", key),
            ("istiod", "pilot", key),
            ("istiod", "global", "proxy", key),
            ("cni", key),
            ("cni", "cni", key),
            ("ztunnel", key),
        )
    ),
    ("values", "istiod", "global", "proxy_init", "image"),
    ("values", "istiod", "global", "variant"),
    ("values", "cni", "global", "variant"),
    ("meshConfig", "defaultConfig", "image", "imageType"),
)
"""Settings that choose an image, and that a whole name leaves without effect."""
OF_PODS = (PROXY_IMAGE, f"{PROXY_IMAGE}Type")
"""Annotations by which a gateway's pods choose their image."""


def of_settings(settings: Settings) -> Iterator[Mistake]:
    """List images of Bookinfo without a digest, and settings that a digest makes void."""
    if not settings.image_digests:
        return
    for path, got in _void(settings):
        rule = (
            f"has no effect with mesh:{KEY}, which names whole images: drop it; a variant is "
            "part of mesh:tag, such as 1.30.8-distroless"
        )
        yield Mistake(path, rule, got)
    if settings.mode != "platform":
        sample = SAMPLES["istiod"]
        hub = settings.bookinfo_hub or sample.hub
        yield from _lacking(settings, hub, of_bookinfo(settings, sample))


def of_control_planes(settings: Settings, planes: ControlPlanes) -> Iterator[Mistake]:
    """List images of Istio without a digest."""
    if settings.image_digests and not planes.own.release.is_umbrella:
        yield from _lacking(settings, settings.hub, of_istio(settings, planes))


def _lacking(settings: Settings, hub: str, images: Iterable[str]) -> Iterator[Mistake]:
    digests = settings.image_digests
    lacking = [image for image in dict.fromkeys(images) if image not in digests]
    if not lacking:
        return
    details = []
    for image in lacking:
        name = image.partition(":")[0]
        others = [other for other in digests if other.partition(":")[0] == name]
        has = f" (it has {', '.join(others)})" if others else ""
        details.append(
            f"{image}{has}: pulumi config set --path '{KEY}[\"{image}\"]' "
            f'"$(crane digest {hub}/{image})"'
        )
    rule = "must have the digest of each image that the stack deploys, and lacks:"
    yield Mistake((KEY,), rule, details=tuple(details))


def _void(settings: Settings) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Yield the settings that a digest leaves without effect: the path of each, and its value."""
    config = {"values": settings.values.model_dump(), "meshConfig": settings.mesh_config}
    for path in DECIDED:
        if (got := _at(config, path)) is not None:
            yield path, got
    if settings.remote_control_plane:  # the other cluster's stack pins the proxies
        return
    for index, gateway in enumerate(settings.gateways):
        for name in OF_PODS:
            if (got := _at(gateway.values, ("podAnnotations", name))) is not None:
                yield ("gateways", index, "values", "podAnnotations", name), got


def _at(found: Any, path: tuple[Step, ...]) -> Any:
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found
