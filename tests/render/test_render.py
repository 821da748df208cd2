"""The render without an engine: secrets, what only a cluster knows, and mistakes."""

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi_kubernetes.core.v1 import ConfigMap, Service

from mesh import redaction
from mesh.kubernetes import cluster
from mesh.preflight import platform
from mesh.redaction import COMPUTED, SECRET
from meshctl.render import program as render
from meshctl.render.program import RenderError
from meshctl.workspace import settings as stack_settings
from meshctl.workspace.stack import Workspace
from tests.fakes.engine import find_release

CIPHER = "v1:8gv0NCv0OsgWgMnm:8gv0NCv0OsgWgMnm"
SECURE = {"secure": CIPHER}
CA = ("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem")


def rendered(
    monkeypatch: pytest.MonkeyPatch, release_dir: Path, **settings: Any
) -> dict[str, dict[str, Any]]:
    """Render stack dev with a config of its own; objects by kind and name."""
    monkeypatch.setenv(cluster.RENDER, "rendered")
    config = {"releaseDir": str(release_dir), **settings}
    monkeypatch.setattr(Workspace, "config", {f"mesh:{k}": v for k, v in config.items()})
    found = render.objects(Workspace("dev", "none"))
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


@pytest.fixture
def release_dir() -> Path:
    """Render today's release only: what is looked at is the same in all."""
    return find_release("1.30.3")


def test_no_secret_is_rendered(monkeypatch: pytest.MonkeyPatch, release_dir: Path) -> None:
    """Nor is any needed: keys of Secrets are there, and a placeholder for each value."""
    found = rendered(
        monkeypatch,
        release_dir,
        registryCredentials={"registry.example.com": {"username": "me", "password": SECURE}},
        cacerts=dict.fromkeys(CA, SECURE),
        bookinfoRatings="mysql",
        bookinfoMysqlPassword=SECURE,
    )

    assert found["Secret/cacerts"]["data"] == dict.fromkeys(CA, SECRET)
    assert found["Secret/mysql-credentials"]["data"] == {"rootpasswd": SECRET}
    assert found["Secret/istio-registry"]["data"] == {".dockerconfigjson": SECRET}
    text = json.dumps(found)
    assert stack_settings.ENCRYPTED not in text
    assert CIPHER not in text
    assert redaction.SENTINEL not in text


def test_secrets_that_are_encrypted_as_a_whole_are_rendered_too(
    monkeypatch: pytest.MonkeyPatch, release_dir: Path
) -> None:
    """What is in them shows nowhere."""
    found = rendered(monkeypatch, release_dir, registryCredentials=SECURE, cacerts=SECURE)

    assert found["Secret/cacerts"]["data"] == dict.fromkeys(CA, SECRET)


def test_what_only_the_cluster_can_tell_is_marked(
    monkeypatch: pytest.MonkeyPatch, release_dir: Path
) -> None:
    """It is never rendered as if it were nothing."""

    def program() -> None:
        service = Service(
            "s", metadata={"name": "s"}, spec={"type": "ClusterIP", "ports": [{"port": 80}]}
        )
        kind = service.spec.apply(lambda spec: str(spec.type))
        status = service.status.apply(str)
        ConfigMap("c", metadata={"name": "c"}, data={"kind": kind, "status": status})

    monkeypatch.setattr(render, "_program", program)

    found = rendered(monkeypatch, release_dir)

    assert found["ConfigMap/c"]["data"] == {"kind": "ClusterIP", "status": COMPUTED}
    assert isinstance(found["Service/s"]["spec"]["ports"][0]["port"], int)


def test_a_mistake_in_the_config_is_refused(
    monkeypatch: pytest.MonkeyPatch, release_dir: Path
) -> None:
    """With what the preview says: a render is no way round the checks."""
    with pytest.raises(RenderError, match="mesh:mtls: must be 'permissive' or 'strict'"):
        rendered(monkeypatch, release_dir, mtls="both")


def test_no_cluster_is_asked(
    monkeypatch: pytest.MonkeyPatch, release_dir: Path, tmp_path: Path
) -> None:
    """Neither the one that the stack names, nor the one that kubectl would take."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(platform, "connect", lambda _: pytest.fail("the cluster was asked"))
    monkeypatch.setenv(cluster.SANDBOX, os.devnull)

    def stop(*_: object, **__: object) -> None:
        raise pulumi.RunError("far enough")

    monkeypatch.setattr(cluster, "provider", stop)

    with pytest.raises(RenderError, match="far enough"):
        rendered(monkeypatch, release_dir, context="my-cluster")
