"""Istio 1.0.5 and Bookinfo on the Kubernetes of that time: the walk-through, end to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.kubernetes import watch_list
from sandbox.cluster import Sandbox

from .checkout import PROJECT, Checkout

RELEASE = PROJECT.parent / "shared" / "istio" / "1.0.5"
STACK = "istio-1.0.5"
SERVICES = {
    "istio-citadel": "8060,9093",
    "istio-egressgateway": "80,443",
    "istio-galley": "443,9093",
    "istio-ingressgateway": "80:31380,443:31390,31400:31400,15011,8060,853,15030,15031",
    "istio-pilot": "15010,15011,8080,9093",
    "istio-policy": "9091,15004,9093",
    "istio-sidecar-injector": "443",
    "istio-telemetry": "9091,15004,9093,42422",
    "prometheus": "9090",
}
"""The walk-through's, with the node ports that the chart asks for."""
INJECTOR = ("deployment", "istio-sidecar-injector", "-n", "istio-system")

pytestmark = pytest.mark.skipif(not RELEASE.is_dir(), reason=f"no release in {RELEASE}")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Return a checkout whose stack is up on a sandbox of 2019, with a plain Bookinfo."""
    sandbox = Sandbox(f"e2e-{os.getpid()}-1.15")
    checkout = Checkout.make(tmp_path_factory.mktemp("istio-1.0"), sandbox)
    _configure(checkout, injection="off")
    try:
        checkout.mesh("up", stack=STACK)
        yield checkout
    finally:
        sandbox.down()


def test_services_and_pods_are_the_walk_throughs(old: Checkout) -> None:
    """Nine Services with their ports; the job after the installation is done, the rest runs."""
    services = old.kubectl("get", "services", "-n", "istio-system")["items"]
    assert {service["metadata"]["name"]: _ports(service) for service in services} == SERVICES

    phases = _phases(old, "istio-system")
    assert phases.pop("istio-security-post-install") == "Succeeded"
    assert set(phases) == set(SERVICES)
    assert set(phases.values()) == {"Running"}


def test_the_api_server_is_of_that_time(old: Checkout) -> None:
    """So are its nodes; clients go by what it says."""
    nodes = old.kubectl("get", "nodes")["items"]

    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {"v1.15.12"}
    assert old.kubectl("version")["serverVersion"]["gitVersion"] == "v1.15.12"


def test_a_plain_bookinfo_gets_its_sidecars_by_the_charts_template(old: Checkout) -> None:
    """Six pods of one container, then, in a labelled namespace, of two; no change is left."""
    assert _containers(old) == [["details"], ["productpage"], ["ratings"], *[["reviews"]] * 3]

    _configure(old)
    old.mesh("up", stack=STACK)
    _kubectl(old, "delete", "pods", "--all", "-n", "bookinfo")
    _kubectl(old, "wait", "pods", "--all", "-n", "bookinfo", "--for=condition=Ready")

    assert _containers(old) == sorted(
        [app, "istio-proxy"] for app in ("details", "productpage", "ratings", *["reviews"] * 3)
    )
    pod = old.kubectl("get", "pods", "-n", "bookinfo", "-l", "app=details")["items"][0]
    proxy = next(c for c in pod["spec"]["containers"] if c["name"] == "istio-proxy")
    assert proxy["args"][proxy["args"].index("--serviceCluster") + 1] == "details"
    assert "istio-pilot.istio-system:15007" in proxy["args"]
    assert old.changes("--refresh", stack=STACK) == {}


def test_an_injector_that_does_not_answer_is_named(old: Checkout) -> None:
    """While the update waits for pods that nobody makes: why, and where to look."""
    _kubectl(old, "scale", *INJECTOR, "--replicas=0")
    _configure(old, bookinfoReplicas=2)
    process = old.start("up", stack=STACK)
    try:
        assert process.stdout is not None
        told = (line for line in process.stdout if line.startswith("Deployment bookinfo/"))
        said = next(told, "")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=120)
    assert "gets no pods" in said
    assert 'failed calling webhook "sidecar-injector.istio.io"' in said

    old.mesh("up", "--", "--refresh", stack=STACK)
    assert old.changes(stack=STACK) == {}


def test_the_cleanup_runs_when_all_is_deleted(old: Checkout, tmp_path: Path) -> None:
    """As helm's hook after a deletion does, and no earlier; and nothing of it stays."""
    assert "istio-cleanup-secrets" not in _phases(old, "istio-system")
    with (tmp_path / "jobs").open("w") as jobs:
        watching = subprocess.Popen(
            [
                *("kubectl", "--kubeconfig", str(old.sandbox.kubeconfig), "get", "jobs"),
                *("-n", "istio-system", "--watch", "-o", "name"),
            ],
            stdout=jobs,
        )
        try:
            old.mesh("destroy", stack=STACK)
        finally:
            watching.terminate()
            watching.wait()

    assert "job.batch/istio-cleanup-secrets" in (tmp_path / "jobs").read_text()
    left = old.kubectl("get", "namespaces,clusterroles,clusterrolebindings")["items"]
    assert not [item for item in left if "istio" in item["metadata"]["name"]]


def _configure(checkout: Checkout, **settings: Any) -> None:
    """Write the stack's config, with the release's folder where it is on this machine."""
    config = {
        "istioVersion": "1.0.5",
        "releaseDir": str(RELEASE),
        "kubeVersion": "1.15.12",
        **settings,
    }
    content = {"config": {f"mesh:{key}": value for key, value in config.items()}}
    (checkout.folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(content))


def _ports(service: dict[str, Any]) -> str:
    chosen = {31380, 31390, 31400}
    return ",".join(
        f"{port['port']}:{port['nodePort']}"
        if port.get("nodePort") in chosen
        else str(port["port"])
        for port in service["spec"]["ports"]
    )


def _phases(checkout: Checkout, namespace: str) -> dict[str, str]:
    """Return each pod's phase by what made it: a Deployment, or a Job."""
    pods = checkout.kubectl("get", "pods", "-n", namespace)["items"]
    return {
        pod["metadata"]["labels"].get("job-name")
        or pod["metadata"]["generateName"].rsplit("-", 2)[0]: pod["status"]["phase"]
        for pod in pods
    }


def _containers(checkout: Checkout) -> list[list[str]]:
    pods = checkout.kubectl("get", "pods", "-n", "bookinfo")["items"]
    return sorted(
        [container["name"] for container in pod["spec"]["containers"]]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    )


def _kubectl(checkout: Checkout, *arguments: str) -> None:
    command = ["kubectl", "--kubeconfig", str(checkout.sandbox.kubeconfig), *arguments]
    # Else `kubectl wait` spends 10 s of its 30 on a kind of watch that Kubernetes 1.15 lacks.
    environment = {**os.environ, **watch_list.OFF}
    subprocess.run(command, check=True, timeout=60, stdout=sys.stderr, env=environment)
