"""One look for all figures: colours that hold in print, on light and on dark, and for colour-blind readers.

Promise: a figure is drawn with matplotlib's object interface only, so drawing leaves no global state. What
draws takes the axes to draw on, or makes a figure of its own, and returns them. In an SVG for a page, text
and axes take the colour of the page's text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from harness.errors import InputError
from harness.figures.compact import compact_svg
from harness.files import write_whole

__all__ = [
    "COLOURS",
    "DASHES",
    "DRAWS",
    "INK",
    "LETTERS",
    "SomeAxes",
    "Style",
    "axes_for",
    "dress",
    "figure_of",
    "given_axes",
    "legend_of_all",
    "legend_outside",
    "new_figure",
    "svg",
    "write_figure",
]

Style = dict[str, Any]
"""Options of matplotlib that several calls share."""

SomeAxes = Sequence[Axes] | np.ndarray
"""Several axes in order, as a list or as ``pyplot.subplots`` returns them, row by row."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)), (0, (10, 3)), (0, (1, 1)))
INK, BLACK = "#1f2328", "#000000"
LETTERS = 12
"""Size of labels that are read from the back of a room, at the width of a slide."""
DRAWS: Style = {"color": INK, "linewidth": 5, "alpha": 0.35, "zorder": 3}
"""A line over what draws of the parameters make of a number, beside its own interval."""

OUTSIDE: dict[str, Style] = {
    "beside": {"loc": "upper left", "bbox_to_anchor": (1, 1), "borderaxespad": 0},
    "above": {"loc": "lower left", "bbox_to_anchor": (0, 1)},
    "below": {"loc": "upper left", "bbox_to_anchor": (0, -0.17), "borderaxespad": 0},
}
"""Places of a legend that hide no data: above only where no title stands."""

PIXELS_PER_INCH = 112


def new_figure(
    columns: int, width: float = 4.4, height: float = 3.3, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure with rows of axes, each `width` by `height` inches, and its axes, row by row."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(columns * rows)]
    for each in axes:
        dress(each)
    return figure, axes


def axes_for(
    given: SomeAxes | None, count: int, width: float = 4.4, height: float = 3.3, across: int | None = None
) -> list[Axes]:
    """So many axes to draw on: those given, or those of a new figure, in rows of `across`."""
    if given is not None:
        return given_axes(given, count)
    columns = max(min(count, across or count), 1)
    _, axes = new_figure(columns, width, height, rows=-(-count // columns))
    for spare in axes[count:]:
        spare.set_axis_off()
    return axes[:count]


def given_axes(given: SomeAxes, count: int) -> list[Axes]:
    """The axes that were given, of which there must be so many.

    Raises
    ------
    InputError
        When there are more or fewer.
    """
    axes = list(np.ravel(np.asarray(given, object)))
    if len(axes) != count:
        raise InputError(f"axes: {count} are needed to draw on, not {len(axes)}")
    return axes


def figure_of(axes: Axes | SomeAxes) -> Figure:
    """The figure that axes stand in, of whatever part of it."""
    first = np.ravel(np.asarray(axes, object))[0]
    return first.figure.figure


def legend_outside(
    axes: Axes,
    where: Literal["beside", "above", "below"],
    of: Axes | None = None,
    size: float = 8,
    **look: Any,
) -> Legend:
    """What the lines of some axes are, or those `of` others, outside of the axes, where it hides no data.

    `look` are further options of matplotlib's legend: columns, a title, an order.
    """
    lines, labels = (of or axes).get_legend_handles_labels()
    look |= {"fontsize": size, "title_fontsize": size, "frameon": False, "labelcolor": INK}
    return axes.legend(lines, labels, handlelength=2.8, **OUTSIDE[where], **look)


def legend_of_all(axes: list[Axes], given: SomeAxes | None, loc: str, ncols: int, size: float = 8) -> Legend:
    """What the lines of the first axes are: outside of all in a figure of our own, else beside the last.

    In `ncols` columns, or as many as the figure is wide enough for.
    """
    if given is not None:
        return legend_outside(axes[-1], "beside", axes[0], size)
    lines, labels = axes[0].get_legend_handles_labels()
    column = (0.55 * max(map(len, labels), default=0) + 5) * size / 72  # inches: words and their line
    ncols = max(1, min(ncols, int(figure_of(axes).get_figwidth() / column)))
    look: Style = {"loc": loc, "ncols": ncols, "fontsize": size, "frameon": False, "labelcolor": INK}
    return figure_of(axes).legend(lines, labels, **look)


def dress(axes: Axes, size: float = 9) -> None:
    """Ink, spines and ticks of one set of axes."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
    axes.tick_params(colors=INK, labelsize=size - 1)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(INK)
        text.set_fontsize(size)
    axes.patch.set_alpha(0)


def svg(axes: Axes | SomeAxes, description: str) -> str:
    """The figure of some axes as an inline SVG element with a text alternative, the same bytes every time."""
    import matplotlib

    figure = figure_of(axes)
    for words in figure.findobj(Text):
        if to_hex(words.get_color()) == BLACK:  # which matplotlib does not write down
            words.set_color(INK)
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "cart-pkpd"}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = compact_svg(text[text.index("<svg") :])
    text = re.sub(f"{INK}|{BLACK}", "currentColor", text)
    text = re.sub(r"(<g id=\"patch_1\">.*?fill: )#ffffff", r"\1none", text, count=1, flags=re.DOTALL)
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    # As wide as the page, up to a size at which its letters are those of the text.
    largest = (
        f' style="--natural: {figure.get_figwidth() * PIXELS_PER_INCH:.0f}px; max-width: var(--natural)"'
    )
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', largest, text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def write_figure(axes: Axes | SomeAxes, path: Path) -> None:
    """Write the figure of some axes to a file, whole or not at all, the format taken from the suffix."""
    write_whole(path, lambda p: figure_of(axes).savefig(p, dpi=160))
