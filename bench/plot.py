"""A plot of a benchmark as SVG, readable on a light and on a dark page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pygal import XY, Config, HorizontalBar

from meshctl.timeline.chart import BLUE, ORANGE, config, write

COLOURS = (BLUE, ORANGE, "#3a9d6b", "#b5559b", "#8b6fd6")

Points = Sequence[tuple[float, float]]


def bars(file: Path, title: str, values: Mapping[str, Mapping[str, float]]) -> None:
    """Draw a group of bars for each entry: its values by name; a name that it lacks has no bar."""
    names = list(dict.fromkeys(name for found in values.values() for name in found))
    chart = HorizontalBar(_config(title, height=110 + 26 * sum(map(len, values.values()))))
    # Pygal draws the first one at the bottom.
    entries = list(values)[::-1]
    chart.x_labels = entries
    chart.print_values = True
    for name in names:
        chart.add(name, [values[entry].get(name) for entry in entries])
    write(chart, file)


def lines(file: Path, title: str, axis: str, values: Mapping[str, Points]) -> None:
    """Draw a line of points for each name over one axis, both axes from 0."""
    chart = XY(_config(title, height=320))
    chart.x_title = axis
    chart.x_labels = sorted({x for points in values.values() for x, _ in points})
    chart.range = (0, 1.1 * max(y for points in values.values() for _, y in points))
    chart.xrange = (0, 1.02 * max(x for points in values.values() for x, _ in points))
    for name, points in values.items():
        chart.add(name, list(points))
    write(chart, file)


def _config(title: str, height: int) -> Config:
    return config(
        title,
        height,
        letters=13,
        colours=COLOURS,
        values="#fff",
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        value_formatter=lambda value: f"{value:g}",
    )
