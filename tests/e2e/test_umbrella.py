"""Istio 1.0.5: rendered without a cluster, and refused by a cluster that it can't run on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mesh.kubernetes.cluster import RENDER
from sandbox.cluster import Sandbox
from tests.fakes.engine import find_release

from .checkout import Checkout

KUBERNETES = "1.15.12"


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Return the settings of a stack of that release, or skip."""
    folder = find_release("1.0.5")
    return {
        "mesh:istioVersion": "1.0.5",
        "mesh:releaseDir": str(folder),
        "mesh:kubeVersion": KUBERNETES,
    }


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Checkout]:
    """Return a checkout whose sandbox is never started."""
    sandbox = Sandbox(f"offline-{os.getpid()}-1.15")
    yield Checkout.make(tmp_path, sandbox)
    sandbox.down()


def _preview(checkout: Checkout) -> str:
    """Return what would be made, by URN: the engine tells it in the order that it happens."""
    steps = checkout.preview(stack="old")["steps"]
    return json.dumps({s["urn"]: s["newState"].get("inputs", {}) for s in steps}, sort_keys=True)


def test_a_preview_needs_no_cluster_and_is_always_the_same(
    offline: Checkout, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte: every object, with every field."""
    (offline.folder / "Pulumi.old.yaml").write_text(yaml.safe_dump({"config": settings}))
    monkeypatch.setenv(RENDER, str(offline.folder / "rendered"))

    first, second = (_preview(offline) for _ in range(2))

    assert first == second
    versions = [inputs.get("apiVersion") for inputs in json.loads(first).values()]
    assert versions.count("extensions/v1beta1") == 9 + 6
    assert not (offline.folder / "rendered").exists()
    assert not (offline.sandbox.folder / "kwok").exists()


def test_a_cluster_of_today_is_refused(
    cluster: Sandbox, settings: dict[str, str], tmp_path: Path
) -> None:
    """Before anything is made: which API of which object, who serves it, what to do."""
    checkout = Checkout.make(tmp_path, cluster)
    (checkout.folder / "old.yaml").write_text(yaml.safe_dump({"config": settings}))

    said = checkout.shell("pulumi up --yes --skip-preview --config-file old.yaml 2>&1 || true")

    assert "which lacks APIs that stack mesh/dev needs; nothing was changed" in said
    assert "extensions/v1beta1 Deployment (Bookinfo's, istio-sidecar-injector, " in said
    assert "last served by Kubernetes 1.15" in said
    assert "apiextensions.k8s.io/v1beta1 CustomResourceDefinition (" in said
    assert "use a cluster of Kubernetes 1.15 or older, or a newer Istio" in said
    assert "Traceback" not in said
    assert checkout.kubectl("get", "crds")["items"] == []
