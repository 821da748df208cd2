"""Checks of imageDigests: every image of the stack has one, and nothing else names the image."""

from collections.abc import Iterable, Iterator

from mesh.bookinfo.images import of_bookinfo
from mesh.bookinfo.services import SAMPLES
from mesh.charts.images import of_istio
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


def of_settings(settings: Settings) -> Iterator[Mistake]:
    """List images of Bookinfo without a digest, and settings that a digest makes void."""
    if not settings.image_digests:
        return
    for path in DECIDED:
        if (got := _at(settings, path)) is not None:
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


def _at(settings: Settings, path: tuple[Step, ...]) -> object:
    first, *steps = path
    found = settings.values.model_dump() if first == "values" else settings.mesh_config
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    return found
