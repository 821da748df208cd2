"""Write the tables of settings into docs/, from Pulumi.yaml and the settings' facts.

venv/bin/python -m scripts.settings_tables
"""

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
PAGE = re.compile(r"docs/([a-z0-9.-]+)\.md")
"""A page's name in a setting's description; in a page it is a link."""
MARK = "<!-- scripts/settings_tables.py: {} -->"


def settings() -> Iterator[str]:
    """Return the rows of all settings."""
    yield "| key | default | part | what it does |"
    yield "|---|---|---|---|"
    for key, setting in project.read(PROJECT)["config"].items():
        part = MODES[FACTS[key].modes]
        description = PAGE.sub(r"[\1](\1.md)", setting["description"])
        yield f"| `{key}` | {_default(setting['default'])} | {part} | {description} |"


def before_1_5() -> Iterator[str]:
    """Return the rows of the settings that Istio 1.0 to 1.4 doesn't have."""
    yield "| key | before 1.5 |"
    yield "|---|---|"
    for key, facts in FACTS.items():
        if facts.before_1_5:
            yield f"| `{key}` | {facts.before_1_5} |"


TABLES: Mapping[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "docs/settings.md": ("settings", settings),
    "docs/istio-1.0.md": ("before 1.5", before_1_5),
}
"""By file: the table's name in its marks, and what makes it."""


def with_table(file: str) -> str:
    """Return the text of a file with its table as it has to be."""
    name, rows = TABLES[file]
    begin, end = MARK.format(name), MARK.format(f"end of {name}")
    table = "\n".join([begin, *rows(), end])
    pattern = f"{re.escape(begin)}.*{re.escape(end)}"
    return re.sub(pattern, lambda _: table, Path(PROJECT, file).read_text(), flags=re.DOTALL)


def _default(value: Any) -> str:
    """Write a default as `pulumi config set` takes it."""
    if value in ("", {}, []):
        return "unset"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    for name in TABLES:
        Path(PROJECT, name).write_text(with_table(name))
