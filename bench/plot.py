"""A plot as SVG: small panels of points, one above the other, over one axis."""

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, MARGIN, GAP = 640, 150, 60, 40
STYLE = (
    "text{font:12px sans-serif;fill:#555}circle{fill:#3366aa;fill-opacity:.7}"
    "line{stroke:#bbb}svg{background:#fff}"
)

Points = Sequence[tuple[float, float]]


def draw(axis: str, panels: Mapping[str, Points]) -> str:
    """Draw each panel from 0 to its greatest value, under its title."""
    whole = len(panels) * (HEIGHT + GAP) + GAP
    furthest = max((x for points in panels.values() for x, _ in points), default=0) or 1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}">',
        f"<style>{STYLE}</style>",
    ]
    for index, (title, points) in enumerate(panels.items()):
        parts += _panel(title, points, index * (HEIGHT + GAP) + GAP, furthest)
    parts.append(f'<text x="{WIDTH / 2}" y="{whole - 6}" text-anchor="middle">{axis}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(title: str, points: Points, top: float, furthest: float) -> list[str]:
    bottom, right = top + HEIGHT, WIDTH - MARGIN / 2
    most = max((y for _, y in points), default=0) or 1
    parts = [
        f'<text x="{MARGIN}" y="{top - 10}">{title}</text>',
        f'<line x1="{MARGIN}" y1="{bottom}" x2="{right}" y2="{bottom}"/>',
        f'<line x1="{MARGIN}" y1="{top}" x2="{MARGIN}" y2="{bottom}"/>',
        f'<text x="{MARGIN - 6}" y="{top + 8}" text-anchor="end">{most:.0f}</text>',
        f'<text x="{MARGIN - 6}" y="{bottom}" text-anchor="end">0</text>',
    ]
    marks = sorted({x for x, _ in points})
    at = {x: MARGIN + 12 + x / furthest * (right - MARGIN - 24) for x in marks}
    parts += [
        f'<text x="{at[x]:.1f}" y="{bottom + 16}" text-anchor="middle">{x:g}</text>' for x in marks
    ]
    parts += [
        f'<circle cx="{at[x]:.1f}" cy="{bottom - y / most * HEIGHT:.1f}" r="4"/>' for x, y in points
    ]
    return parts
