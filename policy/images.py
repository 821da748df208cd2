"""The rules that images are pinned, and come from registries that the team allows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mesh.istio.retired_hosts import SHUT_DOWN, named_in
from policy.pods import INJECTED_IMAGE, PROXY, pods
from policy.rule import Object, Options, Rule, Stack, Violation, kind, metadata

INJECTOR = "istio-sidecar-injector"
"""How the names of the ConfigMaps begin that istiod injects proxies by."""
PROXIES = {"proxy": PROXY, "proxy_init": "istio-init"}
"""The injected containers, by the values that name their images."""
PROXY_IMAGE = "sidecar.istio.io/proxyImage"
"""Annotation of a pod that asks for another image of its proxy."""


def parts(image: str) -> tuple[str, str, str]:
    """Split an image into its repository, registry included, its tag and its digest."""
    named, _, digest = image.partition("@")
    path, slash, last = named.rpartition("/")
    name, _, tag = last.partition(":")
    repository = f"{path}{slash}{name}"
    first, slash, _ = repository.partition("/")
    # As Docker does: a first part that doesn't look like a host is a repository of Docker Hub.
    if not slash:
        repository = f"docker.io/library/{repository}"
    elif "." not in first and ":" not in first and first != "localhost":
        repository = f"docker.io/{repository}"
    return repository, tag, digest


def _images(objects: Sequence[Object]) -> Iterator[tuple[Object, str, str]]:
    """Yield the images of containers, also of those that istiod injects, with their owners."""
    for each in objects:
        named = metadata(each, "name") or ""
        if kind(each) == ("", "ConfigMap") and named.startswith(INJECTOR):
            for name, image in _injected(_values(each).get("global") or {}):
                yield each, name, image
    for pod in pods(objects):
        if image := pod.meta("annotations").get(PROXY_IMAGE):
            yield pod.owner, PROXY, image
        for container in pod.all_containers:
            image = container.get("image") or ""
            if image != INJECTED_IMAGE:
                yield pod.owner, container.get("name") or "", image


def _values(injector: Object) -> Mapping[str, Any]:
    """Return the values of an injector; none if a preview doesn't know them yet."""
    text = (injector.get("data") or {}).get("values") or "{}"
    with suppress(TypeError, ValueError):
        return json.loads(text)
    return {}


def _injected(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, container in PROXIES.items():
        if image := (values.get(key) or {}).get("image"):
            # As in Istio's templates: with a "/" it is the whole name.
            whole = image if "/" in image else f"{values.get('hub')}/{image}:{values.get('tag')}"
            yield container, whole


def _pinned(objects: Sequence[Object], _: Stack, options: Options) -> Iterator[Violation]:
    for owner, name, image in _images(objects):
        _repository, tag, digest = parts(image)
        if digest:
            continue
        if options["digest"]:
            yield Violation(object=owner, got=f"container {name} has image {image}, without digest")
        elif tag in ("", "latest"):
            yield Violation(object=owner, got=f"container {name} has image {image or '(none)'}")


def _from_registries(objects: Sequence[Object], _: Stack, options: Options) -> Iterator[Violation]:
    allowed = [registry.rstrip("/") + "/" for registry in options["registries"]]
    for owner, name, image in _images(objects):
        if not parts(image)[0].startswith(tuple(allowed)):
            yield Violation(object=owner, got=f"container {name} has image {image}")


def _not_retired(objects: Sequence[Object], _: Stack, __: Options) -> Iterator[Violation]:
    for owner, name, image in _images(objects):
        if named_in(parts(image)[0]):
            yield Violation(object=owner, got=f"container {name} has image {image}")


PINNED = Rule(
    name="images-pinned",
    level="mandatory",
    says="An image has a tag other than latest, or a digest",
    reason="otherwise two pods of one Deployment may run different programs, and a rollback can't "
    "restore the old one",
    remedy="set bookinfoTag or tag to a version, imageDigests to the digests, or the image itself "
    "to one with a version or digest",
    check=_pinned,
    options={
        "digest": {
            "type": "boolean",
            "default": False,
            "description": "Whether a digest is required, because a tag can be moved",
        }
    },
)

NOT_RETIRED = Rule(
    name="images-not-from-retired-hosts",
    level="advisory",
    says="No image comes from a host that Istio retires",
    reason=f"registry.istio.io and gcr.io/istio-release are shut down: {SHUT_DOWN}",
    remedy="pull it from docker.io/istio (hub, bookinfoHub, or a mirror of the team's)",
    check=_not_retired,
)

FROM_REGISTRIES = Rule(
    name="images-from-allowed-registries",
    level="mandatory",
    says="An image comes from a registry that the team allows",
    reason="everybody who can push to an image's repository can run programs in the cluster",
    remedy="pull it from one of the allowed registries (hub, bookinfoHub), or add its registry "
    "to `registries` in the policy config",
    check=_from_registries,
    options={
        "registries": {
            "type": "array",
            "items": {"type": "string"},
            "default": [
                "docker.io/istio",
                "docker.io/grafana",
                "docker.io/jaegertracing",
                "docker.io/kiwigrid",
                "docker.io/prom",
                "ghcr.io/prometheus-operator",
                "quay.io/kiali",
            ],
            "description": "Registries, or paths in them: Istio's own and those of its add-ons",
        }
    },
)
