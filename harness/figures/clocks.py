"""Why a dose matters or does not: the peak of a typical patient by dose, and response under several spreads.

Promise: everything is drawn from the tables of a study of clocks, and from nothing else.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.figures.labels import MILLIONS, with_unit
from harness.figures.style import COLOURS, INK, LETTERS, SomeAxes, Style, axes_for, dress, legend_outside
from harness.studies.outcome import Outcome

__all__ = ["draw_clocks"]

MARKERS = "osD^vP*X"


def draw_clocks(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Tmax, Cmax and ORR by dose, one set of axes each."""
    typical, responses = outcome.tables["typical"], outcome.tables["responses"]
    drawn = axes_for(axes, 3, width=4.2, height=3.6)
    for each in drawn:
        dress(each, LETTERS)
    doses = typical["dose"] / 1e6
    line = np.polyval(np.polyfit(np.log(doses), typical["Tmax"], 1), np.log(doses))
    said = f"{outcome.numbers['days_per_efold']:.2f} days later for each factor e"
    drawn[0].plot(doses, line, color=INK, linewidth=1, linestyle="--", label=said)
    drawn[0].plot(doses, typical["Tmax"], "o", color=COLOURS[0], label="typical patient")
    drawn[0].set_ylabel(with_unit("Tmax", "day"))
    legend_outside(drawn[0], "above", size=LETTERS - 2)
    drawn[1].plot(doses, typical["Cmax"], "o-", color=COLOURS[0])
    drawn[1].set_ylabel(with_unit("Cmax", "copies/ug"))
    drawn[1].set_ylim(0, 1.1 * typical["Cmax"].max())
    for i, (label, rows) in enumerate(responses.groupby("label", sort=False)):
        style: Style = {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "markersize": 5,
        }
        drawn[2].plot(rows["dose"] / 1e6, rows["orr"], label=label, **style)
    drawn[2].set_ylabel(with_unit("overall response", "percent"))
    drawn[2].set_ylim(0, 102)
    legend_outside(drawn[2], "beside", size=LETTERS - 2)
    for each in drawn:
        each.set_xscale("log")
        each.set_xticks(doses, [f"{dose:g}" for dose in doses])
        each.minorticks_off()
        each.set_xlabel(MILLIONS)
    return drawn
