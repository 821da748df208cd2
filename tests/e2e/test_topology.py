"""`meshctl topology` and `meshctl report` on a real mesh: what is drawn and written of it."""

import shlex
from pathlib import Path

from . import browser
from .checkout import Checkout

JASON = 'm0c5 -->|"end-user=jason"| m0c5v2'


def test_the_mesh_is_drawn_as_it_runs(deployed: Checkout, tmp_path: Path) -> None:
    """Whole and without a problem; then with what somebody changed by hand."""
    drawn = tmp_path / "mesh.mmd"
    deployed.mesh("topology", str(drawn))
    healthy = drawn.read_text()
    assert healthy.count("sidecar") == 6
    assert ":::wrong" not in healthy
    assert "bookinfo.dev.localhost" in healthy

    to_v3 = """
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: reviews, namespace: bookinfo}
    spec:
      hosts: [reviews]
      http:
        - match: [{headers: {end-user: {exact: jason}}}]
          route: [{destination: {host: reviews, subset: v3}}]
        - route: [{destination: {host: reviews, subset: v1}}]
    """
    deployed.shell(f"echo {shlex.quote(to_v3)} | kubectl apply -f -")
    try:
        deployed.mesh("topology", str(drawn))
    finally:
        deployed.shell("kubectl delete virtualservice reviews -n bookinfo")
    assert JASON in drawn.read_text()


def test_a_preview_is_drawn_before_and_after(deployed: Checkout, tmp_path: Path) -> None:
    """From what the engine says of all objects, of those too that don't change."""
    drawn = tmp_path / "mesh.mmd"
    with deployed.configured(trafficPlan={"reviews": {"to": {"v1": 90, "v3": 10}}}):
        deployed.mesh("topology", str(drawn), "--from", "preview")
    text = drawn.read_text()

    assert 'm1c5 -->|"90 %"| m1c5v0' in text
    assert "m0c5 --> m0c5v0" in text
    assert "linkStyle" in text


def test_the_report_is_one_small_page(deployed: Checkout, tmp_path: Path) -> None:
    """With the picture, the checks, the last update and its timeline; it loads nothing."""
    file = tmp_path / "report.html"
    deployed.mesh("report", str(file))
    page = file.read_text()

    assert file.stat().st_size < 1_000_000
    assert "Nothing is wrong." in page
    assert page.count("<svg") == 2
    assert "Requests for reviews go to v1, v2 and v3 in turn." in page
    assert "CustomResourceDefinition" in page
    assert "<script" not in page


@browser.needed
def test_a_browser_shows_the_report_as_it_is(deployed: Checkout, tmp_path: Path) -> None:
    """And refuses nothing in it: all is in the file."""
    file = tmp_path / "report.html"
    deployed.mesh("report", str(file))

    document, complaints = browser.opened(file.as_uri(), tmp_path)

    assert "Mesh of stack dev" in document
    assert "Content Security Policy" not in complaints
