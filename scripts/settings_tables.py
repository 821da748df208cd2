"""Write the tables of settings and outputs into docs/, from Pulumi.yaml, the facts and __main__.py.

venv/bin/python -m scripts.settings_tables
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mesh import project
from mesh.project import PROJECT
from mesh.settings.facts import APP, APP_ONLY, EVERY_MODE, PLATFORM, Mode
from mesh.settings.schema import FACTS

MODES: Mapping[frozenset[Mode], str] = {
    EVERY_MODE: "every",
    PLATFORM: "platform",
    APP: "app",
    APP_ONLY: "app only",
}
"""What a stack must deploy to have the setting; a standalone stack deploys both."""
CONDITIONS: Mapping[str, str] = {
    "": "every",
    "control_planes is not None": "platform",
    "platform.cluster_contract is not None": "platform, with `clusterName`",
    "settings.mode == 'platform'": "platform only",
    "not settings.mode == 'platform'": "app",
}
"""Which stacks have an output, by the condition in __main__.py under which it is exported."""
EXPORT = re.compile(r"pulumi\.export\('(\w+)'")
OUTPUTS: Mapping[str, str] = {
    "context": "Kubeconfig context that the stack is deployed to",
    "istioVersion": "Istio release of the stack's own revision; of an app stack, its platform's",
    "istioNamespace": "Namespace of istiod",
    "namespaces": "Namespaces that the stack creates",
    "gatewayAddress": "IP or host name of the first ingress gateway; `none` without one",
    "releaseSource": "Where the release on disk comes from",
    "dashboards": "By add-on: the command that opens its dashboard",
    "gatewayAddresses": "By gateway: its IP or host name",
    "keptOnDestroy": "CRDs that a destroy leaves in the cluster",
    "clusterContract": "What the stacks of other clusters need of this one; its tokens are secret",
    "platformContract": "What app stacks need to use this platform; see `platformContract` above",
    "bookinfoUrl": "Address of Bookinfo's first page",
    "bookinfoNamespace": "Namespace of Bookinfo",
}
PAGE = re.compile(r"docs/([a-z0-9.-]+)\.md")
"""A page's name in a setting's description; in a page it is a link."""
MARK = "<!-- scripts/settings_tables.py: {} -->"


def settings() -> Iterator[str]:
    """Return the rows of all settings."""
    yield "| key | default | part | what it does |"
    yield "|---|---|---|---|"
    for key, setting in project.read(PROJECT)["config"].items():
        part = MODES[FACTS[key].modes]
        description = PAGE.sub(r"[\1](\1.md)", setting["description"]).replace("<", r"\<")
        yield f"| `{key}` | {_default(setting['default'])} | {part} | {description} |"


def outputs() -> Iterator[str]:
    """Return the rows of the outputs, in the order in which __main__.py exports them."""
    yield "| output | part | what it is |"
    yield "|---|---|---|"
    for name, condition in _exports(ast.parse(Path(PROJECT, "__main__.py").read_text()).body):
        yield f"| `{name}` | {CONDITIONS[condition]} | {OUTPUTS[name]} |"


def before_1_5() -> Iterator[str]:
    """Return the rows of the settings that Istio 1.0 to 1.4 doesn't have."""
    yield "| key | before 1.5 |"
    yield "|---|---|"
    for key, facts in FACTS.items():
        if facts.before_1_5:
            yield f"| `{key}` | {facts.before_1_5} |"


TABLES: Mapping[str, Mapping[str, Callable[[], Iterator[str]]]] = {
    "docs/settings.md": {"settings": settings, "outputs": outputs},
    "docs/istio-1.0.md": {"before 1.5": before_1_5},
}
"""By file: its tables, by the name in their marks, and what makes each."""


def with_tables(file: str) -> str:
    """Return the text of a file with its tables as they have to be."""
    text = Path(PROJECT, file).read_text()
    for name, rows in TABLES[file].items():
        begin, end = MARK.format(name), MARK.format(f"end of {name}")
        before, _, rest = text.partition(begin)
        table = "\n".join([begin, *rows(), end])
        text = before + table + rest.partition(end)[2]
    return text


def _exports(statements: list[ast.stmt], condition: str = "") -> Iterator[tuple[str, str]]:
    """Return each output of the program, and the condition under which it is exported."""
    for statement in statements:
        if isinstance(statement, ast.If):
            yield from _exports(statement.body, ast.unparse(statement.test))
            yield from _exports(statement.orelse, f"not {ast.unparse(statement.test)}")
        elif exported := EXPORT.match(ast.unparse(statement)):
            yield exported[1], condition


def _default(value: Any) -> str:
    """Write a default as `pulumi config set` takes it."""
    if value in ("", {}, []):
        return "unset"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    for name in TABLES:
        Path(PROJECT, name).write_text(with_tables(name))
