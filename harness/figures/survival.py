"""Survival curves: Kaplan-Meier steps with their bands, and how many are at risk below them.

Promise: each curve is drawn as the table of :func:`~harness.analysis.survival.kaplan_meier` has it, a tick
where patients were censored, while that leaves a curve to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from harness.figures.labels import MONTHS
from harness.figures.style import COLOURS, DASHES, INK, Style, axes_for, legend_outside

__all__ = ["draw_survival"]

MOST_TICKS = 60
"""Censored patients that are marked; more would hide the curve."""


def draw_survival(
    curves: Mapping[str, pd.DataFrame], label: str, title: str = "", ax: Axes | None = None
) -> Axes:
    """Curves by name, the numbers at risk below them.

    Parameters
    ----------
    curves
        Tables of ``kaplan_meier``, in months. Where they have ``survival_low`` and ``survival_high``, what
        draws of the parameters make of a curve, these are hatched.
    label
        What survives: the label of the vertical axis.
    """
    axes = ax or axes_for(None, 1, width=6.4, height=3.4 + 0.2 * len(curves))[0]
    end = max(curve["time"].max() for curve in curves.values())
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        style: Style = {"color": colour, "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.6}
        time = np.append(curve["time"], end if curve["censored"].iloc[-1] else curve["time"].iloc[-1])
        steps = {c: np.append(curve[c], curve[c].iloc[-1]) for c in ("survival", "lower", "upper")}
        axes.fill_between(time, steps["lower"], steps["upper"], step="post", color=colour, alpha=0.13, lw=0)
        if "survival_low" in curve:
            ends = [np.append(curve[c], curve[c].iloc[-1]) for c in ("survival_low", "survival_high")]
            axes.fill_between(time, ends[0], ends[1], step="post", facecolor="none", edgecolor=colour,
                              hatch="////", alpha=0.35, lw=0)  # fmt: skip
        axes.step(time, steps["survival"], where="post", label=name, **style)
        marked = curve[curve["censored"] > 0]
        if len(marked) <= MOST_TICKS:
            axes.plot(marked["time"], marked["survival"], "|", color=colour, markersize=6)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MultipleLocator(_step(end)))
    legend_outside(axes, "beside")
    _at_risk(axes, curves, np.arange(0, end + 1e-9, _step(end)))
    if title:
        axes.set_title(title, loc="left", fontweight="bold", color=INK, fontsize=10)
    return axes


def _at_risk(axes: Axes, curves: Mapping[str, pd.DataFrame], times: np.ndarray) -> None:
    """A row a curve, under the axis of time: how many are at risk at each tick."""
    style: Style = {"fontsize": 8, "va": "center", "textcoords": "offset points", "annotation_clip": False}
    for row, name in enumerate(["at risk", *curves]):
        down = -42 - 12 * row
        colour = INK if row == 0 else COLOURS[(row - 1) % len(COLOURS)]
        axes.annotate(name, (0, 0), (-18, down), xycoords="axes fraction", ha="right", color=colour, **style)
        for time in times if row else ():
            after = curves[name][curves[name]["time"] >= time]
            count = int(after["at_risk"].iloc[0]) if len(after) else 0
            where: Style = {"xycoords": axes.get_xaxis_transform(), "ha": "center", "color": INK}
            axes.annotate(f"{count}", (time, 0), (0, down), **where, **style)
    axes.set_xlabel(MONTHS)


def _step(end: float) -> float:
    """A distance of ticks, in months, that gives five to ten of them."""
    return next((step for step in (1, 2, 3, 6, 12, 24) if end / step <= 9), 60)
