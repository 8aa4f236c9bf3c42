"""A quantity over two axes as filled contours: shared by scans and maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LogNorm, Normalize
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.figures.style import INK, axes_for, figure_of

__all__ = ["draw_field", "draw_lines", "set_scale", "short_number"]

EDGE = 0.03
"""Share of the axes along their edges that holds no number of a line."""

LETTER, WIDTH = 7.5, 0.65
"""Size in points of the numbers of lines, and how wide a digit is in that size."""


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
    places = _places(axes, [short_number(level) for level in within], lines.allsegs)
    for text in axes.clabel(lines, fmt=short_number, fontsize=LETTER, manual=places) if places else ():
        text.set_path_effects([patheffects.withStroke(linewidth=2, foreground=f"{INK}a0")])
    return axes


def _places(axes: Axes, numbers: Sequence[str], lines: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Where the number of each line goes: as near to the middle of it as it touches no other and no edge.

    A line too short or too near to others has none; the bar beside the axes tells its value.
    """
    point = figure_of(axes).dpi / 72  # in pixels
    edges = axes.transAxes.transform([(EDGE, EDGE), (1 - EDGE, 1 - EDGE)])
    found, taken = [], np.empty((0, 2))
    for number, parts in zip(numbers, lines, strict=True):
        half = 0.5 * WIDTH * LETTER * len(number) * point
        along, apart = np.linspace(-half, half, 2 * len(number) + 1), 1.6 * LETTER * point
        for place, direction in _candidates(axes, parts, 2 * half):
            covered = place + along[:, None] * direction
            inside = (covered > edges[0]).all() and (covered < edges[1]).all()
            if inside and (np.linalg.norm(covered[:, None] - taken, axis=2) > apart).all():
                taken = np.concatenate([taken, covered])
                found.append(axes.transData.inverted().transform(place))
                break
    return found


def _candidates(
    axes: Axes, parts: Sequence[np.ndarray], least: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Points of a line in pixels with its direction there: of its longest part, from the middle outwards."""
    drawn = [axes.transData.transform(part) for part in parts if len(part) > 1]
    lengths = [np.append(0, np.cumsum(np.linalg.norm(np.diff(part, axis=0), axis=1))) for part in drawn]
    for place in sorted(range(len(drawn)), key=lambda i: -lengths[i][-1]):
        far, part = lengths[place], drawn[place]
        if far[-1] < least:
            return
        at = np.linspace(0, far[-1], 101)
        for middle in at[np.argsort(np.abs(at - far[-1] / 2), kind="stable")]:
            ends = [np.array([np.interp(x, far, part[:, k]) for k in (0, 1)])
                    for x in (middle - least / 2, middle, middle + least / 2)]  # fmt: skip
            chord = ends[2] - ends[0]
            if np.linalg.norm(chord) > 0.8 * least:  # straight enough there, and not at an end
                yield ends[1], chord / np.linalg.norm(chord)


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
