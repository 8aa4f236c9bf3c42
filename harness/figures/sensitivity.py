"""Indices against time: one set of axes an observable, one line a parameter, with its bootstrap band."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.figures.contours import set_scale
from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, DASHES, INK, SomeAxes, axes_for, legend_of_all
from harness.studies.outcome import Outcome

__all__ = ["draw_sensitivity"]

MOST = 10
"""Lines of one set of axes; from the seventh on, colours come again with another dash and marker."""

MARKERS = ("o", "^")

LABELS = {
    "total": "total Sobol index",
    "first": "first-order Sobol index",
    "prcc": "partial rank correlation",
}


def draw_sensitivity(
    outcome: Outcome, unit: str, measure: str = "total", axes: SomeAxes | None = None
) -> list[Axes]:
    """Draw an index (`total`, `first` or `prcc`) over time, one set of axes an observable.

    Lines are those of the parameters that matter most anywhere; `unit` is that of the time.
    """
    table = outcome.tables["indices"]
    names = list(table["observable"].unique())
    most = table[measure].abs().groupby(table["parameter"]).max().sort_values(ascending=False, kind="stable")
    chosen = [name for name in table["parameter"].unique() if name in most.index[:MOST]]
    places = axes_for(axes, len(names), width=3.9, height=3.6)
    for place, name in zip(places, names, strict=True):
        for i, parameter in enumerate(chosen):
            rows = table[(table["observable"] == name) & (table["parameter"] == parameter)]
            colour, again = COLOURS[i % len(COLOURS)], i // len(COLOURS)
            time = rows["time"].to_numpy(float)
            low, high = rows[f"{measure}_low"].to_numpy(float), rows[f"{measure}_high"].to_numpy(float)
            floor = -1.0 if measure == "prcc" else 0.0
            place.fill_between(time, np.maximum(low, floor), high, color=colour, alpha=0.18, linewidth=0)
            place.plot(
                time, rows[measure], color=colour, linestyle=DASHES[(i + again) % len(DASHES)], linewidth=1.5,
                marker=MARKERS[again], markersize=2.6, label=parameter,
            )  # fmt: skip
        place.set_title(name, fontsize=10, color=INK)
        place.set_xlabel(with_unit("time", unit))
        set_scale(place, "x", time)
        place.set_ylim(*((-1.05, 1.05) if measure == "prcc" else (0, None)))
        if not np.isfinite(table[measure][table["observable"] == name]).any():
            place.text(0.5, 0.5, "no values", ha="center", color=INK, transform=place.transAxes)
    places[0].set_ylabel(LABELS[measure])
    columns = min(2 * len(names) + 1, MOST // 2)
    legend_of_all(places, axes, "outside lower center", columns)
    return places
