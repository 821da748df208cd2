"""The check of a folder of YAML against the rules: `python -m policy.rendered FOLDER`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import jsonschema
import typer
import yaml

import console
from console import UserError
from mesh.settings.facts import Mode
from meshctl.workspace.stack import Workspace
from policy.rule import Level, Object, Options, Rule, Stack
from policy.rules import RULES

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
LEVELS = ("mandatory", "advisory", "disabled")


class RenderedError(UserError):
    """The folder or the policy config can't be used; the message says why and what to do."""


@app.command()
def check(
    folder: Annotated[
        Path, typer.Argument(help="A folder of YAML, such as that of `make render`.")
    ],
    stack: Annotated[str, typer.Option(envvar="STACK", help="The stack's name.")] = "dev",
    mode: Annotated[
        Mode | None, typer.Option(envvar="MODE", help="The stack's mode, if its file lacks it.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(envvar="POLICY_CONFIG", help="The policy config, as JSON.")
    ] = None,
) -> None:
    """Check Kubernetes objects against the rules; exit with 1 when a mandatory one is violated."""
    objects = read(folder)
    levels = configured(_read_config(config) if config else {})
    judged = Stack(name=stack, mode=mode or _mode_of(stack))
    found = {"mandatory": 0, "advisory": 0}
    for rule in RULES:
        level, options = levels[rule.name]
        if level == "disabled" or rule.reads_config:
            continue
        for violation in rule.check(objects, judged, options):
            found[level] += 1
            typer.echo(f"[{level}] {rule.name}: {rule.says}: {rule.reason}.")
            typer.echo(f"    {rule.message(violation)}")
    typer.echo(
        f"{len(objects)} objects checked, violations: {found['mandatory']} mandatory, "
        f"{found['advisory']} advisory"
    )
    if found["mandatory"]:
        raise typer.Exit(1)


def _mode_of(stack: str) -> str:
    """Return the mode in the stack's file: with a wrong one the rules for apps check nothing."""
    own = Workspace(stack, "none")
    found = own.setting("mode")
    if found not in get_args(Mode):
        raise RenderedError(
            f"{own.config_file.name}: mode is {found}, but must be one of "
            f"{', '.join(get_args(Mode))}"
        )
    return found


def read(folder: Path) -> list[Object]:
    """Read the objects of all YAML files below a folder, in the order of their paths."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".yaml", ".yml"))
    objects = [each for file in files for each in _objects(file)]
    if not objects:
        raise RenderedError(
            f"{folder} has no YAML file with a Kubernetes object: run `make render OUT={folder}`"
        )
    return objects


def _objects(file: Path) -> Iterator[Object]:
    try:
        documents = list(yaml.safe_load_all(_text(file)))
    except yaml.YAMLError as error:
        raise RenderedError(f"{file} isn't valid YAML: {error}") from error
    for document in documents:
        if isinstance(document, Mapping) and document.get("kind") == "List":
            yield from document.get("items") or []
        elif isinstance(document, Mapping) and document.get("kind"):
            yield document


def _read_config(file: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(_text(file))
    except json.JSONDecodeError as error:
        raise RenderedError(f"{file} isn't valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise RenderedError(f"{file} must be a JSON object with rules by name: got {config!r}")
    return config


def configured(config: Mapping[str, Any]) -> dict[str, tuple[Level, Options]]:
    """Return each rule's level and options by name; `config` is that of --policy-pack-config.

    Raises RenderedError on an unknown rule, level or option.
    """
    names = [rule.name for rule in RULES]
    for name in config:
        if name not in (*names, "all"):
            raise RenderedError(
                f"policy config: there is no rule {name}; the rules are {', '.join(names)}"
            )
    return {rule.name: _configured(rule, config) for rule in RULES}


def _configured(rule: Rule, config: Mapping[str, Any]) -> tuple[Level, Options]:
    """Return a rule's level and options: those of its own entry, else of the entry `all`."""
    level, options = rule.level, dict(rule.defaults)
    for entry in (config.get("all"), config.get(rule.name)):
        given = {"enforcementLevel": entry} if isinstance(entry, str) else dict(entry or {})
        level = given.pop("enforcementLevel", level)
        options |= given
    if level not in LEVELS:
        raise RenderedError(
            f"policy config: {rule.name} is {level}, but must be one of {', '.join(LEVELS)}"
        )
    schema = {"properties": dict(rule.options), "additionalProperties": False}
    try:
        jsonschema.validate(options, schema)
    except jsonschema.ValidationError as error:
        raise RenderedError(f"policy config: {rule.name}: {error.message}") from error
    return level, options


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RenderedError(f"{file} can't be read: {error}") from error


if __name__ == "__main__":
    console.run(app, interrupted="interrupted; nothing was changed")
