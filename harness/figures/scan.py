"""Pictures of a scan: a line over one axis, a filled contour map over two, one set of axes an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.figures.contours import draw_field, set_scale
from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, INK, SomeAxes, axes_for, write_figure

if TYPE_CHECKING:
    from harness.simulation.plan import Plan

__all__ = ["draw_scan", "write_scan"]

MOST = 6

ACROSS = 3
"""Sets of axes in a row."""


def draw_scan(
    results: pd.DataFrame, planned: Plan, over: tuple[str, ...], axes: SomeAxes | None = None
) -> list[Axes]:
    """Draw the first `MOST` columns of results `over` one or two axes of a grid, one set of axes each.

    Over one axis a column is drawn with its band, where ``NAME_low`` and ``NAME_high`` are there.
    """
    apart = {"run", "status", "reason", "engine", *over}
    moving = tuple(axis for axis in over if planned.design.table[axis].nunique() > 1)
    over = moving or over[:1]
    bands = {c for name in results for c in (f"{name}_low", f"{name}_high") if c in results}
    names = [c for c in results if c not in {*apart, *bands} and not c.startswith("design_")][:MOST]
    design = planned.design.table
    places = axes_for(axes, len(names), across=ACROSS)
    for place, name in zip(places, names, strict=True):
        label = with_unit(name, planned.unit(name))
        values = results[name].to_numpy(float)
        grid = [np.unique(design[axis]) for axis in over]
        if len(over) == 1:
            order = np.argsort(design[over[0]].to_numpy(), kind="stable")
            across = design[over[0]].to_numpy()[order]
            place.plot(across, values[order], color=COLOURS[0], marker=".", linewidth=1.5)
            if f"{name}_low" in bands:
                low, high = (results[f"{name}_{end}"].to_numpy(float)[order] for end in ("low", "high"))
                place.fill_between(across, low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
            place.set_ylabel(label)
            place.ticklabel_format(axis="y", useOffset=False)
        else:
            column, row = (np.searchsorted(g, design[axis]) for g, axis in zip(grid, over, strict=True))
            field = np.full((grid[1].size, grid[0].size), np.nan)
            field[row, column] = values
            if min(field.shape) > 1 and np.isfinite(field).any():
                draw_field(grid[0], grid[1], field, place)
            place.set_ylabel(_label(over[1], planned))
            set_scale(place, "y", grid[1])
            place.set_title(label, fontsize=10)
        place.set_xlabel(_label(over[0], planned))
        set_scale(place, "x", grid[0])
        if not np.isfinite(values).any():
            place.text(0.5, 0.5, "no values", ha="center", color=INK, transform=place.transAxes)
            place.set_yticks([])
            if len(grid[0]) > 1:
                place.set_xlim(grid[0][0], grid[0][-1])
    return places


def write_scan(results: pd.DataFrame, planned: Plan, over: tuple[str, ...], path: Path) -> None:
    """Draw a scan to a picture file, the format taken from the suffix."""
    write_figure(draw_scan(results, planned, over), path)


def _label(axis: str, planned: Plan) -> str:
    return with_unit(axis, planned.symbols[axis].unit)
