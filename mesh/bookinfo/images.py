"""Bookinfo's images: their whole names, pinned by the stack's imageDigests."""

from collections.abc import Iterator

from mesh.bookinfo.services import MICROSERVICES, Microservice, Sample, row, versions_of
from mesh.settings.schema import Settings


def whole(settings: Settings, sample: Sample, service: Microservice, version: str) -> str:
    """Return the image of a service's version."""
    return settings.pinned(
        settings.bookinfo_hub or sample.hub, _named(settings, sample, service, version)
    )


def of_bookinfo(settings: Settings, sample: Sample) -> Iterator[str]:
    """List the images of Bookinfo that a stack deploys, as NAME:TAG."""
    versions = versions_of(settings)
    for service in MICROSERVICES:
        for version in versions.get(service.name, ()):
            yield _named(settings, sample, row(service, version), version)


def _named(settings: Settings, sample: Sample, service: Microservice, version: str) -> str:
    tag = settings.bookinfo_tag or sample.tag
    return f"examples-bookinfo-{service.image_name(version)}:{tag}"
