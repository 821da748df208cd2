"""What an update shows while it works, and what is kept of it."""

import re
import stat
from pathlib import Path

from .checkout import Checkout


def test_an_update_shows_its_phases_and_keeps_its_times(
    deployed: Checkout, first_up: str, tmp_path: Path
) -> None:
    """In a log each phase is told; the timeline has the objects and no content of them."""
    told = re.findall(r"✓ ([\w ]+): \d+ created in", first_up)
    file = tmp_path / "timeline.svg"

    said = deployed.mesh("timeline", "--out", str(file))

    assert set(told) == {"CRDs", "core", "namespaces", "gateways", "Bookinfo", "routes"}
    assert "Resources:\n    + 78 created\n" in first_up
    assert "up of stack dev" in said
    assert "Deployment istio-system/istiod" in file.read_text()
    kept = list((deployed.sandbox.folder / "updates" / "dev").iterdir())
    assert {each.suffix for each in kept} == {".json", ".log"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}
    assert not [each for each in kept if "PRIVATE KEY" in each.read_text()]
