"""The figure of a panel: its curves laid over its observations, as the panel's specification says."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes as MatplotlibAxes
from matplotlib.figure import Figure

from harness.figures.style import COLOURS, DASHES, INK, dress, new_figure
from harness.validation.spec import Axes
from harness.validation.suite import PanelResult

__all__ = ["describe", "draw_axes", "draw_panel"]

MARKERS = ("o", "s", "^", "D")


def draw_panel(result: PanelResult) -> Figure:
    """Draw all axes of the panel in one row."""
    figure, axes = new_figure(len(result.spec.axes), width=4.2, height=4.1)
    for each, declared in zip(axes, result.spec.axes, strict=True):
        draw_axes(each, result, declared)
    return figure


def describe(result: PanelResult) -> str:
    """The text alternative of the figure: what each set of axes shows."""
    parts = []
    for declared in result.spec.axes:
        drawn = ", ".join(result.spec.curves[curve].label for curve in declared.curves)
        data = f", with observations of {', '.join(declared.arms.values())}" if declared.arms else ""
        parts.append(f"{declared.title}: {declared.label} over time; curves {drawn}{data}.")
    return f"{result.spec.figure}. " + " ".join(parts)


def draw_axes(axes: MatplotlibAxes, result: PanelResult, declared: Axes) -> None:
    """Draw one set of axes of a panel."""
    colours = {name: i for i, name in enumerate(result.spec.curves)}
    _lines(axes, result, declared, colours)
    for marker, (arm, label) in zip(MARKERS, declared.arms.items(), strict=False):
        data = result.observed(declared.observable, arm)
        low = declared.low if declared.low is not None else -np.inf
        shown = data.value > low if declared.scale == "log" else data.value >= low
        axes.errorbar(
            data.time[shown],
            data.value[shown],
            yerr=np.minimum(data.error, data.value)[shown],
            fmt=marker,
            color=INK,
            markersize=3.6,
            markerfacecolor="none" if marker == "s" else INK,
            elinewidth=0.7,
            linewidth=0.8,
            label=f"observed: {label}",
            zorder=5,
        )
    axes.set_title(declared.title, loc="left", fontweight="bold", color=INK, fontsize=10)
    axes.set_ylabel(declared.label)
    unit = next(iter(result.curves.values())).time.attrs["units"]
    axes.set_xlabel(f"time ({unit}s)")
    axes.set_xlim(0, declared.until)
    _limits(axes, declared)
    below = {"loc": "upper left", "bbox_to_anchor": (0, -0.17), "borderaxespad": 0}
    legend = axes.legend(fontsize=7.5, frameon=False, handlelength=2.8, **below)
    for text in legend.get_texts():
        text.set_color(INK)
    if declared.inset_until:
        inset = axes.inset_axes((0.44, 0.6, 0.55, 0.36))
        dress(inset, size=7.5)
        _lines(inset, result, declared, colours)
        inset.set_xlim(0, declared.inset_until)
        _limits(inset, declared)
        inset.set_title(f"to {unit} {declared.inset_until:g}", fontsize=7.5, color=INK)


def _lines(axes: MatplotlibAxes, result: PanelResult, declared: Axes, colours: dict[str, int]) -> None:
    for name in declared.curves:
        curve, i = result.curves[name], colours[name]
        axes.plot(
            curve.time,
            curve[declared.observable],
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1.6,
            label=result.spec.curves[name].label,
        )


def _limits(axes: MatplotlibAxes, declared: Axes) -> None:
    axes.set_yscale(declared.scale)
    axes.set_ylim(declared.low, declared.high)
