"""Kubeconfig files, as the official plugin reads them."""

import pytest
import yaml
from lightkube.config.kubeconfig import KubeConfig

from sandbox.kubernetes_plugin.kubeconfig import Overrides, namespace_of, select

CONFIG = {
    "current-context": "here",
    "clusters": [
        {
            "name": "here",
            "cluster": {"server": "https://127.0.0.1:1", "certificate-authority": "ca.crt"},
        }
    ],
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    "users": [{"name": "me", "user": {"client-certificate": "/keys/me.crt"}}],
}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write a kubeconfig that names a file beside it; work in another folder."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    written = tmp_path / "config"
    written.write_text(yaml.safe_dump(CONFIG))
    return written


def authority(overrides):
    """Give the path of the chosen cluster's certificate, and that of the user's."""
    chosen = select(overrides)
    return chosen.cluster.certificate_auth, chosen.user.client_cert


def test_a_relative_path_of_the_ambient_kubeconfig_is_beside_it(file, monkeypatch):
    """As kubectl does (provider/pkg/provider/provider.go, Configure: its loading rules)."""
    monkeypatch.setenv("KUBECONFIG", str(file))

    assert authority(Overrides()) == (str(file.parent / "ca.crt"), "/keys/me.crt")


@pytest.mark.parametrize("form", ["path", "contents"])
def test_a_relative_path_of_a_named_kubeconfig_is_in_the_working_folder(file, form):
    """Its contents count only, not its place (provider/pkg/provider/util.go)."""
    named = str(file) if form == "path" else file.read_text()

    expected = (str(file.parent / "project" / "ca.crt"), "/keys/me.crt")
    assert authority(Overrides(kubeconfig=named)) == expected


def test_without_a_kubeconfig_there_is_no_default_namespace(file):
    """Objects are rendered as they are (provider/pkg/provider/provider.go, Configure)."""
    assert namespace_of(Overrides()) == ""
    assert namespace_of(Overrides(kubeconfig=str(file))) == "default"
    assert namespace_of(Overrides(namespace="mine")) == "mine"


def test_a_pod_is_no_context(file, monkeypatch):
    """Where there is no kubeconfig, a named context isn't the cluster that the plugin runs in.

    As client-go's tools/clientcmd/client_config.go, ConfirmUsable.
    """
    own = KubeConfig.from_dict(CONFIG)
    monkeypatch.setattr(KubeConfig, "from_service_account", lambda: own)
    assert select(Overrides()).context_name == "here"
    with pytest.raises(ValueError, match='context "here" does not exist'):
        select(Overrides(context="here"))
