"""Markdown code that untrusted text can't break out of: no mentions, no HTML, no links."""

import html
import re
import unicodedata

LONGEST = 300  # characters of a line, where lines are cut
CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""The categories of Unicode characters that change how the text next to them is displayed."""


def code(text: str) -> str:
    """Return a text as inline code: on one line, with invisible characters spelled out."""
    text = _visible(text.replace("\n", " "))
    fence = _longer_than_runs_in(text, 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text.strip() else "` `"


def html_code(text: str) -> str:
    """Return a text as inline code in HTML, where Markdown isn't read, such as in a summary."""
    return f"<code>{html.escape(_visible(text.replace(chr(10), ' ')))}</code>"


def block(lines: list[str], language: str = "", *, most: int | None = None) -> str:
    """Return lines as a code block; `most` limits their number, and then their length too."""
    shown = [_visible(line) for line in lines]
    if most is not None:
        cut = len(shown) - most
        shown = [line if len(line) <= LONGEST else f"{line[:LONGEST]}…" for line in shown[:most]]
        if cut > 0:
            shown.append(f"… {cut} more lines in the full text")
    fence = _longer_than_runs_in("\n".join(shown), 3)
    return "\n".join([f"{fence}{language}", *shown, fence])


def _visible(text: str) -> str:
    """Spell out characters that would hide or reverse the text next to them."""
    if text.isprintable():
        return text
    return "".join(
        f"\\u{ord(char):04x}" if unicodedata.category(char) in CONTROLS and char != "\t" else char
        for char in text
    )


def _longer_than_runs_in(text: str, least: int) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
