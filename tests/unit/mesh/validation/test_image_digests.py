"""imageDigests: what it pins, and what is refused before anything changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh.charts.images import of_istio
from mesh.charts.values import image_tag, istiod_values, node_agent_values
from mesh.istio.control_planes import ControlPlanes
from mesh.settings.schema import Settings
from mesh.validation import config
from tests.fakes.engine import ISTIO, RecordingEngine

Configure = Callable[..., None]
Run = Callable[..., RecordingEngine]
DIGEST = "sha256:" + "0123456789abcdef" * 4
ISTIOS = tuple(f"{name}:{ISTIO}" for name in ("pilot", "proxyv2"))
BOOKINFOS = tuple(
    f"examples-bookinfo-{name}:1.20.3"
    for name in (
        *("details-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"),
        "productpage-v1",
    )
)


@pytest.fixture
def read(configure: Configure, release_dir: Path) -> Callable[..., tuple[Settings, ControlPlanes]]:
    """Read a config with a digest for each of some images."""

    def read_pinned(*images: str, **overrides: Any) -> tuple[Settings, ControlPlanes]:
        digests = json.dumps(dict.fromkeys(images, DIGEST))
        configure(**{"releaseDir": str(release_dir), "imageDigests": digests, **overrides})
        settings, planes = config.read()
        assert planes is not None
        return settings, planes

    return read_pinned


def refused(read: Callable[..., object], *images: str, **overrides: Any) -> str:
    """Return the message that a config is refused with."""
    with pytest.raises(pulumi.RunError) as caught:
        read(*images, **overrides)
    return str(caught.value)


def test_every_image_has_its_digest(run_program: Run) -> None:
    """Istiod and all proxies by whole names, and Bookinfo's containers."""
    digests = dict.fromkeys((*ISTIOS, *BOOKINFOS), DIGEST)

    engine = run_program(imageDigests=json.dumps(digests))

    values = engine.cluster.rendered["istiod"]["values"]
    assert values["pilot"]["image"] == f"docker.io/istio/pilot:{ISTIO}@{DIGEST}"
    for part in ("proxy", "proxy_init"):
        assert values["global"][part]["image"] == f"docker.io/istio/proxyv2:{ISTIO}@{DIGEST}"
    gateway = engine.cluster.rendered["istio-ingressgateway"]["values"]
    proxy = values["global"]["proxy"]["image"]
    assert gateway["podAnnotations"] == {"sidecar.istio.io/proxyImage": proxy}
    template = engine.inputs("Deployment/bookinfo-reviews-v3")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    named = "docker.io/istio/examples-bookinfo-reviews-v3:1.20.3"
    assert container["image"] == f"{named}@{DIGEST}"


def test_without_digests_nothing_names_an_image(deployed: RecordingEngine) -> None:
    """The charts make the names of hub and tag, as before."""
    values = deployed.cluster.rendered["istiod"]["values"]

    assert "image" not in values["pilot"]
    assert "image" not in values["global"]["proxy"]


def test_ambient_mode_keeps_its_variant(
    read: Callable[..., tuple[Settings, ControlPlanes]],
) -> None:
    """A whole name has the variant that the profile would have chosen."""
    tag = f"{ISTIO}-distroless"
    images = [f"{name}:{tag}" for name in ("pilot", "proxyv2", "install-cni", "ztunnel")]

    settings, planes = read(*images, *BOOKINFOS, injection="ambient")

    assert list(of_istio(settings, planes)) == images
    whole = f"docker.io/istio/install-cni:{tag}@{DIGEST}"
    assert node_agent_values(settings, "istio-cni", planes.own)["cni"]["image"] == whole
    whole = f"docker.io/istio/ztunnel:{tag}@{DIGEST}"
    assert node_agent_values(settings, "ztunnel", planes.own)["image"] == whole


def test_a_canary_has_digests_of_its_own(
    read: Callable[..., tuple[Settings, ControlPlanes]], release_dir: Path
) -> None:
    """By its tag; the proxies that follow are known by tag and digest."""
    canary = {"revision": "new", "istioVersion": ISTIO, "releaseDir": str(release_dir), "tag": "x"}
    own = ("pilot:x", "proxyv2:x")

    settings, planes = read(*ISTIOS, *own, *BOOKINFOS, canary=json.dumps(canary))

    assert planes.canary is not None
    image = istiod_values(settings, planes.canary)["pilot"]["image"]
    assert image == f"docker.io/istio/pilot:x@{DIGEST}"
    assert image_tag(settings, planes.proxies("new")) == f"x@{DIGEST}"


def test_an_upgrade_without_digests_is_refused(read: Callable[..., object]) -> None:
    """The digests of another version are named, with the command for each that is missing."""
    message = refused(read, "pilot:1.29.0", "proxyv2:1.29.0", *BOOKINFOS)

    assert "1 mistake" in message
    assert "mesh:imageDigests: must have the digest of each image that the stack" in message
    assert f"pilot:{ISTIO} (it has pilot:1.29.0): pulumi config set --path 'imageDigests[" in (
        message
    )
    assert f'"$(crane digest docker.io/istio/proxyv2:{ISTIO})"' in message


def test_bookinfo_is_pinned_with_the_rest(read: Callable[..., object]) -> None:
    """A variant that is added needs its digest too; one list may have more than a stack deploys."""
    message = refused(read, *ISTIOS, *BOOKINFOS, "ztunnel:1", bookinfoRatings="mongodb")

    lines = [line.split(":")[0].strip() for line in message.splitlines() if "crane" in line]
    assert lines == ["examples-bookinfo-ratings-v2", "examples-bookinfo-mongodb"]


@pytest.mark.parametrize(
    ("digests", "rule"),
    [
        ({"pilot:1": "1.30.8"}, "a digest is sha256: and 64 lower-case hexadecimal digits"),
        ({"pilot:1": DIGEST.upper()}, "a digest is sha256: and 64 lower-case hexadecimal digits"),
        ({"pilot": DIGEST}, "an image is NAME:TAG, such as pilot:1.30.8, without its registry"),
        ({"docker.io/istio/pilot:1": DIGEST}, "an image is NAME:TAG"),
    ],
)
def test_what_is_no_digest_is_refused(
    read: Callable[..., object], digests: dict[str, str], rule: str
) -> None:
    """One line tells the place and the rule."""
    message = refused(read, imageDigests=json.dumps(digests))

    assert "mesh:imageDigests" in message
    assert rule in message


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"values": {"istiod": {"pilot": {"image": "a/b"}}}}, "values.istiod.pilot.image"),
        ({"values": {"istiod": {"global": {"variant": "debug"}}}}, "values.istiod.global.variant"),
        ({"values": {"ztunnel": {"image": "mine"}}}, "values.ztunnel.image"),
        (
            {"meshConfig": {"defaultConfig": {"image": {"imageType": "debug"}}}},
            "meshConfig.defaultConfig.image.imageType",
        ),
        *(
            (
                {
                    "gateways": [
                        {},
                        {"direction": "egress", "values": {"podAnnotations": {key: "a/b"}}},
                    ]
                },
                f'gateways[1].values.podAnnotations["{key}"]',
            )
            for key in ("sidecar.istio.io/proxyImage", "sidecar.istio.io/proxyImageType")
        ),
    ],
)
def test_a_setting_without_effect_is_refused(
    read: Callable[..., object], given: dict[str, Any], place: str
) -> None:
    """Else an image of one's own would be replaced silently."""
    overrides = {key: json.dumps(value) for key, value in given.items()}

    message = refused(read, *ISTIOS, *BOOKINFOS, **overrides)

    assert f"mesh:{place}: has no effect with mesh:imageDigests" in message


def test_a_platform_needs_no_digests_of_bookinfo(
    read: Callable[..., tuple[Settings, ControlPlanes]],
) -> None:
    """Those are in the config of the app stacks."""
    settings, planes = read(*ISTIOS, mode="platform")

    assert tuple(of_istio(settings, planes)) == ISTIOS
