"""The drawing of a timeline as SVG, readable on a light and on a dark page."""

from pathlib import Path

from pygal import HorizontalStackedBar

from meshctl.timeline.chain import Bar, Timeline
from meshctl.timeline.chart import BLUE, GREY, ORANGE, WIDTH, config, write

NONE = "transparent"
COLOURS = (NONE, NONE, ORANGE, BLUE, NONE)
"""The colours of a row's parts: the time before, the text before, two kinds of bars, the text."""
CSS = (
    ".text-overlay .serie-1 text{text-anchor:end !important}"
    ".text-overlay .serie-4 text{text-anchor:start !important}"
)
SHORT = {"CustomResourceDefinition": "CRD", "WebhookConfiguration": "Webhook"}
SIZE = 11  # pixels of the text
LETTER = 0.6 * SIZE  # the width of one, as pygal estimates it
DENSE = 0.55 * SIZE  # the width of one, as browsers draw it
SPACE = "\u00a0"  # a plain one is lost at the ends of a text
ROW = 18
LABEL = 48  # letters of an object's name at most


def draw(file: Path, timeline: Timeline) -> None:
    """Draw a bar for each object, its longest chain in another colour."""
    record, chain, whole = timeline.record, timeline.chain, timeline.record.seconds
    bars = timeline.bars[::-1]  # pygal draws the first one at the bottom
    title = f"{record.command} of stack {record.stack}: {whole:.0f} s; orange: the longest chain"
    chart = HorizontalStackedBar(
        config(
            title,
            120 + ROW * len(bars),
            letters=SIZE,
            colours=COLOURS,
            values=GREY,
            css=("file://style.css", "file://graph.css", f"inline:{CSS}"),
            js=(),
            show_legend=False,
            print_labels=True,
            spacing=2,
            value_formatter=lambda value: f"{value:g} s",
        )
    )
    chart.x_labels = [_shortened(_name(bar), LABEL) for bar in bars]
    chart.range = (0, whole)
    late = {bar.step.urn for bar in bars if bar.begun > whole - bar.ended}
    chart.add(None, [bar.begun for bar in bars])
    chart.add(None, [_text(bar, whole) if bar.step.urn in late else None for bar in bars])
    chart.add("on the longest chain", [bar.seconds if bar in chain else None for bar in bars])
    chart.add("others", [None if bar in chain else bar.seconds for bar in bars])
    chart.add(None, [None if bar.step.urn in late else _text(bar, whole) for bar in bars])
    write(chart, file)


def _text(bar: Bar, whole: float) -> dict[str, object]:
    """Return a part of no width that holds the text, which fits into the wider side of the bar."""
    room = max(bar.begun, whole - bar.ended) / whole * (WIDTH - (LABEL + 6) * LETTER) / DENSE
    after = f", after {_name(bar.after)}" if bar.after else ""
    text = f"{bar.seconds:.1f} s{after}"
    return {"value": 0, "label": f"{SPACE}{_shortened(text, int(room) - 2)}{SPACE}"}


def _name(bar: Bar) -> str:
    name = bar.name
    for long, short in SHORT.items():
        name = name.replace(long, short, 1)
    return name


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(letters - 1, 0)]}…"
