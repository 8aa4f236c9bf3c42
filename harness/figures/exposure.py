"""Pictures of exposure and response: response by exposure, progression by quartile, and what burden explains.

Promise: everything is drawn from the tables of the outcome, and from nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, DRAWS, INK, SomeAxes, Style, axes_for, legend_outside
from harness.figures.survival import draw_survival
from harness.studies.outcome import Outcome

__all__ = ["draw_exposure"]

SAID = {"response": "overall response", "complete": "complete response", "progression": "progression"}


def draw_exposure(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Percent of responders by quartile, survival by quartile of the first exposure, and all ratios.

    Three sets of axes. A wide line over a number, and hatches over a curve, are what draws of the parameters
    make of it.
    """
    drawn = axes_for(axes, 3, width=5.0, height=4.2)
    first = outcome.tables["associations"]["exposure"].iloc[0]
    _responders(drawn[0], outcome, first)
    survival = outcome.tables["survival"]
    curves = {f"quartile {number} of {first}": curve for number, curve in survival.groupby("quartile")}
    draw_survival(curves, "progression-free", ax=drawn[1])
    _ratios(drawn[2], outcome)
    return drawn


def _responders(axes: Axes, outcome: Outcome, exposure: str) -> None:
    table = outcome.tables["quartiles"].query("exposure == @exposure")
    for i, (name, rows) in enumerate(table.groupby("outcome", sort=False)):
        error = [rows["percent"] - rows["low"], rows["high"] - rows["percent"]]
        style: Style = {"color": COLOURS[i], "marker": "o", "markersize": 5, "capsize": 3, "linewidth": 1.4}
        axes.errorbar(rows["median"], rows["percent"], yerr=error, label=SAID[str(name)], **style)
        if "percent_low" in rows:
            over: Style = {**DRAWS, "color": COLOURS[i], "label": "draws" if i == 0 else None}
            axes.vlines(rows["median"], rows["percent_low"], rows["percent_high"], **over)
    axes.set_xscale("log")
    axes.set_ylim(0, 103)
    axes.set_xlabel(with_unit(f"median {exposure} of each quartile", table["unit"].iloc[0]))
    axes.set_ylabel(with_unit("patients", "percent"))
    legend_outside(axes, "above", ncols=3)


def _ratios(axes: Axes, outcome: Outcome) -> None:
    """Each ratio with its interval: crude, and with burden and dose held."""
    table = outcome.tables["associations"].dropna(subset="estimate")
    rows = list(dict.fromkeys(zip(table["outcome"], table["exposure"], strict=True)))
    held = list(table["held"].unique())
    for i, name in enumerate(held):
        of_one = table[table["held"] == name]
        place = [rows.index(row) for row in zip(of_one["outcome"], of_one["exposure"], strict=True)]
        at = -np.array(place, float) - (i - (len(held) - 1) / 2) * 0.24
        error = [of_one["estimate"] - of_one["low"], of_one["high"] - of_one["estimate"]]
        style: Style = {"fmt": "o", "markersize": 4, "color": COLOURS[i], "elinewidth": 1.2}
        axes.errorbar(of_one["estimate"], at, xerr=error, label=_said(name), **style)
        if "estimate_low" in of_one:
            over: Style = {**DRAWS, "color": COLOURS[i], "label": "draws" if i == 0 else None}
            axes.hlines(at, of_one["estimate_low"], of_one["estimate_high"], **over)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xscale("log")
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if _shown(tick, table)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(-np.arange(len(rows)), [f"{SAID[what]}, {exposure}" for what, exposure in rows])
    axes.set_xlabel("odds or hazard ratio by e-fold exposure")
    legend_outside(axes, "above", ncols=2)


def _said(held: str) -> str:
    return "crude" if held == "crude" else f"{held} held"


def _shown(tick: float, table: pd.DataFrame) -> bool:
    ends = table.filter(["low", "high", "estimate_low", "estimate_high"]).to_numpy()
    return bool(0.8 * min(np.nanmin(ends), 1) <= tick <= 1.25 * max(np.nanmax(ends), 1))
