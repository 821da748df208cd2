"""Links between pages: each leads to a page and a heading that exist."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mesh.project import PROJECT
from tests.unit.docs import pages

MENTION = re.compile(r"\bdocs/[\w./-]+\.(?:md|yml|svg)\b")


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_a_pages_links_lead_somewhere(page: Path) -> None:
    """The file exists, and has the heading; other hosts aren't asked."""
    for link in pages.links(page):
        url = urlsplit(link)
        if url.scheme or url.netloc:
            continue
        file = (page.parent / unquote(url.path)).resolve() if url.path else page
        assert file.exists(), f"{link}: there is no {file}"
        if url.fragment:
            assert url.fragment in pages.anchors(file), link


def test_every_page_that_something_names_exists() -> None:
    """Messages, settings, examples and comments name pages, such as docs/https.md."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    texts = [file for file in tracked if Path(file).suffix in (".md", ".py", ".yaml", ".yml")]
    own = {pages.name(Path(__file__)), "CHANGELOG.md"}  # a changelog tells of pages that were
    missing = {
        (file, mention)
        for file in texts
        if file not in own and (PROJECT / file).is_file()
        for mention in MENTION.findall((PROJECT / file).read_text())
        if not (PROJECT / mention).exists()
    }

    assert not missing


def test_every_page_is_listed_among_the_tasks() -> None:
    """Nobody finds a page that docs/README.md doesn't list."""
    index = pages.FOLDER / "README.md"
    listed = {link.partition("#")[0] for link in pages.links(index)}

    assert {page.name for page in pages.FOLDER.glob("*.md")} - {index.name} <= listed
