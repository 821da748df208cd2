"""What a report prints, and the exit code that it gives the command."""

import io
import json

import pytest
from rich.console import Console

from meshctl.verify.report import Report
from meshctl.verify.snapshot import Finding, Status


def finding(status: Status = "ok", check: str = "route", **parts: str) -> Finding:
    """Return a finding."""
    return Finding(
        check=check,
        status=status,
        subject=parts.get("subject", "shop/cart"),
        found=parts.get("found", "is so"),
        remedy=parts.get("remedy", ""),
    )


def report(*findings: Finding, left_out: str = "") -> Report:
    """Return a report of findings."""
    return Report(cluster="cluster of context 'x'", findings=findings, left_out=left_out)


def shown(told: Report, width: int) -> str:
    """Return what it prints at a width."""
    out = Console(file=io.StringIO(), width=width)
    told.show(out)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([finding("ok"), finding("info")], 0),
        ([finding("warning")], 0),
        ([finding("warning", check="rights")], 3),
        ([finding("warning", check="rights"), finding("wrong")], 1),
    ],
)
def test_exit_codes_mean_something(findings: list[Finding], code: int) -> None:
    """What is wrong counts more than what isn't known."""
    assert report(*findings).exit_code == code


@pytest.mark.parametrize("width", [80, 120])
def test_no_object_is_cut_off(width: int) -> None:
    """A long name is broken over lines, not shortened."""
    name = "istio-system/" + "n" * 90

    told = shown(report(finding("wrong", subject=name, found="f" * 200, remedy="do it")), width)

    assert "…" not in told
    assert told.count("n" * 20) > 0
    assert max(map(len, told.split("remedies:")[0].splitlines())) <= width


def test_a_remedy_stands_once_with_its_objects() -> None:
    """Many are named by their check and how many they are."""
    few = [finding("wrong", subject=f"shop/{name}", remedy="do this") for name in "ab"]
    many = [finding("wrong", "port", subject=f"s/{name}", remedy="do that") for name in "abcd"]

    told = shown(report(*few, *many), 120)

    assert "  route shop/a, route shop/b:\n    do this\n" in told
    assert "  port (4):\n    do that\n" in told


def test_json_has_the_cluster_and_what_was_left_out() -> None:
    """For programs, with the same verdict as the exit code."""
    told = json.loads(report(finding("wrong"), left_out="isn't on PATH").as_json())

    assert told["cluster"] == "cluster of context 'x'"
    assert told["healthy"] is False
    assert told["leftOut"] == {"istioctl analyze": "isn't on PATH"}


def test_a_narrow_terminal_gets_a_list() -> None:
    """Texts have the whole width there; beside two columns they would be tall."""
    told = shown(report(finding("wrong", found="is not as it should be")), 80)

    assert "✗  route shop/cart: is not as it should be" in told
    assert "CHECK" not in told
