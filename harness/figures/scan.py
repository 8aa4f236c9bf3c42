"""Pictures of a scan: a line over one axis, a filled contour map over two, one set of axes an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.figures.style import COLOURS, INK, new_figure
from harness.simulation.files import write_whole

if TYPE_CHECKING:
    from harness.simulation.plan import Plan

__all__ = ["draw_scan", "write_scan"]

MOST = 6


def draw_scan(results: pd.DataFrame, planned: Plan, axes: tuple[str, ...]) -> Figure:
    """Draw the first few columns of results over one or two axes of a grid."""
    apart = {"run", "status", "reason", *axes}
    moving = tuple(axis for axis in axes if planned.design.table[axis].nunique() > 1)
    axes = moving or axes[:1]
    names = [c for c in results if c not in apart and not c.startswith("design_")][:MOST]
    design = planned.design.table
    figure, places = new_figure(len(names))
    for place, name in zip(places, names, strict=True):
        label = f"{name} ({planned.unit(name)})"
        values = results[name].to_numpy(float)
        grid = [np.unique(design[axis]) for axis in axes]
        if len(axes) == 1:
            order = np.argsort(design[axes[0]].to_numpy(), kind="stable")
            place.plot(
                design[axes[0]].to_numpy()[order], values[order], color=COLOURS[0], marker=".", linewidth=1.5
            )
            place.set_ylabel(label)
            place.ticklabel_format(axis="y", useOffset=False)
        else:
            column, row = (np.searchsorted(g, design[axis]) for g, axis in zip(grid, axes, strict=True))
            field = np.full((grid[1].size, grid[0].size), np.nan)
            field[row, column] = values
            if min(field.shape) > 1 and np.isfinite(field).any():
                levels, norm = _levels(field)
                shown = np.ma.masked_invalid(field)
                drawn = place.contourf(grid[0], grid[1], shown, levels=levels, norm=norm, cmap="viridis")
                bar = figure.colorbar(drawn, ax=place, format=FuncFormatter(_number))
                bar.ax.tick_params(labelsize=8, colors=INK)
            place.set_ylabel(_label(axes[1], planned))
            _set_scale(place, "y", grid[1])
            place.set_title(label, fontsize=10)
        place.set_xlabel(_label(axes[0], planned))
        _set_scale(place, "x", grid[0])
        if not np.isfinite(values).any():
            place.text(0.5, 0.5, "no values", ha="center", color=INK, transform=place.transAxes)
    return figure


def write_scan(results: pd.DataFrame, planned: Plan, axes: tuple[str, ...], path: Path) -> None:
    """Draw a scan to a picture file, the format taken from the suffix."""
    figure = draw_scan(results, planned, axes)
    write_whole(path, lambda p: figure.savefig(p, dpi=160))


def _label(axis: str, planned: Plan) -> str:
    return f"{axis} ({planned.symbols[axis].unit})"


def _set_scale(axes: Axes, side: str, values: np.ndarray) -> None:
    """Logarithmic where the values span more than a factor of five, with ticks at 1, 2 and 5."""
    if not (values[0] > 0 and values[-1] > 5 * values[0]):
        return
    getattr(axes, f"set_{side}scale")("log")
    axis = axes.xaxis if side == "x" else axes.yaxis
    decades = np.log10(values[-1] / values[0])
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
    axis.set_major_formatter(FuncFormatter(_number))
    axis.set_minor_formatter(NullFormatter())


def _levels(field: np.ndarray) -> tuple[np.ndarray, Normalize]:
    """Contour levels, logarithmic where the values are positive and span more than a factor of thirty."""
    low, high = np.nanmin(field), np.nanmax(field)
    if low > 0 and high > 30 * low:
        return np.geomspace(low, high, 13), LogNorm(low, high)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 13), Normalize(low, high)


def _number(value: float, _place: object = None) -> str:
    """A short number for a tick: 50, 0.2, 5e7."""
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
