"""Charts of a dataset: bars and histograms, drawn with matplotlib without a screen.

Matplotlib is imported when the first page is made, and no state of its own is touched:
a page is a figure with a canvas of pixels.

Shapes: H W an image, N values.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.drawing.colors import Color
from mrcnn.geometry.arrays import Array

# Matplotlib's own classes, which are not imported for their names alone.
Axes = Any
Figure = Any

BLUE, ORANGE, GREY = "#3572b0", "#e07b28", "#777777"

# Characters of a name that fit beside a bar.
_LONGEST_NAME = 22


def new_page(width: float, height: float) -> Figure:
    """An empty page, sides in inches of 100 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as MatplotlibFigure

    figure = MatplotlibFigure(figsize=(width, height), dpi=100)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    FigureCanvasAgg(figure)
    return figure


def draw_counts(axes: Axes, counts: Mapping[str, int], *, max_bars: int = 14) -> None:
    """Bars by name, longest first; what finds no place is summed up in the last."""
    by_count = sorted(counts.items(), key=lambda item: -item[1])
    shown, rest = by_count[:max_bars], by_count[max_bars:]
    if rest:
        shown.append((f"{len(rest)} more", sum(count for _, count in rest)))
    places = np.arange(len(shown))
    values = [count for _, count in shown]
    colors = [BLUE] * min(len(by_count), max_bars) + [GREY] * bool(rest)
    bars = axes.barh(places, values, color=colors)
    axes.bar_label(bars, padding=3, fontsize=9)
    axes.set_yticks(places, [plain_text(name) for name, _ in shown], fontsize=9)
    # A few bars keep to the thickness of many.
    axes.set_ylim(max(len(shown), 6) - 0.4, -0.6)
    axes.set_xlim(0, max([*values, 1]) * 1.12)
    _finish(axes, "instances")


def draw_histogram(axes: Axes, values: Array, marks: Sequence[float]) -> None:
    """A histogram over octaves, with dashed lines at some values.

    Args:
        axes: to draw on
        values: [N] above zero
        marks: where the lines stand
    """
    values = np.asarray(values, "float64")
    values = values[values > 0]
    everything = np.concatenate([values, np.asarray(marks, "float64")])
    low, high = np.log2(everything.min()) - 0.3, np.log2(everything.max()) + 0.3
    axes.set_xscale("log", base=2)
    axes.hist(values, bins=2 ** np.linspace(low, high, 41), color=BLUE)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, top * 1.15)
    for height, mark in zip(_staggered(marks, low, high), sorted(marks), strict=True):
        axes.axvline(mark, color=ORANGE, linestyle="--", linewidth=1.2)
        axes.text(
            mark,
            top * height,
            f"{mark:g}",
            color=ORANGE,
            ha="center",
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    axes.set_xlim(2**low, 2**high)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_ylabel("instances")
    _finish(axes, None)


def draw_shares(
    axes: Axes,
    names: Sequence[str],
    counts: Sequence[int],
    shares: Mapping[str, Sequence[float]],
) -> None:
    """Groups of bars from 0 to 100 %, the count of each group under its name."""
    places = np.arange(len(names))
    width = 0.8 / max(len(shares), 1)
    for index, (label, values) in enumerate(shares.items()):
        shift = (index - (len(shares) - 1) / 2) * width
        color = [BLUE, ORANGE, GREY][index % 3]
        bars = axes.bar(places + shift, values, width * 0.95, label=label, color=color)
        percents = [f"{value:.0%}" for value in values]
        axes.bar_label(bars, percents, padding=2, fontsize=8)
    labels = [f"{name}\n{count}" for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(places, labels, fontsize=9)
    axes.set_xlim(-0.6, max(len(names), 4) - 0.4)
    axes.set_ylim(0, 1.3)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.legend(loc="upper right", ncols=len(shares), frameon=False, fontsize=9)
    _finish(axes, None)


def plain_text(text: str, longest: int = _LONGEST_NAME) -> str:
    """Text that matplotlib draws as it stands, cut where it is too long."""
    text = " ".join(str(text).split())
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return text.replace("$", r"\$")


def readable_on(color: Color) -> str:
    """Black on light colours, white on dark ones."""
    # Shares of red, green and blue in brightness (ITU-R BT.601).
    red, green, blue = color
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "white"


def _staggered(marks: Sequence[float], low: float, high: float) -> list[float]:
    """Heights for labels of marks, rising and falling so that neighbours keep apart."""
    heights: list[float] = []
    ordered = np.log2(sorted(marks))
    for index, mark in enumerate(ordered):
        is_close = index and mark - ordered[index - 1] < (high - low) / 16
        lower = heights[-1] == 1.07 if heights else False
        heights.append(0.97 if is_close and lower else 1.07)
    return heights


def _finish(axes: Axes, label: str | None) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    if label is not None:
        axes.set_xlabel(label)
