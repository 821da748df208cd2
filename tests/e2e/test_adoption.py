"""A cluster that has an Istio already, and what a destroy leaves of it."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import HELM, ISTIO, Family
from tests.fakes.engine import find_release

from .checkout import Checkout

KINDS = "namespaces,deployments,services,configmaps,serviceaccounts,crds,clusterroles"
OLDER = ("global.hub=docker.io/istio", "global.tag=1.29.2")


@pytest.fixture
def taken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkout]:
    """Return a checkout with an empty sandbox of its own, to install an Istio in."""
    sandbox = Sandbox(f"e2e-adoption-{id(request)}")
    try:
        sandbox.up()
        yield Checkout.make(tmp_path, sandbox)
    finally:
        sandbox.down()


def test_helms_istio_is_taken_over(taken: Checkout) -> None:
    """Refused with what there is; with `adopt` every object stays the same one, upgraded."""
    older = {"istioVersion": "1.29.3", "releaseDir": str(find_release("1.29.3"))}
    newer = {"istioVersion": "1.30.3", "releaseDir": str(find_release("1.30.3"))}
    charts = Path(older["releaseDir"]) / "manifests" / "charts"
    _helm(taken, "istio-base", charts / "base")
    _helm(taken, "istiod", charts / "istio-control" / "istio-discovery", *OLDER)
    _helm(taken, "istio-ingressgateway", charts / "gateway")
    before = _uids(taken)
    with taken.configured(**older):
        said = taken.fails("preview")
    assert "Deployment istiod in namespace istio-system, by helm" in said
    assert "pulumi config set adopt true" in said

    with taken.configured(adopt=True, **older):
        assert "by helm" in taken.mesh("preview")
        taken.mesh("up")
        assert taken.changes("--refresh") == {}
    assert before <= _uids(taken)

    # The other tool's claim on the fields is no conflict, without the setting too.
    with taken.configured(**newer):
        _upgrade_by_a_minor(taken)

    with taken.configured(deleteCrds=True, **newer):
        assert "to update the state, then `make destroy" in taken.fails("destroy")
        taken.mesh("up")
        said = taken.mesh("destroy")
    assert "left by istiod: ConfigMap istio-ca-root-cert in default" in said
    assert "kept, because others" not in said
    assert taken.kubectl("get", "crds")["items"] == []
    # helm's user made one of the two namespaces.
    namespaces = {
        each["metadata"]["name"]: each["metadata"]
        for each in taken.kubectl("get", "namespaces")["items"]
    }
    assert "bookinfo" not in namespaces
    kept = namespaces["istio-system"]
    assert "mesh.pulumi.com" not in json.dumps([kept.get("labels"), kept.get("annotations")])


def test_istioctls_istio_is_taken_over(taken: Checkout) -> None:
    """In place, too; what only istioctl wanted of it, and made beside, goes when asked for."""
    newer = {"istioVersion": "1.30.3", "releaseDir": str(find_release("1.30.3"))}
    _run(taken, ISTIO, "istioctl", "install", "--skip-confirmation", "--set", "tag=1.30.2")
    before = _uids(taken)

    with taken.configured(adopt=True, **newer):
        assert "istiod in namespace istio-system, by istio-operator" in taken.mesh("up")
        assert before <= _uids(taken)
        assert "python -m meshctl handover" in taken.mesh("preview")
        gateway = taken.changes("--refresh")
        assert gateway == {"istio-system/istio-ingressgateway": "update"}

        shown = taken.mesh("handover")
        assert taken.changes("--refresh") == gateway, "only shown"
        assert taken.mesh("handover", "--yes").startswith(shown.rpartition("nothing")[0])
        assert taken.changes("--refresh") == {}
    left = [
        line.split()[1]
        for line in shown.splitlines()
        if line.endswith("has its own object instead")
    ]
    assert "istio-revision-tag-default" in left
    injectors = taken.kubectl("get", "mutatingwebhookconfigurations")["items"]
    assert [found["metadata"]["name"] for found in injectors] == ["istio-sidecar-injector"]
    assert len(before - _uids(taken)) == 2, (
        "istioctl's Service of a tag, and its account of the gateway"
    )


def _upgrade_by_a_minor(checkout: Checkout) -> None:
    """See updates, and the kind that is new; Bookinfo's pods stay, and so does the minor."""
    pods = _pods(checkout)
    changes = checkout.changes()
    assert {name for name, change in changes.items() if change != "update"} == {
        "trafficextensions.extensions.istio.io"
    }
    checkout.mesh("up")
    istiod = checkout.kubectl("get", "deployment", "istiod", "-n", "istio-system")
    container = istiod["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "docker.io/istio/pilot:1.30.3"
    assert _pods(checkout) == pods
    assert checkout.changes("--refresh") == {}


def _helm(checkout: Checkout, name: str, chart: Path, *values: str) -> None:
    options = [word for value in values for word in ("--set", value)]
    words = ("--wait", "--create-namespace", "--namespace", "istio-system", *options)
    _run(checkout, HELM, "helm", "install", name, str(chart), *words)


def _run(checkout: Checkout, family: Family, program: str, *words: str) -> None:
    subprocess.run(
        [toolchain.ensure((family,))[program], *words],
        env={**os.environ, "KUBECONFIG": str(checkout.sandbox.kubeconfig)},
        check=True,
        capture_output=True,
        timeout=300,
    )


def _pods(checkout: Checkout) -> set[str]:
    listed = checkout.kubectl("get", "pods", "-n", "bookinfo")["items"]
    return {pod["metadata"]["uid"] for pod in listed}


def _uids(checkout: Checkout) -> set[str]:
    listed = checkout.kubectl("get", KINDS, "--all-namespaces")["items"]
    return {found["metadata"]["uid"] for found in listed}
