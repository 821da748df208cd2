"""What a pull request shows: the preview as a comment, and the render, which needs no cluster."""

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from mesh.resources.chart import STARTED
from meshctl.pull_request.object_diff import differences
from tests.fakes.engine import ISTIO

from .checkout import Checkout

PASSWORD = "a-word-to-hide"  # noqa: S105 - a made-up one
CACHE = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
Key = tuple[str, str, str | None, str]


def test_a_preview_as_a_comment(deployed: Checkout, tmp_path: Path) -> None:
    """A patch release, another mesh config and a secret: each object with what changes in it."""
    changed: dict[str, Any] = {
        "istioVersion": "1.30.9",
        "releaseDir": f"releases/{ISTIO}",
        "meshConfig": {"accessLogFile": "/dev/stdout"},
        "bookinfoRatings": "mysql",
    }
    with deployed.configured(**changed):
        deployed.shell(f"pulumi config set --secret bookinfoMysqlPassword -- '{PASSWORD}'")
        said = deployed.mesh("preview", "--", "--json")
    text = _comment(deployed, said, tmp_path)

    assert "## Preview of stack `dev`" in text
    assert "+ data.mesh: accessLogFile: /dev/stdout" in text
    assert (
        f"- spec.template.spec.containers[discovery].image: docker.io/istio/pilot:{ISTIO}\n"
        "+ spec.template.spec.containers[discovery].image: docker.io/istio/pilot:1.30.9\n"
    ) in text
    assert "- `Secret bookinfo/mysql-credentials`" in text
    assert "Deleted" not in text
    assert "Replaced" not in text
    for file in tmp_path.iterdir():
        assert PASSWORD not in file.read_text()


def test_a_preview_that_is_refused_as_a_comment(deployed: Checkout, tmp_path: Path) -> None:
    """The comment has the mistake, in the words that a person at a terminal gets."""
    with deployed.configured(mtls="both"):
        said = deployed.fails("preview", "--", "--json")
    text = _comment(deployed, said, tmp_path)

    assert "**The preview failed**" in text
    assert "mesh:mtls: must be 'permissive' or 'strict'" in text
    assert "to delete" not in text


def test_the_render_is_what_up_applied(deployed: Checkout, tmp_path: Path) -> None:
    """Object by object and field by field, as the state has it and as the API server has it."""
    first, second = tmp_path / "first", tmp_path / "second"
    # Another machine, as far as a program can tell: another home, language, time zone and cluster.
    other = {"HOME": str(tmp_path), "LANG": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    runs = [
        deployed.start("render", str(first), SANDBOX="no-such-sandbox"),
        deployed.start("render", str(second), **other, XDG_CACHE_HOME=CACHE),
    ]
    for run in runs:
        said, _ = run.communicate(timeout=300)
        assert run.returncode == 0, said
    assert _bytes(first) == _bytes(second)

    rendered = _objects(first)
    applied = {
        # The plugin writes into the state that containers without resources have none: {}.
        _key(each["inputs"]): _without_empty_resources(each["inputs"])
        for each in deployed.state()
        if each["custom"] and each["type"].startswith("kubernetes:")
    }
    assert rendered.keys() == applied.keys()
    for key, inputs in applied.items():
        # The state has quantities as the API server spells them: 1Gi, where a chart has 1024Mi.
        for difference in differences(key[1], inputs, rendered[key]):
            if difference.steps in (("spec", "replicas"), ("metadata", "labels", STARTED)):
                continue  # the autoscaler's: the state keeps what one was once started again with
            assert any(line.startswith("+") for line in difference.lines), difference

    kubectl = ["kubectl", "--kubeconfig", str(deployed.sandbox.kubeconfig), "diff"]
    answer = subprocess.run(
        [*kubectl, "--server-side", "--force-conflicts", "--recursive", "--filename", str(first)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr


def _comment(checkout: Checkout, said: str, folder: Path) -> str:
    (folder / "dev.json").write_text(said)
    checkout.mesh("ci", "comment", str(folder / "dev.json"), "--out", str(folder))
    return (folder / "comment.md").read_text()


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def _objects(folder: Path) -> dict[Key, dict[str, Any]]:
    found = (yaml.safe_load(file.read_text()) for file in folder.rglob("*.yaml"))
    return {_key(each): each for each in found}


def _without_empty_resources(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: part for key, part in value.items() if (key, part) != ("resources", {})}
        return {key: _without_empty_resources(part) for key, part in kept.items()}
    return [_without_empty_resources(part) for part in value] if isinstance(value, list) else value


def _key(found: dict[str, Any]) -> Key:
    metadata = found["metadata"]
    return found["apiVersion"], found["kind"], metadata.get("namespace"), metadata["name"]
