"""The workflows: pinned, with few rights, out of a fork's reach, and of commands that exist."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from mesh import fast_yaml
from mesh.project import PROJECT
from meshctl.commands.app import app

FILES = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {file.stem: fast_yaml.load(file.read_bytes()) for file in FILES}
GITLAB = fast_yaml.load((PROJECT / "docs" / "gitlab-ci.yml").read_bytes())
JOBS = [
    pytest.param(workflow, job, id=f"{name}-{job_name}")
    for name, workflow in WORKFLOWS.items()
    for job_name, job in workflow["jobs"].items()
]
ON = True  # what YAML 1.1 makes of the key `on`
CHANGES = re.compile(r"meshctl (up|destroy|dev|dev-rm) ")
VARIABLES = (
    *("CI_KUBECONFIG", "CI_MERGE_REQUEST_IID", "CI_PROJECT_ID", "GITHUB_REPOSITORY"),
    *("GITHUB_TOKEN", "KUBECONFIG", "MR_TOKEN"),
)
"""What the hosts and the workflows set for the commands."""
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"


def steps(key: str) -> Iterator[str]:
    """Return what all steps of all jobs have under a key."""
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            yield from (step[key] for step in job["steps"] if key in step)


def test_actions_are_pinned_by_commit() -> None:
    """A tag can be moved to another's code; the release that it was is beside it."""
    lines = [line for file in FILES for line in file.read_text().splitlines() if "uses:" in line]

    assert lines
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_a_job_has_the_rights_it_needs(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    """Named by itself: the workflow gives none; only a comment is ever written."""
    assert workflow["permissions"] == {}
    written = {right for right, level in job["permissions"].items() if level != "read"}
    assert written <= {"pull-requests"}
    posts = any(" ci post " in step.get("run", "") for step in job["steps"])
    assert (written == {"pull-requests"}) == posts
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_no_secret_is_in_a_forks_reach(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    """What runs a pull request's code has secrets only where that code is a colleague's.

    pull_request_target would hand them to the code of anybody.
    """
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(workflow[ON])
    if "secrets." not in str(job):
        return
    # An environment's secrets can be kept to some branches, and behind an approval.
    assert job["environment"]
    if "pull_request" in workflow[ON]:
        parts = _without_brackets(job["if"]).split("&&")
        assert SAME_REPOSITORY in map(str.strip, parts)


def _without_brackets(condition: str) -> str:
    """Leave what must all hold: an alternative is one within brackets."""
    shorter = re.sub(r"\([^()]*\)", "", condition)
    if shorter != condition:
        return _without_brackets(shorter)
    assert "||" not in condition
    return condition


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_updates_wait_for_each_other(workflow: dict[Any, Any], job: dict[str, Any]) -> None:
    """And none is broken off half-way, while a preview may be."""
    concurrency = job.get("concurrency") or workflow["concurrency"]
    assert concurrency["group"]
    if any(CHANGES.search(each.get("run", "")) for each in job["steps"]):
        assert concurrency["cancel-in-progress"] is False


def test_a_review_stack_is_never_brought_up_and_removed_at_once() -> None:
    """One lock for each pull request, on the jobs: another label's event must not end a wait."""
    review = WORKFLOWS["review"]
    locks = [job["concurrency"]["group"] for job in review["jobs"].values()]

    assert locks == ["review-${{ github.event.pull_request.number }}"] * 2
    assert "concurrency" not in review
    assert len({GITLAB[name]["resource_group"] for name in ("review", "review-rm")}) == 1


def test_a_review_stack_goes_when_its_label_or_its_pull_request_does() -> None:
    """By the base's code, on a runner that never saw it; at GitLab, by the environment's stop."""
    up, down = (WORKFLOWS["review"]["jobs"][name] for name in ("up", "down"))

    assert {"labeled", "unlabeled", "closed"} <= set(
        WORKFLOWS["review"][ON]["pull_request"]["types"]
    )
    assert "github.event.pull_request.state == 'open'" in _without_brackets(up["if"])
    assert "github.event.action == 'closed'" in down["if"]
    assert "github.event.action == 'unlabeled'" in down["if"]
    assert down["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert GITLAB["review"]["environment"]["on_stop"] == "review-rm"
    stop = GITLAB["review-rm"]["environment"]
    assert stop == {"name": GITLAB["review"]["environment"]["name"], "action": "stop"}
    for line in (*steps("run"), *GITLAB["review"]["script"], *GITLAB["review-rm"]["script"]):
        # Nobody is there to be asked.
        if CHANGES.search(line):
            assert line.endswith(" -- --yes")


def test_no_expression_is_pasted_into_a_shell() -> None:
    """A branch may be named so that its name is a command; a variable's value is none."""
    for line in steps("run"):
        assert "${{" not in line


@pytest.mark.parametrize(
    "line",
    [
        *steps("run"),
        *(
            line
            for job in GITLAB.values()
            for key in ("script", "after_script")
            for line in job.get(key, ())
        ),
    ],
)
def test_each_step_is_a_command_of_this_repository(line: str) -> None:
    """With options that it has, so that a person can run it too."""
    words = shlex.split(line)
    if words[0] == "make":
        targets = re.findall(r"^([\w/-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
    elif words[0] == "cat":
        assert words[1].endswith("comment.md")
    else:
        assert words[:3] == ["venv/bin/python", "-m", "meshctl"]
        _parse(words[3:])


def _parse(words: list[str]) -> None:
    """Parse a command line of meshctl and run nothing; raises what a mistake in it is told by."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES:
            patch.setenv(variable, "7")
        numbers = [re.sub(r"^\$NUMBER$", "7", word) for word in words]
        # What is before `--` is an option of meshctl; only what is behind it is Pulumi's.
        command.make_context(command.name, numbers, ignore_unknown_options=False)


def test_what_is_merged_keeps_to_the_rules() -> None:
    """Previews of pull requests and updates run the policy pack; an update previews first."""
    judged = [
        step
        for name in ("pull-request", "merge", "review")
        for job in WORKFLOWS[name]["jobs"].values()
        for step in job["steps"]
        if re.search(r"meshctl (ci preview|up|dev) ", step.get("run", ""))
    ]

    assert len(judged) >= 3
    for step in judged:
        assert step["env"]["POLICY"] == "policy"
        assert "--skip-preview" not in step["run"]
    for job in GITLAB.values():
        if re.search(r"meshctl (up|dev) ", " ".join(job.get("script", ()))):
            assert job["variables"]["POLICY"] == "policy"
            assert "--skip-preview" not in " ".join(job["script"])
    assert GITLAB["preview"]["variables"]["POLICY"] == "policy"
