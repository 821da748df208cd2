"""Write the messages of the program into docs/troubleshooting.md, below the paragraphs about them.

venv/bin/python -m scripts.troubleshooting
"""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache

from mesh.project import PROJECT

PAGE = PROJECT / "docs" / "troubleshooting.md"
FILES = (
    *("mesh/**/*.py", "components/*.py", "layers/*.py", "meshctl/**/*.py", "sandbox/*.py"),
    *("sandbox/dataplane/*.py", "policy/rendered.py"),
)
"""Files whose messages people see; the sandbox's keeper writes into a log only."""
NO_ERRORS = frozenset(
    (
        "meshctl/commands/review_comment.py",
        "meshctl/pull_request/changes.py",
        "meshctl/pull_request/comment.py",
        "meshctl/pull_request/markdown.py",
        "meshctl/report/page.py",
        "meshctl/report/sentences.py",
        "meshctl/report/write.py",
        "meshctl/timeline/chain.py",
        "meshctl/timeline/drawing.py",
        "meshctl/topology/cards.py",
        "meshctl/topology/legend.py",
        "meshctl/topology/mermaid.py",
        "meshctl/topology/palette.py",
        "meshctl/topology/routes.py",
        "meshctl/topology/svg.py",
        "meshctl/update/live_table.py",
        "meshctl/update/view.py",
        "sandbox/openapi.py",
    )
)
"""Files whose texts are no errors, warnings or findings."""
SAID_WHILE_ALL_IS_WELL = re.compile(r"typer\.|console\.(say|done|alive|progress)|re\.compile")
"""Functions whose texts are help, progress or patterns."""
LEAST_WORDS = 3  # a shorter text is a name, a command or a part of a message
NO_SENTENCE = re.compile(r"\s*([{(<^\\]|kubectl |pulumi |pip |// )")
END = "<!-- scripts/troubleshooting.py: end -->"
MARK = re.compile(
    rf"<!-- scripts/troubleshooting\.py: ([^>]+) -->\n(?:(?:- .*|Messages:)?\n)*{END}"
)
"""A list of messages in the page; its first line names the files and folders that print them."""


def files() -> Iterator[str]:
    """Return the files of the program that print errors, warnings or findings."""
    found = {file for pattern in FILES for file in PROJECT.glob(pattern)}
    names = sorted(str(file.relative_to(PROJECT)) for file in found)
    return (name for name in names if name not in NO_ERRORS and messages(name))


@cache
def messages(file: str) -> tuple[str, ...]:
    """Return the texts of a file, each once, with … in place of values."""
    tree = ast.parse((PROJECT / file).read_text())
    errors = {_text(said) for node in ast.walk(tree) for said in _said(node)}
    found = [text for text in _texts(tree) if text in errors or _is_sentence(text)]
    lines = (re.sub(r"\s+", " ", text).strip(" ,;") for text in found)
    return tuple(dict.fromkeys(line for line in lines if re.search("[A-Za-z]", line)))


def explained() -> dict[str, list[str]]:
    """Return, by the first line of each list in the page, the files whose messages are there."""
    lists: dict[str, list[str]] = {found[1]: [] for found in MARK.finditer(PAGE.read_text())}
    for file in files():
        # A list that names a file goes before one that names its folder.
        owners = {place: each for each in lists for place in each.split(", ")}
        nearest = max((place for place in owners if file.startswith(place)), key=len, default=None)
        if nearest is not None:
            lists[owners[nearest]].append(file)
    return lists


def unexplained() -> set[str]:
    """Return the files whose messages no paragraph is about."""
    return set(files()).difference(*explained().values())


def with_messages() -> str:
    """Return the text of the page with its lists as they have to be."""
    lists = explained()

    def rewrite(found: re.Match[str]) -> str:
        lines = dict.fromkeys(text for file in lists[found[1]] for text in messages(file))
        return "\n".join(
            [
                f"<!-- scripts/troubleshooting.py: {found[1]} -->",
                *("", "Messages:", ""),
                *(f"- {_code(line)}" for line in lines),
                "",
                END,
            ]
        )

    return MARK.sub(rewrite, PAGE.read_text())


def _said(node: ast.AST) -> Sequence[ast.AST]:
    """Return what is surely said, also if it is short: an error's text, a line of a refusal."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return node.exc.args
    if isinstance(node, ast.Yield) and node.value is not None:
        return [node.value]
    return ()


def _texts(node: ast.AST) -> Iterator[str]:
    """Return the texts in a piece of code, but no docstrings."""
    if (text := _text(node)) is not None:
        yield text
        return
    if isinstance(node, ast.Call) and SAID_WHILE_ALL_IS_WELL.match(ast.unparse(node.func)):
        return
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not is_docstring:
            yield from _texts(child)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is right is None else (left or "…") + (right or "…")
    return None


def _is_sentence(text: str) -> bool:
    words = re.findall(r"(?<!\S)[A-Za-z][a-z']*[,.:;]?(?!\S)", text)
    return len(words) >= LEAST_WORDS and not NO_SENTENCE.match(text)


def _code(text: str) -> str:
    """Write a text as code in Markdown, also one with backticks in it."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(with_messages())
