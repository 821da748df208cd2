"""Where a stack's Pulumi runs: which programs it is given."""

from pathlib import Path

import pytest

from mesh.workspace import Workspace


@pytest.mark.parametrize(
    ("config", "lacks"),
    [
        ({"mesh:injection": "manual"}, True),
        ({}, False),
        ({"mesh:injection": "manual", "mesh:context": "my-cluster"}, False),
    ],
)
def test_istioctl_is_got_for_a_sandbox_that_injects_by_hand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: dict[str, str], *, lacks: bool
) -> None:
    """Unless the release on disk brings its own; on one's own cluster it is one's own choice."""
    stack = {"mesh:releaseDir": str(tmp_path), **config}
    monkeypatch.setattr(Workspace, "config", stack)
    assert Workspace("dev", "default")._lacks_istioctl() is lacks

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "istioctl").touch()
    assert not Workspace("dev", "default")._lacks_istioctl()
