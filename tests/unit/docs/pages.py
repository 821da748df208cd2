"""The pages that people read, parsed as Markdown."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from mesh.project import PROJECT

FOLDER = PROJECT / "docs"
PAGES = (
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(FOLDER.glob("*.md")),
    *sorted(FOLDER.glob("decisions/*.md")),
)


def name(page: Path) -> str:
    """Return a page's path in the repository."""
    return str(page.relative_to(PROJECT))


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """Parse a page, once."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text()))


def code_blocks(page: Path) -> Iterator[str]:
    """Return the text of each code block."""
    for token in tokens(page):
        if token.type in ("code_block", "fence"):
            yield token.content


def code_spans(page: Path) -> Iterator[str]:
    """Return each piece of code inside a sentence or a table."""
    for token in tokens(page):
        yield from (each.content for each in token.children or () if each.type == "code_inline")


def links(page: Path) -> Iterator[str]:
    """Return what links and pictures point to."""
    for token in tokens(page):
        for each in token.children or ():
            if target := each.attrGet("href") or each.attrGet("src"):
                yield str(target)


def anchors(page: Path) -> set[str]:
    """Return the names of the page's headings in links, as GitHub and the site make them."""
    parsed = tokens(page)
    titles = [
        "".join(child.content for child in parsed[index + 1].children or ())
        for index, token in enumerate(parsed)
        if token.type == "heading_open"
    ]
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}
