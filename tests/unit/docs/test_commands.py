"""Commands in the pages: each exists, and a test runs it or a reason says why none does."""

import importlib
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer

from mesh import project
from mesh.project import PROJECT
from scripts import troubleshooting
from tests.unit.docs import pages

NO_CLOUD = "the tests have no account at a cloud"
NO_DOCKER = "the tests have no docker"
BY_MESHCTL = "plain Pulumi; tests/e2e runs it through meshctl"

TOLD: Mapping[str, str] = {
    "bench": "compares times, for docs/performance.md",
    "bench growth": "compares times, for docs/performance.md",
    "bench stacks": "compares times, for docs/performance.md",
    "crane": "asks a registry in the network",
    "detect-secrets": "a tool for contributors; .pre-commit-config.yaml runs it",
    "faults": "takes hours; its parts: tests/unit/faults",
    "gcloud": NO_CLOUD,
    "http.server": "shows the site until it is ended",
    "kind": NO_DOCKER,
    "istioctl": "tests/e2e/test_page.py",
    "kubectl create": "for a cluster with a certificate of one's own",
    "kubectl exec": "tests/e2e/test_page.py",
    "kubectl get": "tests/e2e/test_main_job.py",
    "kubectl logs": "tests/e2e/test_page.py",
    "kubectl port-forward": "the sandbox has none (docs/pods.md)",
    "kubectl rollout": "tests/e2e/test_verify.py",
    "make audit": "asks for vulnerabilities in the network; .github/workflows/audit.yml runs it",
    "make check": ".ci/run",
    "make docs": ".ci/run",
    "make lock": "asks the package index for versions",
    "make sbom": "gets its tool from the network; .github/workflows/release.yml runs it",
    "make test": ".ci/run",
    "make unit": ".ci/run",
    "meshctl ci comment": "tests/e2e/test_pull_request.py",
    "meshctl ci preview": "tests/unit/meshctl/commands/test_ci.py",
    "meshctl ci render-diff": "tests/e2e/test_pull_request.py",
    "meshctl ci stacks": "prints a list; tests/unit/meshctl/pull_request/test_touched_stacks.py",
    "meshctl destroy": "tests/e2e/test_recovery.py",
    "meshctl dev": "tests/e2e/test_modes.py",
    "meshctl dev-rm": "tests/e2e/test_modes.py",
    "meshctl env": "tests/e2e/test_main_job.py",
    "meshctl handover": "tests/e2e/test_adoption.py",
    "meshctl preview": "tests/e2e/test_upgrades.py",
    "meshctl release": "tests/unit/sandbox/test_toolchain.py",
    "meshctl render": "tests/e2e/test_pull_request.py",
    "meshctl report": "tests/e2e/test_topology.py",
    "meshctl sidecar-diff": "tests/e2e/test_sidecar_diff.py",
    "meshctl timeline": "tests/e2e/test_updates.py",
    "meshctl topology": "tests/e2e/test_topology.py",
    "meshctl up": "tests/e2e/conftest.py",
    "meshctl verify": "tests/e2e/test_verify.py",
    "minikube": NO_DOCKER,
    "oc": "the tests have no OpenShift",
    "openssl": "tests/e2e/test_certificates.py",
    "policy.rendered": "tests/unit/policy/test_pack.py",
    "pulumi cancel": BY_MESHCTL,
    "pulumi config": "writes the stack's file; its keys are checked here",
    "pulumi destroy": BY_MESHCTL,
    "pulumi login": "the backend of a cluster of one's own",
    "pulumi preview": "tests/e2e/test_main_job.py",
    "pulumi refresh": BY_MESHCTL,
    "pulumi stack": "tests/e2e/test_policy.py",
    "pulumi up": BY_MESHCTL,
    "sandbox down": "tests/unit/sandbox/test_control_plane.py",
    "sandbox logs": "tests/unit/sandbox/test_control_plane.py",
    "sandbox programs": ".ci/run",
    "sandbox status": "tests/unit/sandbox/test_control_plane.py",
    "sandbox up": "tests/sandbox/test_cluster.py",
    "scripts.mesh_config_fields": "tests/render/test_mesh_config.py",
    "scripts.settings_tables": "tests/unit/test_settings_tables.py",
    "scripts.troubleshooting": "tests/unit/test_troubleshooting.py",
    "traffic": "tests/e2e/test_traffic.py",
    "traffic.rate": "takes a minute and measures, for docs/pods.md",
}
"""By command: the file whose tests run it, or the reason why none does."""
ANY_SHELL = frozenset(
    (".", "base64", "cat", "cp", "echo", "export", "git", "grep", "mkdir", "sort", "unset")
)
"""Programs of every machine, between the commands."""
PYTHONS_OWN = ("http.server", "venv")
KEYWORDS = frozenset(("do", "done"))
NOT_RUN_ITSELF = re.compile(r'eval "\$\(.+?\)"|<\(.+?\)|\bfor \w+ in [^;]+;')
"""Parts of a shell line around commands: eval, the output of another command, a loop's head."""
NO_COMMANDS = re.compile(r'[A-Za-z]+:|[{"-]|NAMESPACE|✓|[a-z_]+: |\s*$|\s+[^\s]+ .*\s{2}|\s*┌')
"""How a code block begins that is YAML, JSON, code or output."""
FIRST_WORDS = ("make ", "pulumi ", "python -m ", "venv/bin/")
"""How a command begins that is part of a sentence."""
MAKEFILE = (PROJECT / "Makefile").read_text()
RECIPES = dict(
    re.findall(r"^([\w/-]+):[^\n]*\n\t@\$\(run\) ([\w.]+(?: [a-z][\w-]*)?)", MAKEFILE, re.M)
)
"""By target of the Makefile: the module that it runs, and its command."""
TARGETS = {name for names in re.findall(r"^([\w/ -]+):", MAKEFILE, re.M) for name in names.split()}


def commands(shell: str) -> Iterator[list[str]]:
    """Split shell lines into commands, each a list of words; redirections are left away."""
    for line in shell.replace("\\\n", " ").splitlines():
        for nested in re.findall(r'"\$\((.+?)\)"', line):
            yield from commands(nested)
        lexer = shlex.shlex(NOT_RUN_ITSELF.sub("", line), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in KEYWORDS:
                continue
            if set(word) <= set(";&|()<>"):
                if words and word not in ("<", ">"):
                    yield words
                    words = []
            else:
                words.append(word)


def in_pages() -> Iterator[Any]:
    """Return each command of each page, once a page."""
    for page in pages.PAGES:
        if "decisions" in page.parts:
            continue
        blocks = [each for each in pages.code_blocks(page) if not NO_COMMANDS.match(each)]
        is_of_messages = page == troubleshooting.PAGE  # those are as the program prints them
        spans = [
            each
            for each in pages.code_spans(page)
            if each.startswith(FIRST_WORDS) and not is_of_messages
        ]
        found = {" ".join(words): words for text in blocks + spans for words in commands(text)}
        for text, words in found.items():
            yield pytest.param(words, id=f"{page.name}: {text}")


@pytest.mark.parametrize("words", list(in_pages()))
def test_a_command_exists(words: list[str]) -> None:
    """Its program, its subcommand, its options, its settings; and TOLD says who tests it."""
    name = canonical(words)

    assert name is None or name in TOLD, f"{name} is in no line of TOLD"


def test_what_is_told_is_true() -> None:
    """Each line of TOLD is of a command in a page; each test that it names exists."""
    found = {canonical(each.values[0]) for each in in_pages()}

    assert set(TOLD) - found == set()
    for told in TOLD.values():
        if told.startswith(("tests/", ".ci/")):
            assert (PROJECT / told.partition(" ")[0]).exists(), told


def canonical(words: list[str]) -> str | None:
    """Return a command's name in TOLD; fails when it doesn't exist; None for a shell's own."""
    program = words[0].removeprefix("venv/bin/")
    if program in ANY_SHELL or "=" in program:
        return None
    if program == "make":
        return make(words[1:])
    if program in ("python", "python3"):
        assert words[1] == "-m"
        return module(words[2], words[3:])
    if program == "pulumi" and words[1] == "config":
        config(words[2:])
    return f"{program} {words[1]}" if program in ("kubectl", "pulumi") else program


def make(words: list[str]) -> str | None:
    """Check the targets; return the command that the target runs."""
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    assert set(targets) <= TARGETS, f"the Makefile has no target of {targets}"
    if not targets:
        return None
    recipe = RECIPES.get(targets[0])
    return recipe or f"make {targets[0]}"


def module(name: str, arguments: list[str]) -> str:
    """Check that a module's command has these options; return its name and the command's."""
    if name.startswith("scripts.") or name in PYTHONS_OWN:
        assert name in PYTHONS_OWN or (PROJECT / f"{name.replace('.', '/')}.py").exists()
        return name
    where = {"meshctl": "meshctl.commands.app"}.get(name, name)
    has_main = (PROJECT / where / "__main__.py").exists()
    command: Any = typer.main.get_command(
        importlib.import_module(f"{where}.__main__" if has_main else where).app
    )
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
        name = f"{name} {command.name}"
    if arguments != ["--help"]:
        command.make_context(command.name, list(arguments), ignore_unknown_options=False)
    return name


def config(words: list[str]) -> None:
    """Check that `pulumi config set` and `rm` name a setting that exists."""
    known = project.read(PROJECT)["config"]
    options = {"--stack", "--type"}
    given = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not word.startswith("--") and before not in options
    ]
    assert given[0] in ("set", "rm", "get")
    key = re.split(r"[.\[]", given[1].removeprefix("mesh:"), maxsplit=1)[0]
    assert key in known or key == "KEY", f"there is no setting {key}"
