"""Every image is pinned by its digest: istiod's, the injected proxies', and Bookinfo's."""

from mesh.bookinfo.images import of_bookinfo
from mesh.bookinfo.services import SAMPLES
from mesh.settings.schema import Settings

from .checkout import Checkout

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
NAMESPACES = ("istio-system", "bookinfo")


def test_pods_run_what_the_digests_say(deployed: Checkout) -> None:
    """Also sidecars and gateways, which istiod injects; nothing is left to change."""
    settings = Settings.defaults()
    istio = (f"{name}:{settings.istio_version}" for name in ("pilot", "proxyv2"))
    digests = dict.fromkeys((*istio, *of_bookinfo(settings, SAMPLES["istiod"])), DIGEST)

    with deployed.configured(imageDigests=digests):
        deployed.mesh("up")
        assert deployed.changes() == {}
        images = _images(deployed)

    assert {image.partition("@")[2] for image in images} == {DIGEST}
    named = {image.rpartition("/")[2].partition("@")[0] for image in images}
    assert named == digests.keys()
    deployed.mesh("up")


def _images(checkout: Checkout) -> set[str]:
    """Return the images of all containers of the pods that stay."""
    return {
        container["image"]
        for namespace in NAMESPACES
        for pod in checkout.kubectl("get", "pods", "-n", namespace)["items"]
        if "deletionTimestamp" not in pod["metadata"]
        for key in ("containers", "initContainers")
        for container in pod["spec"].get(key, ())
    }
