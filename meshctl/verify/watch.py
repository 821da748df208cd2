"""The repeated run of all checks: the whole table once, then a line for each change."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pulumi
from rich.console import Console
from rich.text import Text

from console import UserError
from meshctl.verify.report import MARKS, UNKNOWN, Report
from meshctl.verify.snapshot import Finding

INTERVAL = 10.0
"""Seconds between two runs."""


def watch(
    look: Callable[[], Report],
    out: Console,
    interval: float,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Repeat until Ctrl-C, and return the exit code of the last run.

    Raises KeyboardInterrupt on Ctrl-C in the first run: then nothing is known.
    """
    code, last, silence = UNKNOWN, None, ""
    try:
        while True:
            try:
                report = look()
            except (UserError, pulumi.RunError) as error:
                code = UNKNOWN
                if str(error) != silence:
                    _say(out, f"can't be checked: {error}")
                silence = str(error)
            else:
                if silence:
                    _say(out, "can be checked again")
                silence, code = "", report.exit_code
                if last is None:
                    report.show(out)
                    out.print(f"\nchecks again every {interval:g} s until Ctrl-C")
                else:
                    for line in changes(last, report):
                        _say(out, line)
                last = report
            sleep(interval)
    except KeyboardInterrupt:
        if last is None and not silence:
            raise
        return code


def changes(before: Report, after: Report) -> Iterator[Text]:
    """Compare two runs: what appeared, what reads otherwise now, and what is gone."""
    old, new = _bad(before), _bad(after)
    for name, finding in new.items():
        if name not in old:
            yield _line(finding, "appeared")
        elif old[name].found != finding.found or old[name].status != finding.status:
            yield _line(finding, "now")
    for name, finding in old.items():
        if name not in new:
            yield Text.from_markup(f"{MARKS['ok']} gone: ").append(
                f"{finding.check} {finding.subject}: {finding.found}"
            )


def _bad(report: Report) -> dict[tuple[str, str, int], Finding]:
    """Return what isn't well, by its check, its object, and the how manieth of these it is."""
    found: dict[tuple[str, str, int], Finding] = {}
    for finding in report.findings:
        if finding.status in ("warning", "wrong"):
            count = 0
            while (finding.check, finding.subject, count) in found:
                count += 1
            found[finding.check, finding.subject, count] = finding
    return found


def _line(finding: Finding, what: str) -> Text:
    line = Text.from_markup(f"{MARKS[finding.status]} {what}: ")
    line.append(f"{finding.check} {finding.subject}: {finding.found}")
    return line.append(f"; remedy: {finding.remedy}") if finding.remedy else line


def _say(out: Console, line: Text | str) -> None:
    now = f"{datetime.now():%H:%M:%S} "
    out.print(Text(now).append_text(Text(line) if isinstance(line, str) else line), soft_wrap=True)
