"""What a repeated run tells: once everything, then only what changes."""

import io
from collections.abc import Iterable

import pulumi
import pytest
from rich.console import Console

from meshctl.verify.report import Report
from meshctl.verify.snapshot import Finding, Status
from meshctl.verify.watch import watch


def finding(subject: str, found: str = "is so", status: Status = "wrong") -> Finding:
    """Return a finding."""
    return Finding(check="route", subject=subject, status=status, found=found, remedy="mend it")


def watched(*looks: Iterable[Finding] | Exception) -> tuple[int, list[str]]:
    """Watch until the looks end with Ctrl-C; return the exit code and the lines since the table."""
    out = Console(file=io.StringIO(), width=200)
    left = list(looks)

    def look() -> Report:
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return Report(cluster="cluster of context 'x'", findings=tuple(one))

    def sleep(_: float) -> None:
        if not left:
            raise KeyboardInterrupt

    code = watch(look, out, 10, sleep)
    assert isinstance(out.file, io.StringIO)
    lines = out.file.getvalue().splitlines()
    since = lines.index("checks again every 10 s until Ctrl-C") + 1
    return code, [line.partition(" ")[2] for line in lines[since:]]


def test_only_changes_are_told() -> None:
    """What appears, with its remedy, what reads otherwise, what is gone; and nothing twice."""
    bad, worse = finding("shop/a"), finding("shop/a", found="is worse")

    code, lines = watched([], [], [bad], [bad], [worse], [finding("b", status="ok")])

    assert lines == [
        "✗ appeared: route shop/a: is so; remedy: mend it",
        "✗ now: route shop/a: is worse; remedy: mend it",
        "✓ gone: route shop/a: is worse",
    ]
    assert code == 0


def test_ctrl_c_ends_as_the_last_run_ended() -> None:
    """A script can ask for the verdict."""
    assert watched([], [finding("shop/a")])[0] == 1


def test_two_findings_of_one_object_are_two() -> None:
    """One may go while the other stays."""
    host, gateway = finding("shop/a", "no host"), finding("shop/a", "no Gateway")

    _, lines = watched([host, gateway], [host])

    assert lines == ["✓ gone: route shop/a: no Gateway"]


def test_a_cluster_that_is_silent_for_a_while_is_told_once() -> None:
    """The watch goes on, and says when it answers again."""
    silent = pulumi.RunError("doesn't answer")

    code, lines = watched([], silent, silent, [])

    assert lines == ["can't be checked: doesn't answer", "can be checked again"]
    assert code == 0


def test_ctrl_c_in_the_first_run_is_an_interruption() -> None:
    """Nothing is known yet."""

    def look() -> Report:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(look, Console(file=io.StringIO()), 10)
