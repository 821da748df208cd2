"""A report of all checks: their findings, what was left out, and the command's exit code."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from meshctl.verify.reader import Right
from meshctl.verify.snapshot import Finding

ROLE = "give this user the ClusterRole in docs/verify.md"
MARKS = {
    "ok": "[green]✓[/]",
    "info": "·",
    "warning": "[yellow]![/]",
    "wrong": "[bold red]✗[/]",
}
RIGHTS = "rights"
"""The check of findings that name a right which the user lacks."""
NARROW = 100  # columns, with fewer of which the table has no columns of its own
SHOWN = 3  # objects of a remedy that are named
HEALTHY, WRONG, UNKNOWN = 0, 1, 3
"""Exit codes; 2 is a mistake in the command line."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The findings of one run."""

    cluster: str
    """The cluster, for people."""
    findings: tuple[Finding, ...]
    left_out: str = ""
    """Why `istioctl analyze` isn't included; empty if it is."""

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, 1 if something is, 3 if something couldn't be read."""
        if any(finding.status == "wrong" for finding in self.findings):
            return WRONG
        if any(finding.check == RIGHTS for finding in self.findings):
            return UNKNOWN
        return HEALTHY

    def as_json(self) -> str:
        """Return it for programs."""
        told = {
            "healthy": self.exit_code == HEALTHY,
            "cluster": self.cluster,
            "findings": [dataclasses.asdict(each) for each in self.findings],
            "leftOut": {"istioctl analyze": self.left_out} if self.left_out else {},
        }
        return json.dumps(told, indent=2) + "\n"

    def show(self, out: Console) -> None:
        """Print the table, the remedies, and a sum."""
        out.print(self.cluster, markup=False, soft_wrap=True)
        out.print(_narrow(self.findings) if out.width < NARROW else _wide(self.findings))
        helped: dict[str, list[Finding]] = {}
        for each in self.findings:
            if each.remedy:
                helped.setdefault(each.remedy, []).append(each)
        if helped:
            out.print("\nremedies:")
        for remedy, findings in helped.items():
            out.print(f"  {_title(findings)}:", markup=False, soft_wrap=True)
            out.print(f"    {remedy}", markup=False, soft_wrap=True)
        if self.left_out:
            out.print(
                f"\nnot included: istioctl analyze ({self.left_out})", markup=False, soft_wrap=True
            )
        wrong = sum(each.status == "wrong" for each in self.findings)
        warnings = sum(each.status == "warning" for each in self.findings)
        plural = "" if warnings == 1 else "s"
        out.print(f"\n{len(self.findings)} checks, {wrong} wrong, {warnings} warning{plural}")


def lacking(right: Right, names: str) -> Finding:
    """Name a right that the user lacks, and the checks that can't be run without it."""
    return Finding(
        check=RIGHTS,
        subject=str(right),
        status="warning",
        found=f"missing right; not checked without it: {names}",
        remedy=ROLE,
    )


def _title(findings: list[Finding]) -> str:
    """Name the findings that have one remedy: all of many by their check only."""
    checks = dict.fromkeys(each.check for each in findings)
    if len(findings) > SHOWN:
        return f"{', '.join(checks)} ({len(findings)})"
    return ", ".join(f"{each.check} {each.subject}" for each in findings)


def _wide(findings: Iterable[Finding]) -> Table:
    table = Table("", "CHECK", "OF", "FOUND", box=None, pad_edge=False)
    table.columns[1].no_wrap = True
    for column in table.columns[2:]:
        column.overflow = "fold"
    for each in findings:
        table.add_row(MARKS[each.status], each.check, Text(each.subject), Text(each.found))
    return table


def _narrow(findings: Iterable[Finding]) -> Table:
    """Return a table whose texts have the whole width: beside two columns they would be tall."""
    table = Table.grid(Column(), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for each in findings:
        table.add_row(MARKS[each.status], Text(f"{each.check} {each.subject}: {each.found}"))
    return table
