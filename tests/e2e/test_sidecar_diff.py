"""`mesh sidecar-diff` by istioctl and by a running pod: what the one foresees, the other has."""

from .checkout import Checkout


def summary(said: str) -> list[str]:
    """Return the table below the diff."""
    lines = [line.strip() for line in said.splitlines()]
    (start,) = [number for number, line in enumerate(lines) if line.startswith("ADDED ")]
    return [line for line in lines[start:] if not line.startswith("✓")]


def test_istioctl_foresees_what_the_injector_adds(deployed: Checkout) -> None:
    """Containers, volumes, labels, annotations, variables and rights: the same, name by name."""
    rendered = deployed.mesh("sidecar-diff", "details")
    runs = deployed.mesh("sidecar-diff", "details", "--live")

    assert "\n+        image: docker.io/istio/proxyv2:" in rendered
    assert "\n+    image: docker.io/istio/proxyv2:" in runs
    assert summary(runs) == summary(rendered)


def test_a_deployment_that_is_not_there_is_one_message(deployed: Checkout) -> None:
    """With the cluster that was asked."""
    with deployed.configured(bookinfoNamespace="elsewhere"):
        said = deployed.fails("sidecar-diff", "details", "--live")

    assert "has no Deployment elsewhere/details-v1" in said
    assert deployed.sandbox.context in said
