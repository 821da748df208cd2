"""The commands for a pull request's workflow: previews, render diffs, and posted comments."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import console
from mesh.project import PROJECT
from meshctl.pull_request import (
    changes,
    touched_stacks,
)
from meshctl.pull_request import (
    comment as preview_comment,
)
from meshctl.pull_request import (
    post as posting,
)
from meshctl.pull_request import render_diff as render_diff_of
from meshctl.pull_request.changes import Preview

app = typer.Typer(no_args_is_help=True, help="Commands for a pull request's workflow.")
Since = Annotated[
    str, typer.Option(help="Only stacks that changed since HEAD branched off this branch.")
]
Out = Annotated[Path, typer.Option(help="The folder for comment.md and full.md.")]
Link = Annotated[str, typer.Option(help="The name or link of the full text, for the comment.")]
Text = Annotated[Path, typer.Argument(help="The file with the comment's text.")]
FULL_TEXT = "full.md"


@app.command()
def stacks(since: Since = "") -> None:
    """Print the stacks that have their own cluster, as a JSON list."""
    sys.stdout.write(json.dumps(_stacks(since)) + "\n")


@app.command(context_settings={"ignore_unknown_options": True})
def preview(
    since: Since = "",
    out: Out = Path("previews"),
    link: Link = FULL_TEXT,
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to pulumi.")] = None,
) -> None:
    """Preview the stacks that have their own cluster, and write the comment.

    Exits with 1 when a preview fails.
    """
    previews, failed = [], False
    for stack in _stacks(since):
        with console.alive(f"preview of stack {stack}"):
            found, is_done = run_preview(stack, arguments or ())
        console.done(f"preview of {stack}", f"{len(found.changes)} changes")
        for error in found.errors:
            console.error(error)
        previews.append(found)
        failed = failed or not is_done
    _write(previews, out, link)
    if failed:
        raise typer.Exit(1)


@app.command()
def comment(
    files: Annotated[list[Path], typer.Argument(help="Output of `pulumi preview --json`.")],
    out: Out = Path("previews"),
    link: Link = FULL_TEXT,
) -> None:
    """Write the comment on previews that ran elsewhere; /dev/stdin is a valid file, too."""
    _write([changes.read(file.read_text(), file.stem) for file in files], out, link)


@app.command()
def render_diff(
    since: Annotated[str, typer.Option(help="The branch to compare with.")],
    out: Annotated[Path, typer.Option(help="The folder for both renders and the diff.")],
) -> None:
    """Render every stack at HEAD and where HEAD branched off, and write the diff.

    Needs no cluster.
    """
    lines = render_diff_of.write(since, out).count("\n")
    console.done("render diff", f"{lines} lines in {out / render_diff_of.PATCH}")


@app.command()
def kubeconfig(
    content: Annotated[str, typer.Option(envvar="CI_KUBECONFIG", help="The kubeconfig.")],
    file: Annotated[Path, typer.Option(envvar="KUBECONFIG", help="The file to write.")],
) -> None:
    """Write the workflow's secret kubeconfig to a file that only the current user may read."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(content)


@app.command()
def post(
    file: Text,
    pull_request: Annotated[int, typer.Option(help="The pull request's number.")],
    repository: Annotated[str, typer.Option(envvar="GITHUB_REPOSITORY")],
    token: Annotated[str, typer.Option(envvar="GITHUB_TOKEN", help="The workflow's token.")],
    api: Annotated[str, typer.Option(envvar="GITHUB_API_URL")] = "https://api.github.com",
) -> None:
    """Post the comment on a pull request at GitHub, or edit the earlier one."""
    posting.to_github(
        file.read_text(), api=api, repository=repository, pull_request=pull_request, token=token
    )


@app.command("post-gitlab")
def post_gitlab(
    file: Text,
    merge_request: Annotated[int, typer.Option(envvar="CI_MERGE_REQUEST_IID")],
    project: Annotated[str, typer.Option(envvar="CI_PROJECT_ID")],
    token: Annotated[str, typer.Option(envvar="MR_TOKEN", help="A project access token.")] = "",
    api: Annotated[str, typer.Option(envvar="CI_API_V4_URL")] = "https://gitlab.com/api/v4",
) -> None:
    """Post the comment on a merge request at GitLab, or edit the earlier one."""
    # GitLab's job token may not write notes, so a project has no token until it sets one.
    if not token:
        console.say(
            f"MR_TOKEN isn't set: no comment is posted, and its text is in {file}. To post it, "
            "set MR_TOKEN to a project access token"
        )
        return
    posting.to_gitlab(
        file.read_text(), api=api, project=project, merge_request=merge_request, token=token
    )


def run_preview(
    stack: str, arguments: Sequence[str] = (), *, sandbox: str = ""
) -> tuple[Preview, bool]:
    """Preview a stack with Pulumi's arguments; return it, and whether it succeeded."""
    command = [sys.executable, "-m", "meshctl", "preview", "--stack", stack, "--", "--json"]
    answer = subprocess.run(
        [*command, *arguments],
        cwd=PROJECT,
        env={
            **os.environ,
            # Without it Pulumi prints a digest, which lacks what policies found, and the objects
            # that don't change.
            "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
            **({"SANDBOX": sandbox} if sandbox else {}),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return changes.read(answer.stdout, stack), not answer.returncode


def _stacks(since: str) -> list[str]:
    every = touched_stacks.all_stacks()
    return touched_stacks.touched(touched_stacks.since(since), every) if since else every


def _write(previews: list[Preview], out: Path, link: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "comment.md").write_text(preview_comment.comment(previews, full_text=link))
    (out / FULL_TEXT).write_text(preview_comment.full(previews))
    console.done("comment", str(out / "comment.md"))
