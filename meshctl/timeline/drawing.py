"""The drawing of a timeline as SVG, readable on a light and on a dark page."""

from pathlib import Path
from typing import Any

from pygal import Config, HorizontalStackedBar
from pygal.style import Style

from meshctl.timeline.chain import Bar, Timeline

GREY, PALE = "#768390", "#7683904d"
CHAIN, OTHERS, NONE = "#d9822b", "#3f7fd4", "transparent"
COLOURS = (NONE, NONE, CHAIN, OTHERS, NONE)
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
WIDTH, ROW = 830, 18
LABEL = 48  # letters of an object's name at most


def draw(file: Path, timeline: Timeline) -> None:
    """Draw a bar for each object, its longest chain in another colour."""
    record, chain, whole = timeline.record, timeline.chain, timeline.record.seconds
    bars = timeline.bars[::-1]  # pygal draws the first one at the bottom
    title = f"{record.command} of stack {record.stack}: {whole:.0f} s; orange: the longest chain"
    chart = HorizontalStackedBar(_config(title, height=120 + ROW * len(bars)))
    chart.x_labels = [_shortened(_name(bar), LABEL) for bar in bars]
    chart.range = (0, whole)
    late = {bar.step.urn for bar in bars if bar.begun > whole - bar.ended}
    chart.add(None, [bar.begun for bar in bars])
    chart.add(None, [_text(bar, whole) if bar.step.urn in late else None for bar in bars])
    chart.add("on the longest chain", [bar.seconds if bar in chain else None for bar in bars])
    chart.add("others", [None if bar in chain else bar.seconds for bar in bars])
    chart.add(None, [None if bar.step.urn in late else _text(bar, whole) for bar in bars])
    chart.add_xml_filter(without_script)
    chart.render_to_file(str(file))


def without_script(root: Any) -> Any:
    """Return the picture without pygal's script and its data: a page on GitHub runs none."""
    for parent in list(root.iter()):
        for name in ("script", "desc"):
            for each in parent.findall(name):
                parent.remove(each)
    return root


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


def _config(title: str, height: int) -> Config:
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=GREY,
        foreground_strong=GREY,
        foreground_subtle=GREY,
        colors=COLOURS,
        value_label_font_size=SIZE,
        value_colors=(GREY,) * len(COLOURS),
        font_family="sans-serif",
        title_font_size=16,
        label_font_size=SIZE,
        major_label_font_size=SIZE,
        opacity=1,
        guide_stroke_color=PALE,
        major_guide_stroke_color=PALE,
    )
    return Config(
        title=title,
        width=WIDTH,
        height=height,
        style=style,
        css=("file://style.css", "file://graph.css", f"inline:{CSS}"),
        js=(),
        show_legend=False,
        print_labels=True,
        show_y_guides=True,
        spacing=2,
        value_formatter=lambda value: f"{value:g} s",
        disable_xml_declaration=True,
    )
