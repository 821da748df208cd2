"""Recovery: whose lock it is, and whether that update still runs."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from meshctl.workspace import recovery
from meshctl.workspace.stack import Workspace


def test_a_killed_updates_lock_is_a_dead_ones(tmp_path: Path) -> None:
    """Also while its process is a zombie: in a container, nobody may ever ask for its exit code."""
    pulumi = shutil.copy(shutil.which("sleep") or pytest.skip("no sleep"), tmp_path / "pulumi")
    locks = tmp_path / ".pulumi" / "locks" / "organization" / "mesh" / "dev"
    locks.mkdir(parents=True)
    with subprocess.Popen([pulumi, "60"]) as process:
        lock = {"pid": process.pid, "hostname": socket.gethostname()}
        (locks / "lock.json").write_text(json.dumps(lock))
        assert not recovery._is_locked_by_the_dead(tmp_path, "dev")

        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            pass

        assert recovery._is_locked_by_the_dead(tmp_path, "dev")


@pytest.mark.parametrize("operation", ["deleting", "updating"])
def test_what_an_interrupted_update_worked_on_is_refreshed(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """The state has it as it was: it may be gone, or changed, and the next `up` must mend that."""
    urn = "urn:pulumi:dev::mesh::kubernetes:core/v1:Service::istio-system/istiod"
    pending = {"type": operation, "resource": {"urn": urn, "inputs": {}}}
    deployment = {"resources": [{"urn": urn}], "pending_operations": [pending]}
    state = json.dumps({"deployment": deployment})
    ran: list[tuple[str, ...]] = []

    def pulumi(_: Workspace, *arguments: str) -> int:
        ran.append(arguments)
        return 0

    monkeypatch.setattr(Workspace, "query", lambda *_, **__: state)
    monkeypatch.setattr(Workspace, "pulumi", pulumi)
    monkeypatch.setattr(recovery, "_is_locked_by_the_dead", lambda *_: False)

    recovery.recover(Workspace("dev", "none"))

    assert ran == [("refresh", "--yes", "--skip-preview", "--target", urn)]
