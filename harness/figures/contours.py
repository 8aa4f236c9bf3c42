"""A quantity over two axes as filled contours: shared by scans and maps."""

from __future__ import annotations

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LogNorm, Normalize
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.figures.style import INK, axes_for

__all__ = ["draw_field", "draw_lines", "set_scale", "short_number"]

EDGE = 0.03
"""Share of the axes along their edges that holds no number of a line."""


def draw_field(x: np.ndarray, y: np.ndarray, field: np.ndarray, ax: Axes | None = None) -> Axes:
    """Fill the contours of `field`, shape (y, x), blank where it is NaN, with a bar of their values."""
    axes = ax or axes_for(None, 1)[0]
    levels, norm = _levels(field)
    _fill(axes, (x, y, np.ma.masked_invalid(field)), levels, norm)
    return axes


def draw_lines(
    x: np.ndarray, y: np.ndarray, field: np.ndarray, levels: tuple[float, ...], ax: Axes | None = None
) -> Axes:
    """The same with lines at given levels, each with its number on it; one colour between two of them.

    The scales of the axes are to be set before, because the numbers are placed by them.
    """
    low, high = np.nanmin(field), np.nanmax(field)
    within = [level for level in levels if low < level < high]
    edges = np.unique([low, *within, high])
    if edges.size < 3:
        return draw_field(x, y, field, ax)
    axes = ax or axes_for(None, 1)[0]
    shown = np.ma.masked_invalid(field)
    _fill(axes, (x, y, shown), edges, BoundaryNorm(edges, 256, extend="neither"))
    lines = axes.contour(x, y, shown, levels=within, colors="white", linewidths=0.9)
    for text in axes.clabel(lines, fmt=short_number, fontsize=7.5):
        text.set_path_effects([patheffects.withStroke(linewidth=2, foreground=f"{INK}a0")])
        across, up = axes.transAxes.inverted().transform(axes.transData.transform(text.get_position()))
        text.set_visible(EDGE < across < 1 - EDGE and EDGE < up < 1 - EDGE)  # beyond, the edge would cut it
    return axes


def _fill(axes: Axes, surface: tuple, levels: np.ndarray, norm: Normalize) -> None:
    drawn = axes.contourf(*surface, levels=levels, norm=norm, cmap="viridis")
    bar = axes.figure.colorbar(drawn, ax=axes, format=FuncFormatter(short_number), spacing="uniform")
    bar.ax.tick_params(labelsize=8, colors=INK)


def set_scale(axes: Axes, side: str, values: np.ndarray) -> None:
    """Logarithmic where the values span more than a factor of five, with ticks at 1, 2 and 5."""
    if not (values[0] > 0 and values[-1] > 5 * values[0]):
        return
    getattr(axes, f"set_{side}scale")("log")
    axis = axes.xaxis if side == "x" else axes.yaxis
    decades = np.log10(values[-1] / values[0])
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
    axis.set_major_formatter(FuncFormatter(short_number))
    axis.set_minor_formatter(NullFormatter())


def short_number(value: float, _place: object = None) -> str:
    """A short number for a tick: 50, 0.2, 5e7."""
    digits = 4 if 99 < abs(value) < 100 else 3  # a fall of 99.99 % is not one of 100 %
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def _levels(field: np.ndarray) -> tuple[np.ndarray, Normalize]:
    """Contour levels, logarithmic where the values are positive and span more than a factor of thirty."""
    low, high = np.nanmin(field), np.nanmax(field)
    if low > 0 and high > 30 * low:
        return np.geomspace(low, high, 13), LogNorm(low, high)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 13), Normalize(low, high)
