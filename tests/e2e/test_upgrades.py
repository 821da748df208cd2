"""From one Istio to the next: in place, and by a canary beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Sandbox
from tests.fakes.engine import ISTIO, find_release

from .checkout import Checkout

OLD, NEW = "1-29-3", "1-30-3"
NEWEST = "1.31.0-rc.0"


@pytest.fixture
def upgrading(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkout]:
    """Return a checkout with an empty sandbox of its own: it starts with an older Istio."""
    find_release("1.29.3")
    sandbox = Sandbox(f"e2e-upgrades-{id(request)}")
    yield Checkout.make(tmp_path, sandbox)
    sandbox.down()


def test_a_patch_upgrade_is_in_place(deployed: Checkout) -> None:
    """Updates only, and none of Bookinfo's pods is touched; the way back is the same."""
    pods = _pods(deployed, "bookinfo")
    with deployed.configured(istioVersion="1.30.9", releaseDir=f"releases/{ISTIO}"):
        assert set(deployed.changes().values()) == {"update"}
        deployed.mesh("up")
        assert _istiod_images(deployed) == {"istiod": "docker.io/istio/pilot:1.30.9"}

    deployed.mesh("up")
    assert _istiod_images(deployed) == {"istiod": f"docker.io/istio/pilot:{ISTIO}"}
    assert _pods(deployed, "bookinfo") == pods


@pytest.mark.parametrize(("wanted", "remedy"), [("1.32.0", "1.31.x"), ("1.29.3", "1.30.x")])
def test_a_jump_or_a_downgrade_is_refused(deployed: Checkout, wanted: str, remedy: str) -> None:
    """At preview, with the way that leads there."""
    with deployed.configured(istioVersion=wanted, releaseDir=f"releases/{ISTIO}"):
        said = deployed.fails("preview")

    assert f"istiod is {ISTIO}, wanted {wanted}" in said
    assert f"set istioVersion to {remedy}" in said


def test_a_revision_that_becomes_a_tag_is_refused(deployed: Checkout) -> None:
    """Its label would be met, and its Service gone: sidecars ask the Service (istio#55897)."""
    deployed.shell(
        "kubectl create namespace other; kubectl label namespace other istio-injection=enabled; "
        "kubectl create deployment web --image=plain -n other; "
        "kubectl wait deployment web -n other --for=condition=Available --timeout=120s"
    )
    try:
        with deployed.configured(revision="1-30-3", revisionTags={"default": "1-30-3"}):
            said = deployed.fails("preview")
        assert "revision default, which becomes a tag, by the pods" in said
        assert "other/web-" in said
        assert "nothing was changed" in said
    finally:
        deployed.shell("kubectl delete namespace other")


def test_a_canary_upgrade(upgrading: Checkout) -> None:
    """Side by side, moved over by one setting, the old one kept while used, then removed."""
    by_tag = {"gatewayRevision": "prod", "bookinfoRevision": "prod"}
    own: dict[str, Any] = {
        "revision": OLD,
        **_release("1.29.3"),
        **by_tag,
        "revisionTags": {"prod": OLD},
    }
    beside: dict[str, Any] = {**own, "canary": {"revision": NEW, **_release("1.30.3")}}
    moved: dict[str, Any] = {**beside, "revisionTags": {"prod": NEW}}
    promoted: dict[str, Any] = {
        "revision": NEW,
        **_release("1.30.3"),
        **by_tag,
        "revisionTags": {"prod": NEW},
    }

    with upgrading.configured(**own):
        upgrading.mesh("up")
        assert set(_revisions(upgrading).values()) == {OLD}
    with upgrading.configured(**{**own, **_release("1.30.3")}):
        assert set(upgrading.changes().values()) <= {"update", "create"}, "a minor, in place"
    before = _uids(upgrading)

    with upgrading.configured(**beside):
        assert set(upgrading.changes().values()) <= {"update", "create"}
        upgrading.mesh("up")
        assert _istiod_images(upgrading) == {
            f"istiod-{OLD}": "docker.io/istio/pilot:1.29.3",
            f"istiod-{NEW}": "docker.io/istio/pilot:1.30.3",
        }
        assert before <= _uids(upgrading)
        assert set(_revisions(upgrading).values()) == {OLD}

    with upgrading.configured(**promoted):
        said = upgrading.fails("preview")
        for pod in _revisions(upgrading):
            assert pod in said
        assert "nothing was changed" in said

    with upgrading.configured(**moved):
        upgrading.mesh("up")
        pods = _revisions(upgrading)
        assert len(pods) == 7, "six of Bookinfo and the gateway"
        assert set(pods.values()) == {NEW}
        assert upgrading.changes() == {}

    with upgrading.configured(**promoted):
        changes = upgrading.changes()
        gone = {name for name, operation in changes.items() if operation == "delete"}
        assert gone
        assert all(OLD in name for name in gone)
        assert {n: c for n, c in changes.items() if n not in gone} == {
            "istiod-default-validator": "update"
        }
        upgrading.mesh("up")
        assert _revisions(upgrading) == pods
        assert list(_istiod_images(upgrading)) == [f"istiod-{NEW}"]
        assert upgrading.changes("--refresh") == {}

    # The other ways to join the mesh are the revision's as well.
    with upgrading.configured(**promoted, injection="manual"):
        upgrading.mesh("up")
        assert set(_revisions(upgrading).values()) == {NEW}
        assert len(_revisions(upgrading)) == 7
    with upgrading.configured(**promoted, injection="ambient"):
        upgrading.mesh("up")
        agents = upgrading.kubectl("get", "daemonsets", "-n", "istio-node-agents")["items"]
        assert len(agents) == 2
        variables = {
            variable["name"]: variable.get("value")
            for agent in agents
            for variable in agent["spec"]["template"]["spec"]["containers"][0]["env"]
        }
        assert variables["XDS_ADDRESS"] == f"istiod-{NEW}.istio-system.svc:15012"


def test_a_gateway_that_istiod_deploys_follows_its_tag(upgrading: Checkout) -> None:
    """A moved tag rolls it: the preview says so, and the update waits for its new pods."""
    tagged: dict[str, Any] = {
        "mode": "platform",
        "routingApi": "gateway-api",
        "revision": OLD,
        **_release("1.29.3"),
        "revisionTags": {"stable": OLD},
        "gatewayRevision": "stable",
        "canary": {"revision": NEW, **_release("1.30.3")},
    }
    with upgrading.configured(**tagged):
        upgrading.mesh("up")
        assert set(_revisions(upgrading).values()) == {OLD}
        assert upgrading.changes() == {}

    moved: dict[str, Any] = {**tagged, "revisionTags": {"stable": NEW}}
    with upgrading.configured(**moved):
        assert upgrading.changes()["istio-ingressgateway-rollout"] == "update"
        upgrading.mesh("up")
        gateway = upgrading.kubectl(
            "get", "deployment", "istio-ingressgateway-istio", "-n", "istio-system"
        )
        (container,) = gateway["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "docker.io/istio/proxyv2:1.30.3"
        assert gateway["status"]["updatedReplicas"] == gateway["status"]["availableReplicas"] == 1
        assert set(_revisions(upgrading).values()) == {NEW}
        assert upgrading.changes("--refresh") == {}


def test_the_next_minor_comes_in_place_and_by_a_canary(upgrading: Checkout) -> None:
    """From 1.30 to 1.31, whose charts have new kinds of objects and other names in templates."""
    first: dict[str, Any] = {"mode": "platform", "revision": NEW, **_release("1.30.3")}
    tagged: dict[str, Any] = {**first, "revisionTags": {"prod": NEW}, "gatewayRevision": "prod"}
    newest = {"revision": "1-31-0", **_release(NEWEST)}
    moved: dict[str, Any] = {**tagged, "canary": newest, "revisionTags": {"prod": "1-31-0"}}
    promoted: dict[str, Any] = {**moved, **newest, "canary": {}}
    with upgrading.configured(**tagged):
        upgrading.mesh("up")
    with upgrading.configured(**{**tagged, **_release(NEWEST)}):
        assert set(upgrading.changes().values()) <= {"update", "create"}, "in place"

    with upgrading.configured(**moved):
        upgrading.mesh("up")
        assert _istiod_images(upgrading) == {
            f"istiod-{NEW}": "docker.io/istio/pilot:1.30.3",
            "istiod-1-31-0": f"docker.io/istio/pilot:{NEWEST}",
        }
        assert set(_revisions(upgrading).values()) == {"1-31-0"}
    with upgrading.configured(**promoted):
        upgrading.mesh("up")
        assert list(_istiod_images(upgrading)) == ["istiod-1-31-0"]
        assert upgrading.changes("--refresh") == {}


def _release(version: str) -> dict[str, Any]:
    return {"istioVersion": version, "releaseDir": str(find_release(version))}


def _istiod_images(checkout: Checkout) -> dict[str, str]:
    listed = checkout.kubectl("get", "deployments", "-n", "istio-system", "-l", "app=istiod")
    return {
        found["metadata"]["name"]: found["spec"]["template"]["spec"]["containers"][0]["image"]
        for found in listed["items"]
    }


def _revisions(checkout: Checkout) -> dict[str, str]:
    """Return the revision that injected each pod, where one did."""
    marks = {
        pod["metadata"]["name"]: pod["metadata"].get("annotations", {}).get("istio.io/rev")
        for pod in checkout.kubectl("get", "pods", "--all-namespaces")["items"]
        if "deletionTimestamp" not in pod["metadata"]
    }
    return {name: revision for name, revision in marks.items() if revision}


def _pods(checkout: Checkout, namespace: str) -> set[str]:
    listed = checkout.kubectl("get", "pods", "-n", namespace)["items"]
    return {pod["metadata"]["uid"] for pod in listed}


def _uids(checkout: Checkout) -> set[str]:
    kinds = "deployments,services,pods,configmaps,mutatingwebhookconfigurations,crds"
    listed = checkout.kubectl("get", kinds, "--all-namespaces")["items"]
    return {found["metadata"]["uid"] for found in listed}
