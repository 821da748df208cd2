"""A chart by pygal that is readable on a light and on a dark page, of a timeline or a benchmark."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pygal import Config
from pygal.graph.base import BaseGraph
from pygal.style import Style

BLUE, ORANGE, GREY, PALE = "#3f7fd4", "#d9822b", "#768390", "#7683904d"
WIDTH = 830


def config(
    title: str, height: int, *, letters: int, colours: Sequence[str], values: str, **options: Any
) -> Config:
    """Return the configuration of a chart.

    `letters` is the height of its texts in pixels, `values` the colour of the texts at the bars.
    """
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=GREY,
        foreground_strong=GREY,
        foreground_subtle=GREY,
        colors=colours,
        value_colors=(values,) * len(colours),
        font_family="sans-serif",
        title_font_size=16,
        label_font_size=letters,
        major_label_font_size=letters,
        legend_font_size=letters,
        value_font_size=11,
        value_label_font_size=letters,
        opacity=1,
        guide_stroke_color=PALE,
        major_guide_stroke_color=PALE,
    )
    return Config(
        title=title,
        width=WIDTH,
        height=height,
        style=style,
        show_y_guides=True,
        disable_xml_declaration=True,
        **options,
    )


def write(chart: BaseGraph, file: Path) -> None:
    """Draw a chart into a file, without pygal's script and its data: GitHub's pages run none."""
    chart.add_xml_filter(_without_script)
    chart.render_to_file(str(file))


def _without_script(root: Any) -> Any:
    for parent in list(root.iter()):
        for name in ("script", "desc"):
            for each in parent.findall(name):
                parent.remove(each)
    return root
