"""Pictures of a scan: a line over one axis, lines or a map over two, one set of axes an endpoint.

Promise: a category has its name and a colour of its own, nothing between two; an axis of few points gives
lines, not a surface; where there is no value, there is nothing but words.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap

from harness.analysis.response import category_names
from harness.figures.contours import draw_field, set_scale, short_number
from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, DASHES, INK, SomeAxes, axes_for, legend_outside, write_figure

if TYPE_CHECKING:
    from harness.simulation.plan import Plan

__all__ = ["draw_scan", "write_scan"]

MOST = 6

ACROSS = 3
"""Sets of axes in a row."""

FEW = 4
"""Points of an axis up to which each has a line; from more on there is a surface."""

WIDE = 30
"""Largest over smallest value from which on lines have a logarithmic axis, as contours do."""

CATEGORIES = ("best_response", "response_at")
"""How endpoints begin whose values are places in the list of categories."""

SHADES = ("#08306b", "#2171b5", "#6baed6", "#c6dbef", "#b0b4ba", "#b3261e")
"""Colour of each category, the best first: told apart by lightness too, progression alone is red."""


def draw_scan(
    results: pd.DataFrame, planned: Plan, over: tuple[str, ...], axes: SomeAxes | None = None
) -> list[Axes]:
    """Draw the first `MOST` columns of results `over` one or two axes of a grid, one set of axes each.

    Over one axis a column is drawn with its band, where ``NAME_low`` and ``NAME_high`` are there. Of two axes
    one of at most `FEW` points gives a line for each of them.
    """
    apart = {"run", "status", "reason", "engine", *over}
    moving = tuple(axis for axis in over if planned.design.table[axis].nunique() > 1)
    over = moving or over[:1]
    bands = {c for name in results for c in (f"{name}_low", f"{name}_high") if c in results}
    names = [c for c in results if c not in {*apart, *bands} and not c.startswith("design_")][:MOST]
    table = results.assign(**{axis: planned.design.table[axis].to_numpy() for axis in over})
    fewest, *longer = sorted(over, key=lambda axis: table[axis].nunique())
    as_lines = len(over) == 1 or table[fewest].nunique() <= FEW
    across = longer[0] if longer and as_lines else over[0]
    places = axes_for(axes, len(names), across=ACROSS)
    for place, name in zip(places, names, strict=True):
        label = with_unit(name, planned.unit(name))
        place.set_xlabel(_label(across, planned))
        place.set_ylabel(label)
        if not np.isfinite(table[name].to_numpy(float)).any():
            _say_nothing(place)
            continue
        if len(over) == 1:
            _line(place, table.sort_values(across, kind="stable"), across, name)
        elif as_lines:
            _lines(place, table, across, fewest, name, planned)
        else:
            _surface(place, table, over, name)
        set_scale(place, "x", np.unique(table[across]))
        if not as_lines:
            place.set_title(label, fontsize=10)
            place.set_ylabel(_label(over[1], planned))
            set_scale(place, "y", np.unique(table[over[1]]))
    return places


def _say_nothing(place: Axes) -> None:
    """Words in place of values."""
    place.text(0.5, 0.5, "no values", ha="center", color=INK, transform=place.transAxes)
    place.set_yticks([])
    place.set_xticks([])


def _line(place: Axes, table: pd.DataFrame, across: str, name: str) -> None:
    """One line of a column, with its band where it has one."""
    place.plot(table[across], table[name], color=COLOURS[0], marker=".", linewidth=1.5)
    if f"{name}_low" in table:
        low, high = table[f"{name}_low"], table[f"{name}_high"]
        place.fill_between(table[across], low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
    _scale_of(place, name)


def _lines(place: Axes, table: pd.DataFrame, across: str, by: str, name: str, planned: Plan) -> None:
    """A line of a column for each value of the axis `by`."""
    for i, (value, part) in enumerate(table.groupby(by)):
        rows = part.sort_values(across, kind="stable")
        look = {"color": COLOURS[i], "linestyle": DASHES[i], "marker": ".", "linewidth": 1.5}
        place.plot(rows[across], rows[name], label=short_number(float(value)), **look)
    legend_outside(place, "above", title=_label(by, planned), ncols=FEW)
    _scale_of(place, name)


def _surface(place: Axes, table: pd.DataFrame, over: tuple[str, ...], name: str) -> None:
    """A column over two axes: contours, or a colour for each category."""
    wide = table.pivot_table(index=over[1], columns=over[0], values=name, dropna=False, sort=True)
    x, y = wide.columns.to_numpy(float), wide.index.to_numpy(float)
    if not _is_category(name):
        draw_field(x, y, wide.to_numpy(float), place)
        return
    names = category_names()
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    shown = np.ma.masked_invalid(wide.to_numpy(float))
    drawn = place.pcolormesh(x, y, shown, shading="nearest", cmap=ListedColormap(SHADES), norm=norm)
    place.set_xlim(x[0], x[-1])
    place.set_ylim(y[0], y[-1])
    bar = place.figure.colorbar(drawn, ax=place, ticks=range(len(names)))
    bar.ax.set_yticklabels(names)
    bar.ax.invert_yaxis()
    bar.ax.tick_params(labelsize=8, colors=INK)


def _scale_of(place: Axes, name: str) -> None:
    """The axis of the values: all categories by name, the best on top; or numbers without an offset."""
    if not _is_category(name):
        values = np.concatenate([line.get_ydata() for line in place.lines])
        if np.nanmin(values) > 0 and np.nanmax(values) > WIDE * np.nanmin(values):
            place.set_yscale("log")
        else:
            place.ticklabel_format(axis="y", useOffset=False)
        return
    names = category_names()
    place.set_yticks(range(len(names)), names)
    place.set_ylim(len(names) - 0.5, -0.5)


def _is_category(name: str) -> bool:
    return name.startswith(CATEGORIES)


def write_scan(results: pd.DataFrame, planned: Plan, over: tuple[str, ...], path: Path) -> None:
    """Draw a scan to a picture file, the format taken from the suffix."""
    write_figure(draw_scan(results, planned, over), path)


def _label(axis: str, planned: Plan) -> str:
    return with_unit(axis, planned.symbols[axis].unit)
