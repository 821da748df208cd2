"""The picture as PNG, twice as large as the SVG, so that it is sharp on every screen."""

import resvg_py

from console import UserError

ZOOM = 2
SAMPLE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" font-family="{font}">'
    '<text y="16">{text}</text></svg>'
)


class FontError(UserError):
    """No font is installed, so that all texts would be missing."""


def draw(svg: str, font: str) -> bytes:
    """Return an SVG as PNG; `font` is the list of families that it names."""
    texts = [resvg_py.svg_to_bytes(svg_string=SAMPLE.format(font=font, text=t)) for t in (" ", "M")]
    if texts[0] == texts[1]:
        raise FontError(
            "this machine has no font to draw a PNG with: install one, such as the package "
            "fonts-dejavu-core, or write an SVG: make topology OUT=mesh.svg"
        )
    return resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM)
