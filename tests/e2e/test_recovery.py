"""Interrupted, killed, switched off, destroyed: the same command takes it up again."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

import psutil

from faults import cluster_state
from meshctl.workspace.stack import Workspace

from .checkout import Checkout

EXECUTOR = "pulumi-language-python-exec"


def test_destroy_leaves_the_crds_and_nothing_else(deployed: Checkout) -> None:
    """Destroy removes all of ours but the CRDs, says so, and `up` works again.

    Another team's routes, policy, Secret and namespace are the same all the time.
    """
    deployed.shell(f"kubectl apply -f {cluster_state.OTHERS}")
    others = _of_others(deployed)
    said = deployed.mesh("destroy")

    assert "kept" in said
    assert deployed.state() == []
    assert _left_of_ours(deployed) == set()
    crds = deployed.kubectl("get", "crds")["items"]
    assert {crd["spec"]["group"].split(".", 1)[1] for crd in crds} == {"istio.io"}
    assert _of_others(deployed) == others

    deployed.mesh("up")
    assert deployed.changes() == {}
    assert _of_others(deployed) == others
    deployed.shell("kubectl delete namespace shop --wait=false")


def test_a_broken_off_up_is_taken_up_again(deployed: Checkout) -> None:
    """A killed program ends `make up`; that, kill -9 and Ctrl-C cost nothing but time."""
    deployed.mesh("destroy")

    # istiod isn't registered yet, and the injector's webhook configuration waits for it.
    said = _broken_off(deployed, "mutatingwebhookconfigurations/istio-sidecar-injector", _program)
    assert "the Pulumi program was killed before the update was done" in said
    _broken_off(deployed, "deployments/istiod", _all, signal.SIGKILL)
    _broken_off(deployed, "deployments/istio-ingressgateway", _all, signal.SIGINT)
    said = deployed.mesh("up")

    assert said.count("2/2") == 6
    assert deployed.changes() == {}


def test_a_second_update_waits_for_the_first(deployed: Checkout) -> None:
    """It says which process it waits for; both come to their end."""
    updates = [deployed.start("up"), deployed.start("up")]
    said = [update.communicate(timeout=120)[0] for update in updates]

    assert [update.returncode for update in updates] == [0, 0], said
    pids = {f"process {update.pid}, -m meshctl up" for update in updates}
    waited = [text for text in said if "waiting for another command that changes it" in text]
    assert len(waited) == 1
    assert any(f"changes it: {pid}" in waited[0] for pid in pids)


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


def _broken_off(
    checkout: Checkout,
    when: str,
    whom: Callable[[psutil.Process], list[psutil.Process]],
    how: signal.Signals = signal.SIGKILL,
) -> str:
    """Break off `up` by a signal when an object exists, and return what it said."""
    command = checkout.start("up")
    _await(lambda: _exists(checkout, when), seconds=60)
    everybody = _all(psutil.Process(command.pid))
    for process in whom(psutil.Process(command.pid)):
        process.send_signal(how)
    said, _ = command.communicate(timeout=60)
    psutil.wait_procs(everybody, timeout=30)
    assert command.returncode != 0, said
    return said


def _all(command: psutil.Process) -> list[psutil.Process]:
    return [command, *command.children(recursive=True)]


def _program(command: psutil.Process) -> list[psutil.Process]:
    return [each for each in _all(command) if EXECUTOR in " ".join(each.cmdline()[:2])]


def _exists(checkout: Checkout, named: str) -> bool:
    try:
        checkout.kubectl("get", named, "--namespace", "istio-system")
    except subprocess.CalledProcessError:
        return False
    return True


def _of_others(checkout: Checkout) -> cluster_state.State:
    """Return what another team has in the cluster, and how many of each."""
    found = cluster_state.of_others(cluster_state.read(Workspace("dev", checkout.sandbox.name)))
    assert len(found) == 6
    return found


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
