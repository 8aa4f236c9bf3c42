"""Candidates of a calibration: response by dose with bands, and evidence beside the trial that was predicted.

Promise: everything is drawn from the tables of the outcome, and from nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.figures.labels import MILLIONS, with_unit
from harness.figures.style import COLOURS, DASHES, INK, SomeAxes, axes_for
from harness.studies.outcome import Outcome

__all__ = ["draw_by_dose", "draw_comparison", "draw_responses"]

COLUMNS = 3


def draw_responses(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """ORR and CR by dose of each candidate and benchmark: median and middle 90 % of the posterior.

    One set of axes each.
    """
    table = outcome.tables["responses"]
    names = list(dict.fromkeys(table["candidate"]))
    drawn = axes_for(axes, len(names), width=3.4, height=2.7, across=COLUMNS)
    for each, name in zip(drawn, names, strict=True):
        own = table[table["candidate"] == name]
        for i, (outcome_name, label) in enumerate({"orr": "overall", "cr": "complete"}.items()):
            line = own[own["outcome"] == outcome_name]
            doses = line["dose"] / 1e6
            each.fill_between(doses, line["low"], line["high"], color=COLOURS[i], alpha=0.2, linewidth=0)
            each.plot(doses, line["median"], "o-", color=COLOURS[i], markersize=4, label=label)
        each.set_title(own["label"].iloc[0], fontsize=9, color=INK, loc="left")
        each.set_xscale("log")
        each.set_xticks(doses, [f"{dose:g}" for dose in doses], fontsize=8)
        each.minorticks_off()
        each.set_ylim(0, 102)
        each.set_xlabel(MILLIONS)
    drawn[0].set_ylabel(with_unit("response", "percent"))
    drawn[0].legend(fontsize=8, frameon=False)
    return drawn


BY_DOSE = {
    "orr": with_unit("overall response", "percent"),
    "cr": with_unit("complete response", "percent"),
    "pfs": with_unit("median PFS", "month"),
    "cmax": with_unit("Cmax", "copies/ug"),
}
"""Outcomes by dose and their labels."""


def draw_by_dose(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """ORR, CR, median PFS and Cmax by dose, a line a candidate with the middle 90 % of its posterior."""
    table = outcome.tables["by_dose"]
    drawn = axes_for(axes, len(BY_DOSE), width=4.6, height=3.2, across=2)
    for each, (name, label) in zip(drawn, BY_DOSE.items(), strict=True):
        of = table[(table["outcome"] == name) & np.isfinite(table["median"])]
        for i, (candidate, line) in enumerate(of.groupby("label", sort=False)):
            style = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i // len(COLOURS)]}
            finite = np.isfinite(line["high"])
            doses = line["dose"] / 1e6
            each.fill_between(doses, line["low"], line["high"].where(finite), alpha=0.1, color=style["color"])
            each.plot(doses, line["median"], label=candidate, linewidth=1.5, **style)
        each.set_xscale("log")
        each.set_yscale("log" if name == "cmax" else "linear")
        each.set_xlabel(MILLIONS)
        each.set_ylabel(label)
    drawn[1].legend(fontsize=7, frameon=False)
    return drawn


def draw_comparison(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Log evidence of the responses that were fitted, and log probability of the trial that was not."""
    table = outcome.tables["comparison"].iloc[::-1]
    drawn = axes_for(axes, 2, width=4.4, height=0.34 * len(table) + 1.1)
    _dots(drawn[0], table, "log_evidence_responses", None, "log evidence, responses of the fitted trial")
    _dots(drawn[1], table, "blind_log_p", "blind_error", "log probability, trial that was not fitted")
    drawn[1].set_yticklabels([])
    return drawn


def _dots(axes: Axes, table: pd.DataFrame, column: str, error: str | None, label: str) -> None:
    place = np.arange(len(table))
    bar = None if error is None else table[error]
    benchmark = table["log_evidence"].isna().to_numpy()
    for chosen, colour in ((~benchmark, COLOURS[0]), (benchmark, COLOURS[1])):
        xerr = None if bar is None else bar[chosen]
        axes.errorbar(table[column][chosen], place[chosen], xerr=xerr, fmt="o", color=colour, capsize=3)
    axes.set_yticks(place, table["label"])
    axes.set_xlabel(label)
