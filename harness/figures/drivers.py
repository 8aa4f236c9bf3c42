"""Pictures of what drives a decision: a tornado, and Sobol indices.

Promise: everything is drawn from the tables of the outcome, and from nothing else.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, INK, SomeAxes, Style, axes_for, legend_outside
from harness.studies.outcome import Outcome

__all__ = ["decision_in_words", "draw_drivers"]

NAMES = {
    "orr": "ORR",
    "cr": "CR",
    "orr_month": "response at the month",
    "orr_total": "response whenever",
    "median_pfs": "median PFS",
    "median_pfs_last": "median PFS after the last infusion",
    "Cmax": "geometric mean of Cmax",
    "cells": "cells used",
    "doses": "doses given",
}
"""Decisions in words."""


def decision_in_words(outcome: Outcome) -> str:
    """What is decided by, with its unit."""
    name, arms = outcome.extra["decision"], outcome.extra["arms"]
    said = NAMES.get(name, f"mean of {name}")
    more = f", {arms[1]} less {arms[0]}" if len(arms) > 1 else ""
    return with_unit(said + more, outcome.extra["unit"])


def draw_drivers(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """The decision at both ends of each parameter, and its Sobol indices where there are some.

    Thin lines are 95 % intervals, of the patients, and of sample and patients.
    """
    tornado, indices = outcome.tables["tornado"], outcome.tables.get("indices")
    drawn = axes_for(axes, 1 if indices is None else 2, width=5.2, height=0.4 * len(tornado) + 1.8)
    place = -np.arange(len(tornado), dtype=float)
    for i, end in enumerate(("low", "high")):
        shift = (0.5 - i) * 0.24
        base = tornado["base"]
        style: Style = {"color": COLOURS[i], "alpha": 0.8, "height": 0.5}
        drawn[0].barh(place, tornado[end] - base, left=base, label=f"{end} end", **style)
        ends = tornado[f"{end}_from"], tornado[f"{end}_to"]
        drawn[0].hlines(place + shift, *ends, color=INK, linewidth=0.8)
    drawn[0].axvline(tornado["base"].iloc[0], color=INK, linewidth=0.8)
    labels = [f"{row.parameter}\n{row.low_value:.3g} to {row.high_value:.3g}" for row in tornado.itertuples()]
    drawn[0].set_yticks(place, labels)
    drawn[0].set_xlabel(decision_in_words(outcome))
    legend_outside(drawn[0], "above", ncols=2)
    if indices is not None:
        rows = indices.set_index("parameter").loc[tornado["parameter"]]
        for i, (what, said) in enumerate((("total", "total"), ("first", "first order"))):
            style = {"color": COLOURS[2 + i], "height": 0.36, "label": said}
            at, bars = place + (0.5 - i) * 0.4, {"lw": 0.8, "ecolor": INK}
            drawn[1].barh(at, rows[what], xerr=rows[f"{what}_half"], error_kw=bars, **style)
        drawn[1].set_yticks(place, list(tornado["parameter"]))
        drawn[1].axvline(0, color=INK, linewidth=0.8)
        drawn[1].set_xlabel("share of the variance of the decision")
        legend_outside(drawn[1], "above", ncols=2)
    return drawn
