"""A cluster that has an Istio already, and what a destroy leaves of it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import HELM
from tests.unit.engine import find_release

from .checkout import Checkout

KINDS = "namespaces,deployments,services,configmaps,serviceaccounts,crds,clusterroles"


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[Checkout]:
    """Return a checkout whose sandbox has an Istio that helm installed."""
    release = find_release("1.30.3")
    sandbox = Sandbox(f"e2e-adoption-{os.getpid()}")
    sandbox.up()
    charts = release / "manifests" / "charts"
    helm = toolchain.ensure((HELM,))["helm"]
    image = ("--set", "global.hub=docker.io/istio", "--set", "global.tag=1.30.2")
    for name, chart, *values in (
        ("istio-base", charts / "base"),
        ("istiod", charts / "istio-control" / "istio-discovery", *image),
        ("istio-ingressgateway", charts / "gateway"),
    ):
        subprocess.run(
            [
                *(helm, "install", name, chart, "--wait", "--create-namespace"),
                *("--namespace", "istio-system", *values),
            ],
            env={**os.environ, "KUBECONFIG": str(sandbox.kubeconfig)},
            check=True,
            capture_output=True,
        )
    yield Checkout.make(tmp_path, sandbox)
    sandbox.down()


def test_helms_istio_is_taken_over(taken: Checkout) -> None:
    """Refused with what there is; with `adopt` every object stays the same one, upgraded."""
    before = _uids(taken)
    said = taken.fails("preview")
    assert "Deployment istiod in namespace istio-system, by helm" in said
    assert "pulumi config set adopt true" in said

    with taken.configured(adopt=True):
        assert "by helm" in taken.mesh("preview")
        taken.mesh("up")
        assert taken.changes("--refresh") == {}
    assert before <= _uids(taken)

    # The other tool's claim on the fields is no conflict, without the setting too.
    with taken.configured(istioVersion="1.30.4", releaseDir=str(find_release("1.30.3"))):
        taken.mesh("up")
        istiod = taken.kubectl("get", "deployment", "istiod", "-n", "istio-system")
        container = istiod["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == "docker.io/istio/pilot:1.30.4"

    with taken.configured(deleteCrds=True):
        assert "run `make up`" in taken.fails("destroy")
        taken.mesh("up")
        said = taken.mesh("destroy")
    assert "left by istiod: ConfigMap istio-ca-root-cert in default" in said
    assert "kept, for others" not in said
    assert taken.kubectl("get", "crds")["items"] == []


def _uids(checkout: Checkout) -> set[str]:
    listed = checkout.kubectl("get", KINDS, "--all-namespaces")["items"]
    return {found["metadata"]["uid"] for found in listed}
