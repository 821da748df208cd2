"""Interrupted, killed, switched off, destroyed: the same command takes it up again."""

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from .checkout import Checkout


def test_destroy_leaves_the_crds_and_nothing_else(deployed: Checkout) -> None:
    """Destroy removes all of ours but the CRDs, says so, and `up` works again."""
    said = deployed.mesh("destroy")

    assert "kept" in said
    assert deployed.state() == []
    assert _left_of_ours(deployed) == set()
    crds = deployed.kubectl("get", "crds")["items"]
    assert {crd["spec"]["group"].split(".", 1)[1] for crd in crds} == {"istio.io"}

    deployed.mesh("up")
    assert deployed.changes() == {}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_up_is_taken_up_again(deployed: Checkout, how: signal.Signals) -> None:
    """Ctrl-C and kill -9 in the middle of `make up` cost nothing but time."""
    deployed.mesh("destroy")
    process = deployed.start("up")
    _await(lambda: _is_being_deployed(deployed), seconds=60)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, how)
    process.communicate(timeout=120)
    psutil.wait_procs(children, timeout=30)
    assert process.returncode != 0

    said = deployed.mesh("up")

    assert said.count("2/2") == 6
    assert deployed.changes() == {}


def test_a_machine_that_was_off_is_recovered(deployed: Checkout) -> None:
    """When all of its processes are gone, the next `sandbox up` brings back what there was."""
    sandbox = deployed.sandbox
    pids = [component.pid for component in sandbox.components() if component.pid]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert not sandbox.is_up()

    sandbox.up()

    assert sandbox.is_up()
    # What the API server remembers of readiness is from before: the process is what counts.
    _await(lambda: _istiod_pid(deployed) not in (None, *pids), seconds=60)
    _await(lambda: _ready_istiods(deployed) == 1, seconds=60)
    assert deployed.changes() == {}


def test_a_dead_istiod_is_not_ready_and_comes_back(deployed: Checkout) -> None:
    """The fake pod is Ready only while the real process is."""
    pid = _istiod_pid(deployed)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    _await(lambda: _ready_istiods(deployed) == 0, seconds=10)
    _await(lambda: _ready_istiods(deployed) == 1, seconds=60)


def test_a_start_up_setting_restarts_istiod(deployed: Checkout) -> None:
    """A mesh setting that istiod reads at its start only gets it a new process."""
    setting = ("--config", "mesh:meshConfig.trustDomain=example.org", "--config-path")

    for arguments in (("up", "--", *setting), ("up",)):
        before = _istiod_pid(deployed)
        deployed.mesh(*arguments)
        _await_another_istiod(deployed, before)


def _await_another_istiod(checkout: Checkout, before: int | None) -> None:
    _await(lambda: _istiod_pid(checkout) not in (None, before), seconds=30)
    _await(lambda: _ready_istiods(checkout) == 1, seconds=60)


def _istiod_pid(checkout: Checkout) -> int | None:
    return next((c.pid for c in checkout.sandbox.components() if c.name.startswith("istiod")), None)


def _ready_istiods(checkout: Checkout) -> int:
    """Count the pods: a Deployment's own count can be late, for its controller may be away."""
    pods = checkout.kubectl("get", "pods", "-n", "istio-system", "-l", "app=istiod")["items"]
    conditions = [c for pod in pods for c in pod["status"].get("conditions", [])]
    return sum(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _is_being_deployed(checkout: Checkout) -> bool:
    try:
        return bool(checkout.kubectl("get", "deployments", "-n", "istio-system")["items"])
    except Exception:  # noqa: BLE001 - the sandbox may not be up yet
        return False


def _left_of_ours(checkout: Checkout) -> set[str]:
    kinds = (
        "namespaces,clusterroles,clusterrolebindings,"
        "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    )
    listed = checkout.kubectl("get", kinds)["items"]
    return {
        f"{item['kind']}/{item['metadata']['name']}"
        for item in listed
        if "istio" in item["metadata"]["name"] or item["metadata"]["name"] == "bookinfo"
    }


def _await(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.2)
