"""Why a dose matters or does not: the peak of a typical patient by dose, and response under several spreads.

Promise: everything is drawn from the tables of a study of clocks, and from nothing else.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from harness.figures.labels import MILLIONS, with_unit
from harness.figures.style import COLOURS, INK, new_figure
from harness.studies.outcome import Outcome

__all__ = ["draw_clocks"]

MARKERS = "osD^vP*X"


def draw_clocks(outcome: Outcome) -> Figure:
    """Tmax, Cmax and ORR by dose, one set of axes each."""
    typical, responses = outcome.tables["typical"], outcome.tables["responses"]
    figure, axes = new_figure(3, width=4.0, height=3.4)
    doses = typical["dose"] / 1e6
    line = np.polyval(np.polyfit(np.log(doses), typical["Tmax"], 1), np.log(doses))
    said = f"{outcome.numbers['days_per_efold']:.2f} days later for each factor e"
    axes[0].plot(doses, line, color=INK, linewidth=1, linestyle="--", label=said)
    axes[0].plot(doses, typical["Tmax"], "o", color=COLOURS[0], label="typical patient")
    axes[0].set_ylabel(with_unit("Tmax", "day"))
    axes[0].legend(fontsize=8, frameon=False)
    axes[1].plot(doses, typical["Cmax"], "o-", color=COLOURS[0])
    axes[1].set_ylabel(with_unit("Cmax", "copies/ug"))
    axes[1].set_ylim(0, None)
    for i, (label, rows) in enumerate(responses.groupby("label", sort=False)):
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)], "markersize": 5}
        axes[2].plot(rows["dose"] / 1e6, rows["orr"], label=label, **style)
    axes[2].set_ylabel(with_unit("overall response", "percent"))
    axes[2].set_ylim(0, 102)
    axes[2].legend(fontsize=8, frameon=False)
    for each in axes:
        each.set_xscale("log")
        each.set_xlabel(MILLIONS)
    return figure
