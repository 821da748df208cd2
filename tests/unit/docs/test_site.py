"""The site that `make docs` builds: where GitHub and its Markdown differ, and its menu."""

import re
import tomllib
from pathlib import Path

import pytest

from mesh.project import PROJECT
from tests.unit.docs import pages


def test_the_menu_has_every_page() -> None:
    """A page that the menu lacks is found by search only; decisions are for contributors."""
    nav = tomllib.loads((PROJECT / "zensical.toml").read_text())["project"]["nav"]
    listed = re.findall(r"'([\w./-]+\.md)'", str(nav))

    assert len(listed) == len(set(listed))
    assert set(listed) == {page.name for page in pages.FOLDER.glob("*.md")}


@pytest.mark.parametrize("page", [*pages.FOLDER.rglob("*.md")], ids=pages.name)
def test_a_list_looks_on_the_site_as_on_github(page: Path) -> None:
    """Write "1.  " with two spaces, indent what follows in the item by 4, and code by 8.

    GitHub takes fewer, and no blank line before a list; the site would end the list there.
    """
    lines = page.read_text().splitlines()
    inside = 0
    for token in pages.tokens(page):
        is_list = token.type in ("bullet_list_open", "ordered_list_open")
        if token.map and token.level == 0 and is_list:
            assert not lines[token.map[0] - 1].strip(), f"no blank line before {token.map}"
        if token.type == "list_item_open" and token.map:
            inside = token.map[0]
        elif token.map and token.level > 1 and token.map[0] != inside:
            line = lines[token.map[0]]
            indent = len(line) - len(line.lstrip())
            wanted = {"paragraph_open": 4, "code_block": 8}.get(token.type, indent)
            assert indent == wanted, f"line {token.map[0] + 1}: {line}"
