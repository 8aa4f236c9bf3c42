"""Pictures of dose escalation: what each dose does, and which dose the designs choose.

Promise: everything is drawn from the tables of an escalation's outcome, and from nothing else.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.figures.labels import MILLIONS, with_unit
from harness.figures.style import (
    COLOURS,
    DASHES,
    DRAWS,
    INK,
    SomeAxes,
    axes_for,
    legend_of_all,
    legend_outside,
)
from harness.studies.outcome import Outcome

__all__ = ["draw_escalation"]

NAMES = {"boin": "BOIN"}


def draw_escalation(outcome: Outcome, target: float, axes: SomeAxes | None = None) -> list[Axes]:
    """Toxicity by dose with the target, and for each slope how often each design chooses each dose.

    A set of axes for the doses and one for each slope.
    """
    doses, chosen = outcome.tables["doses"], outcome.tables["characteristics"]
    slopes, designs = doses["slope"].unique(), chosen["design"].unique()
    drawn = axes_for(axes, 1 + len(slopes), width=3.7, height=3.2)
    labels = [f"{dose / 1e6:g}" for dose in doses["dose"].unique()]
    place = np.arange(len(labels))
    for i, (slope, group) in enumerate(doses.groupby("slope", sort=False)):
        style = {"color": INK, "linestyle": DASHES[i % len(DASHES)], "marker": "o", "markersize": 4}
        drawn[0].plot(place, group["toxic"], label=f"slope {slope:g}", **style)
    drawn[0].axhline(100 * target, color=COLOURS[1], linewidth=1, label="target")
    drawn[0].set_ylim(0, None)
    drawn[0].set_xticks(place, labels)
    drawn[0].set_xlabel(MILLIONS)
    drawn[0].set_ylabel(with_unit("patients with toxicity, mean", "percent"))
    legend_outside(drawn[0], "above", ncols=2)
    width = 0.8 / len(designs)
    for each, slope in zip(drawn[1:], slopes, strict=True):
        for i, design in enumerate(designs):
            rows = chosen[(chosen["design"] == design) & (chosen["slope"] == slope)]
            at = np.append(place, len(labels)) + (i - (len(designs) - 1) / 2) * width
            error = [rows["percent"] - rows["low"], rows["high"] - rows["percent"]]
            each.bar(at, rows["percent"], width * 0.92, color=COLOURS[i], label=NAMES.get(design, design))
            each.errorbar(at, rows["percent"], yerr=error, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2)
            if "percent_low" in rows:
                each.vlines(at, rows["percent_low"], rows["percent_high"], **DRAWS)
        each.set_xticks(np.append(place, len(labels)), [*labels, "none"])
        each.set_ylim(0, 100)
        each.set_xlabel(f"chosen {MILLIONS}")
        each.set_title(f"slope {slope:g}", fontsize=10)
    drawn[1].set_ylabel(with_unit("trials", "percent"))
    legend_of_all(drawn[1:2], axes, "outside lower center", len(designs))
    return drawn
