"""A run of `pulumi up` or `pulumi destroy`: shown while it works, and kept when it has ended."""

import codecs
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Protocol, TextIO

import typer

import console
from meshctl.update import phases, record, vain_wait, waiting
from meshctl.update.events import EVENT_LOG, KEEP, Update, followed
from meshctl.update.failure import Failure
from meshctl.update.lines import Lines
from meshctl.update.live_table import LiveTable
from meshctl.update.vain_wait import VainWait
from meshctl.update.view import View
from meshctl.update.waiting import Watch
from meshctl.workspace.stack import Workspace, WorkspaceError

CONTINUE = ("--continue-on-error", "-C")
"""Pulumi's option to begin other objects after one has failed."""
UNASKED = ("--yes", "-y", "--skip-preview", "-f", "--non-interactive", "--preview-only")
"""Pulumi's options with which it asks nothing."""
WANTED = ("--diff", "--json", "-j", "--help", "-h", "--show-sames", "--show-full-output")
"""Pulumi's options for those who want to read its own output."""
SYMBOLS = {"create": "+ ", "update": "~ ", "delete": "- ", "replace": "+-"}
"""Pulumi's marks for operations, as in its summary."""


class Display(Protocol):
    """What a person sees of a running update."""

    def look(self) -> None:
        """Show what is new."""

    def tell(self, text: str) -> None:
        """Print a paragraph that stays."""

    def end(self) -> None:
        """Show the end."""


class PulumisOutput:
    """The display of Pulumi's own output, from the file that it is written to."""

    def __init__(self, log: Path | None) -> None:
        # What is written so far may end within a letter: the rest comes with the next look.
        self._log: BinaryIO | None = log.open("rb") if log else None
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def look(self) -> None:
        """Print what Pulumi has written; without a file, it prints that itself."""
        if self._log:
            sys.stdout.write(self._decoder.decode(self._log.read()))
            sys.stdout.flush()

    def tell(self, text: str) -> None:
        """Print a paragraph."""
        console.say(f"\n{text}")

    def end(self) -> None:
        """Print the last lines."""
        self.look()


def change(
    workspace: Workspace,
    command: str,
    *arguments: str,
    verbose: bool,
    resources: Sequence[Mapping[str, Any]],
) -> None:
    """Run a Pulumi command that changes the stack.

    `resources` are those of its state before. Raises typer.Exit when the command fails.
    """
    if _has(arguments, (EVENT_LOG,)):
        # Pulumi writes one file only, and this one is the person's: nothing is watched.
        code = workspace.pulumi(command, *arguments)
    else:
        code = _watched(workspace, command, arguments, verbose=verbose, resources=resources)
    if code:
        raise typer.Exit(code)


def _watched(
    workspace: Workspace,
    command: str,
    arguments: Sequence[str],
    *,
    verbose: bool,
    resources: Sequence[Mapping[str, Any]],
) -> int:
    """Run the command, show it, keep its record, and return its exit code."""
    folder = workspace.records
    # Where Pulumi asks before it changes something, the terminal is its own.
    is_asked = sys.stdin.isatty() and not _is_set(arguments, UNASKED)
    log = None if is_asked else folder / f"{command}.log"
    update = Update(is_preview=_is_previewed(arguments))
    with ExitStack() as stack:
        file = Path(stack.enter_context(TemporaryDirectory(prefix="pulumi-events-")), "events.json")
        file.touch()
        output = stack.enter_context(_opened(log)) if log else None
        watch = Watch.of_stack(workspace, update)
        view = View(
            update=update,
            watch=watch,
            stack=workspace.name,
            command=command,
            last={kind: found for kind in record.KINDS if (found := record.read(folder, kind))},
        )
        shows_pulumis = verbose or is_asked or _has(arguments, WANTED)
        display = PulumisOutput(log) if shows_pulumis else _own(view)
        waits = VainWait(
            update=update, events=file, goes_on=_has(arguments, CONTINUE), tell=display.tell
        )
        looks = [waits.look, display.look]
        if not shows_pulumis:
            looks.insert(1, _Messages(update, display).look)
        code = None
        try:
            with (
                vain_wait.interruptible(update),
                waiting.watched(watch, display.tell),
                followed(file, update, *looks),
            ):
                code = workspace.pulumi(command, EVENT_LOG, str(file), *arguments, output=output)
        finally:
            display.end()
            _keep(folder, update, workspace, command, succeeded=code == 0, resources=resources)
            if code == 0 and not shows_pulumis:
                console.say(_summary(update))
            elif code != 0:
                console.error(str(_failure(update, watch, command, log)))
    return code


def _opened(log: Path) -> TextIO:
    """Open the file of Pulumi's output. Raises WorkspaceError when it can't be written."""
    try:
        return record.open_private(log)
    except OSError as error:
        raise WorkspaceError(
            f"{log} can't be written: {error.strerror}; Pulumi's output goes there. To have it "
            "elsewhere, set MESH_STATE to a folder that you may write to"
        ) from error


def _own(view: View) -> Display:
    return LiveTable(view) if console.is_terminal() else Lines(view)


class _Messages:
    """What the program, Pulumi and policies say, told as soon as it is said."""

    def __init__(self, update: Update, display: Display) -> None:
        self._update, self._display, self._told = update, display, 0

    def look(self) -> None:
        """Tell what is new; errors are told at the end, with what to do."""
        for message in self._update.messages[self._told :]:
            self._told += 1
            if message.severity != "error":
                mark = "warning: " if message.severity == "warning" else ""
                self._display.tell(f"{mark}{message.text}")


def _keep(
    folder: Path,
    update: Update,
    workspace: Workspace,
    command: str,
    *,
    succeeded: bool,
    resources: Sequence[Mapping[str, Any]],
) -> None:
    """Keep the record of an update that has begun to work on resources."""
    if update.steps:
        # What a destroy waited for isn't in the state any more.
        waits_for = record.dependencies(resources) if command == "destroy" else {}
        kept = record.of(update, workspace.name, command, succeeded=succeeded, waits_for=waits_for)
        try:
            record.write(folder, kept)
        except OSError as error:  # what the update has done is said in any case
            console.say(f"no record of the update is kept: {error}")


def _summary(update: Update) -> str:
    """Return how many resources were changed, in Pulumi's form."""
    kept = sum(step.op == KEEP for step in update.steps)
    counts = {op: count - kept * (op == "delete") for op, count in update.changes.items()}
    # What was changed first.
    counts = {**{op: n for op, n in counts.items() if op != "same"}, KEEP: kept, **counts}
    lines = [
        f"    {SYMBOLS.get(op, '')}{count} {phases.WORDS.get(op, op)}"
        for op, count in counts.items()
        if count
    ]
    return "\n".join(["Resources:", *lines, "", f"Duration: {update.seconds:.0f}s"])


def _failure(update: Update, watch: Watch, command: str, log: Path | None) -> Failure:
    workspace = watch.workspace
    own = {"STACK": (workspace.stack, "dev"), "SANDBOX": (workspace.sandbox_name, "default")}
    named = "".join(f" {key}={value}" for key, (value, usual) in own.items() if value != usual)
    return Failure(
        update=update,
        watch=watch,
        stack=workspace.name,
        command=command,
        again=f"make {command}{named}",
        log=log,
        istio_namespace=workspace.setting("istioNamespace"),
    )


def _is_previewed(arguments: Sequence[str]) -> bool:
    """Return whether Pulumi previews the update first; the last option counts."""
    skips = [each for each in arguments if each.partition("=")[0] in ("--skip-preview", "-f")]
    return not skips or skips[-1].endswith("=false")


def _is_set(arguments: Sequence[str], options: Sequence[str]) -> bool:
    """Return whether one of some switches is on: `--yes=false` is off, and the last one counts."""
    last = {each.partition("=")[0]: each for each in arguments}
    return any(not last[each].endswith("=false") for each in options if each in last)


def _has(arguments: Sequence[str], options: Sequence[str]) -> bool:
    return any(each.partition("=")[0] in options for each in arguments)
