"""A stack's settings without an engine: what commands around Pulumi read of them."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh.charts.values import common_values
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace, WorkspaceError

SECRET = {"secure": "v1:abc"}


def workspace(monkeypatch: pytest.MonkeyPatch, **config: Any) -> Workspace:
    """Return a stack whose file holds a config, and whose sandbox never was."""
    stack = {f"mesh:{key}": value for key, value in config.items()}
    monkeypatch.setattr(Workspace, "config", stack)
    return Workspace("dev", "nowhere")


def test_the_stacks_file_goes_before_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects and booleans, too, as the file spells them; the host is the stack's own."""
    stack = read_settings(
        workspace(monkeypatch, istioNamespace="mesh", cni=True, values={"istiod": {"a": 1}})
    )

    assert (stack.istio_namespace, stack.cni) == ("mesh", True)
    assert stack.values.istiod == {"a": 1}
    assert stack.bookinfo_namespace == "bookinfo"
    assert stack.bookinfo_host == "bookinfo.dev.localhost"


def test_other_programs_settings_are_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi's own and a provider's stand in the same file; a bare key is the project's."""
    others = {"pulumi:disable-default-providers": ["*"], "aws:region": "eu-west-1"}
    monkeypatch.setattr(Workspace, "config", {**others, "cni": True})

    assert read_settings(Workspace("dev", "nowhere")).cni


def test_a_mistake_is_told_as_the_program_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message, with the key."""
    with pytest.raises(pulumi.RunError, match=r"config of stack dev has 1 mistake:\n.*mesh:mtls"):
        read_settings(workspace(monkeypatch, mtls="loose"))


@pytest.mark.parametrize(
    "credentials",
    [SECRET, {"registry.example.com": {"username": "me", "password": SECRET}}],
)
def test_what_is_encrypted_is_stood_in_for(
    monkeypatch: pytest.MonkeyPatch, credentials: dict[str, Any]
) -> None:
    """Whole or in parts: the pods still name the Secret that their images are pulled with."""
    stack = read_settings(
        workspace(
            monkeypatch,
            registryCredentials=credentials,
            cacerts=SECRET,
            bookinfoRatings="mysql",
            bookinfoMysqlPassword=SECRET,
        )
    )

    assert common_values(stack)["global"]["imagePullSecrets"] == ["istio-registry"]


@pytest.mark.parametrize(
    ("kubeconfigs", "names"), [(SECRET, ["encrypted"]), ({"north": SECRET}, ["north"])]
)
def test_an_encrypted_kubeconfig_passes(
    monkeypatch: pytest.MonkeyPatch, kubeconfigs: dict[str, Any], names: list[str]
) -> None:
    """`verify` needs the clusters' names only, and istiod's Secrets hold the rest."""
    named = {"meshId": "shop", "clusterName": "east", "cacerts": SECRET}

    stack = read_settings(workspace(monkeypatch, remoteKubeconfigs=kubeconfigs, **named))

    assert list(stack.remote_kubeconfigs) == names


def test_a_sandbox_that_is_not_up_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that starts it."""
    with pytest.raises(
        WorkspaceError, match="sandbox nowhere doesn't exist: run `make up SANDBOX=nowhere`"
    ):
        _ = workspace(monkeypatch).cluster


def test_a_stack_with_a_context_is_looked_for_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the kubeconfig that it names: never what is current, and not the sandbox."""
    file = tmp_path / "kubeconfig"
    file.write_text("current-context: other\ncontexts: [{name: other}, {name: prod}]\n")

    cluster = workspace(monkeypatch, context="prod", kubeconfig=str(file)).cluster

    assert (cluster.context, cluster.kubeconfig) == ("prod", file)
