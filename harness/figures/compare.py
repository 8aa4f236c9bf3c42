"""Pictures of a comparison on the same patients: what differs from the first arm, and what a trial tells.

Promise: everything is drawn from the tables of the outcome, and from nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.figures.labels import MILLIONS, with_unit
from harness.figures.style import COLOURS, DASHES, DRAWS, INK, SomeAxes, Style, axes_for, legend_outside
from harness.studies.outcome import Outcome

__all__ = ["SAID", "draw_compare", "in_words"]

SAID = {
    "orr": (with_unit("ORR", "percent"), with_unit("ORR", "points")),
    "cr": (with_unit("CR", "percent"), with_unit("CR", "points")),
    "orr_month": (
        with_unit("response at the month", "percent"),
        with_unit("response at the month", "points"),
    ),
    "orr_total": (with_unit("response whenever", "percent"), with_unit("response whenever", "points")),
    "median_pfs": (with_unit("median PFS", "month"), with_unit("median PFS", "month")),
    "median_pfs_last": (
        with_unit("median PFS after the last infusion", "month"),
        with_unit("median PFS after the last infusion", "month"),
    ),
    "Cmax": ("Cmax, geometric mean", with_unit("Cmax", "ratio")),
    "cells": (MILLIONS.replace("dose", "cells used, mean"), MILLIONS.replace("dose", "cells used")),
    "doses": ("doses, mean", "doses"),
}
"""Outcomes in words, and their differences."""


def in_words(outcome: str, value: float, low: float, high: float) -> str:
    """A value with its interval, in the unit of :data:`SAID`."""
    scale = 1e-6 if outcome == "cells" else 1.0
    shown = ["not reached" if np.isinf(x) or np.isnan(x) else f"{x * scale:.3g}" for x in (value, low, high)]
    return shown[0] if shown[0] == shown[1] == shown[2] else f"{shown[0]} ({shown[1]} to {shown[2]})"


def draw_compare(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Differences in percent of patients, the ratio of Cmax, and power by size: two or three sets of axes.

    A wide line over a number is what draws of the parameters make of it.

    The last is there where the comparison asked for power.
    """
    power = outcome.tables["power"]
    drawn = axes_for(axes, 3 if len(power) else 2, width=4.6, height=3.4)
    differences = outcome.tables["differences"]
    arms = list(differences["arm"].unique())
    first = outcome.tables["arms"]["arm"].iloc[0]
    for i, arm in enumerate(arms):
        rows = differences[differences["arm"] == arm].set_index("outcome")
        style: Style = {"fmt": "o", "markersize": 5, "color": COLOURS[i], "capsize": 2}
        shift = ((len(arms) - 1) / 2 - i) * 0.18  # the first on top, as in the legend
        for each, names in ((drawn[0], ("orr", "cr", "orr_month", "orr_total")), (drawn[1], ("Cmax",))):
            for place, name in enumerate(names):
                row = rows.loc[name]
                error = [[row.difference - row.low], [row.high - row.difference]]
                label = arm if place == 0 else None
                each.errorbar([row.difference], [-place + shift], xerr=error, label=label, **style)
                if "difference_low" in rows:
                    each.hlines(-place + shift, row.difference_low, row.difference_high, **DRAWS)
    _finish(drawn[0], ["ORR", "CR", "response at the month", "response whenever"], 0.0)
    drawn[0].set_xlabel(with_unit(f"difference from {first}", "points"))
    legend_outside(drawn[0], "above", ncols=2)
    drawn[1].set_xscale("log")
    _finish(drawn[1], ["Cmax"], 1.0)
    _plain_ticks(drawn[1])
    drawn[1].set_xlabel(f"ratio to {first}")
    if len(power):
        _power(drawn[2], power, arms)
    return drawn


def _plain_ticks(axes: Axes) -> None:
    low, high = axes.get_xlim()
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _finish(axes: Axes, names: list[str], nothing: float) -> None:
    axes.axvline(nothing, color=INK, linewidth=0.8)
    axes.set_yticks(-np.arange(len(names)), names)
    axes.set_ylim(-len(names) + 0.4, 0.6)


def _power(axes: Axes, power: pd.DataFrame, arms: list[str]) -> None:
    for i, arm in enumerate(arms):
        for what, marker, dash in (("pfs", "o", DASHES[0]), ("orr", "s", DASHES[1])):
            rows = power[(power["arm"] == arm) & (power["outcome"] == what)]
            label = f"{arm}, {'PFS' if what == 'pfs' else 'ORR'}"
            axes.plot(
                rows["patients"], rows["power"], linestyle=dash, color=COLOURS[i], marker=marker,
                markersize=4, markerfacecolor=COLOURS[i] if marker == "o" else "none", label=label,
            )  # fmt: skip
            axes.fill_between(rows["patients"], rows["low"], rows["high"], color=COLOURS[i], alpha=0.13, lw=0)
    axes.set_ylim(0, 102)
    axes.set_xlabel("patients an arm")
    axes.set_ylabel(with_unit("power", "percent"))
    legend_outside(axes, "above", size=7, ncols=2)
