"""The comment on previews, as Markdown: what would change, the most dangerous first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshctl.pull_request import markdown
from meshctl.pull_request.changes import OPERATIONS, Change, Preview
from meshctl.topology import mermaid
from meshctl.topology.picture import Picture

MARKER = "<!-- mesh: preview of a pull request -->"
"""The comment's first line, by which a later preview finds the comment."""
LIMIT = 65_000  # bytes; GitHub takes 65,536 characters
RESERVED = 400  # bytes of a stack's share, for the line that says what was cut
LINES = 60  # of one object's diff in the comment
FEW = 5  # diffs that are shown unfolded
SHARED = "⚠️ CRDs, webhooks, namespaces and providers: deleted or replaced"
TITLES = {"delete": "Deleted", "replace": "Replaced", "update": "Updated", "create": "Created"}
LABELS = "Only version labels"


@dataclass(frozen=True)
class Piece:
    """A part of the comment that is shown completely or not at all."""

    text: str
    changes: int = 0
    is_extra: bool = False
    """Whether it is left out first, when not everything fits."""

    @property
    def size(self) -> int:
        """The number of bytes of the text and the empty line after it."""
        return len(self.text.encode()) + 2


def comment(previews: Sequence[Preview], *, full_text: str = "the full text") -> str:
    """Return the comment, of at most LIMIT bytes; `full_text` names where the rest is."""
    parts = [MARKER] if previews else [MARKER, "No stack that has its own cluster is affected."]
    left = LIMIT - len(MARKER)
    for i, preview in enumerate(previews):
        share = left // (len(previews) - i)
        part = _fitted(list(_pieces(preview, most=LINES)), share, full_text)
        left -= len(part.encode()) + 2
        parts.append(part)
    return "\n\n".join(parts) + "\n"


def full(previews: Sequence[Preview]) -> str:
    """Return the full text of the comment."""
    return "\n\n".join(piece.text for each in previews for piece in _pieces(each)) + "\n"


def _fitted(pieces: list[Piece], size: int, full_text: str) -> str:
    """Join the pieces that fit, in order, and add the number of changes that don't."""
    if sum(piece.size for piece in pieces) > size:
        pieces = [piece for piece in pieces if not piece.is_extra]
    shown = []
    left = size if sum(piece.size for piece in pieces) <= size else size - RESERVED
    for piece in pieces:
        if piece.size > left:
            break
        left -= piece.size
        shown.append(piece)
    cut = sum(piece.changes for piece in pieces[len(shown) :])
    rest = [f"**{cut} more** are in {full_text}."] if cut else []
    return "\n\n".join([*(piece.text for piece in shown), *rest])


def _pieces(preview: Preview, *, most: int | None = None) -> Iterator[Piece]:
    yield Piece(f"## Preview of stack {markdown.code(preview.stack)}")
    if preview.errors:
        yield Piece("**The preview failed**, so the changes below may be incomplete.")
        for error in preview.errors:
            yield Piece(markdown.block(error.splitlines(), most=most))
    if preview.changes or not preview.errors:
        yield Piece(_summary(preview))
    if preview.pictures and preview.pictures[0] != preview.pictures[1]:
        yield Piece(_picture(*preview.pictures), is_extra=True)
    sections: dict[str, list[Change]] = {title: [] for title in (SHARED, *TITLES.values(), LABELS)}
    for change in preview.changes:
        sections[_title(change)].append(change)
    labels = sections.pop(LABELS)
    for title, changes in sections.items():
        yield from _section(title, changes, most=most)
    if labels:
        yield Piece(_version_labels(labels), len(labels))
    for warning in preview.warnings:
        yield Piece(markdown.block(warning.splitlines(), most=most))


def _title(change: Change) -> str:
    if change.is_dangerous:
        return SHARED
    if change.operation == "update" and change.is_version_labels_only:
        return LABELS
    return TITLES[change.operation]


def _summary(preview: Preview) -> str:
    counts = [
        f"**{count} to {operation}**"
        for operation in OPERATIONS
        if (count := sum(change.operation == operation for change in preview.changes))
    ]
    if not counts:
        return f"No changes: {preview.unchanged} resources are up to date."
    return f"{', '.join(counts)}; {preview.unchanged} unchanged."


def _picture(before: Picture, after: Picture) -> str:
    """Return the mesh before and after, as a picture that GitHub and GitLab draw."""
    drawn = mermaid.draw(before, after).splitlines()
    return f"### Topology\n\n{markdown.block(drawn, 'mermaid')}\n\n{mermaid.LEGEND}"


def _section(title: str, changes: list[Change], *, most: int | None) -> Iterator[Piece]:
    if not changes:
        return
    yield Piece(f"### {title} ({len(changes)})")
    told = [change for change in changes if change.differences]
    for change in changes:
        if not change.differences:
            yield Piece(f"- {_named(change)}{_fate(change)}", 1)
    for change in told:
        yield Piece(_details(change, most=most, unfolded=len(told) <= FEW), 1)


def _named(change: Change) -> str:
    return markdown.code(f"{change.kind} {change.name}")


def _fate(change: Change) -> str:
    """Return what happens to an object, where the section's title doesn't say it."""
    if change.is_kept:
        return ": removed from the stack's state, kept in the cluster"
    return f": {change.operation}d" if change.is_dangerous else ""


def _details(change: Change, *, most: int | None, unfolded: bool) -> str:
    """Return the diff of a change; version labels are only counted."""
    lines = [
        line for each in change.differences if not each.is_version_label for line in each.lines
    ]
    if labels := sum(each.is_version_label for each in change.differences):
        lines.append(f"  {labels} version labels")
    summary = markdown.html_code(f"{change.kind} {change.name}") + _fate(change)
    if change.reasons:
        summary += f", because of {markdown.html_code(', '.join(change.reasons))}"
    return "\n".join(
        [
            f"<details{' open' if unfolded else ''}><summary>{summary}</summary>",
            "",
            markdown.block(lines, "diff", most=most),
            "",
            "</details>",
        ]
    )


def _version_labels(changes: list[Change]) -> str:
    """Return one line with the number of objects in which only version labels change."""
    restarted = [c for c in changes if any(each.is_in_pods for each in c.differences)]
    count = f"{len(changes)} object{'s' if len(changes) > 1 else ''}: only version labels"
    if not restarted:
        return f"{count}."
    return f"{count}; pods are recreated of {', '.join(_named(change) for change in restarted)}."
