"""Pictures of virtual patients: spider plots, response by dose, and trials beside what was predicted.

Promise: everything is drawn from the tables of a population's or a trial's outcome, and from nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from harness.analysis.response import category, category_names, criteria
from harness.figures.labels import CHANGE, MILLIONS, MONTHS, PATIENTS, dose_name, with_unit
from harness.figures.style import (
    COLOURS,
    DRAWS,
    INK,
    SomeAxes,
    Style,
    axes_for,
    dress,
    given_axes,
    legend_of_all,
    legend_outside,
)
from harness.figures.survival import draw_survival
from harness.studies.outcome import Outcome

__all__ = [
    "draw_fractions",
    "draw_population",
    "draw_predictions",
    "draw_spiders",
    "draw_trial",
]

BINS = {"PD": "#b3261e", "SD": "#b0b4ba", "PR": "#56b4e9", "CR": "#0072b2"}
"""Colour of each bin of Figure 6, worst first: told apart by lightness too."""


OF_SPIDERS = "Single patients, coloured by their response at the end"
OF_DRAWS = "What differs between patients, and what draws of the parameters make of their median, 95 % each"


def draw_spiders(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Change of M-protein of single patients over time, one set of axes a dose (Figures 6a and S3)."""
    table = outcome.tables["spiders"]
    doses = table["dose"].unique()
    drawn = axes_for(axes, len(doses), width=3.1, height=3.0)
    _spiders(drawn, table, doses)
    return drawn


def draw_fractions(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Share of patients in each bin by dose, one set of axes a month (Figure 6b)."""
    table = outcome.tables["fractions"]
    months = table["month"].unique()
    drawn = axes_for(axes, len(months), width=3.8, height=3.2)
    _stacks(drawn, table, months)
    return drawn


def draw_predictions(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Published rates of response and of complete response, over the intervals for trials of that size."""
    table = outcome.tables["predictions"]
    shown = {"orr": with_unit("overall response", "percent"), "cr": with_unit("complete response", "percent")}
    drawn = axes_for(axes, len(shown), width=4.6, height=0.32 * table["name"].nunique() + 1.3)
    for each, (name, label) in zip(drawn, shown.items(), strict=True):
        rows = table[table["outcome"] == name].iloc[::-1]
        place = np.arange(len(rows))
        band: Style = {"color": COLOURS[5], "linewidth": 7, "alpha": 0.7}
        each.hlines(place, rows["low"], rows["high"], label="predicted, 95 %", **band)
        each.plot(rows["predicted"], place, "|", color=COLOURS[0], markersize=9, label="predicted, median")
        inside = rows["inside"].to_numpy(bool)
        for held, marker, colour, said in ((inside, "o", INK, ""), (~inside, "D", COLOURS[1], ", outside")):
            style: Style = {"color": colour, "markersize": 5, "label": f"published{said}"}
            each.plot(rows["observed"][held], place[held], marker, **style)
        each.set_yticks(place, [_trial_name(row) for row in rows.itertuples()])
        each.set_xlim(-3, 103)
        each.set_xlabel(label)
    drawn[0].set_ylabel(f"trial, {MILLIONS}")
    drawn[1].set_yticklabels([])
    legend_of_all(drawn, axes, "outside lower center", 4)
    return drawn


def draw_population(outcome: Outcome, rule: str, axes: SomeAxes | None = None) -> list[Axes]:
    """A population on one page: some spiders above; response by dose, and survival by `rule`, below.

    A set of axes for each of at most four doses, for each month, and one for survival. Where there are draws
    of the parameters, bands of patients and of the draws are above in place of the spiders.
    """
    spiders, shares = outcome.tables["spiders"], outcome.tables["fractions"]
    bands = outcome.tables["bands"]
    drawn_too = "median_low" in bands
    doses, months = _some(shares["dose"].unique()), shares["month"].unique()
    count = len(doses) + len(months) + 1
    title = OF_DRAWS if drawn_too else OF_SPIDERS
    drawn = _page(len(doses), len(months), title) if axes is None else given_axes(axes, count)
    if drawn_too:
        _bands(drawn[: len(doses)], bands, doses)
    else:
        _spiders(drawn[: len(doses)], spiders, doses)
    _stacks(drawn[len(doses) : -1], shares, months)
    survival = outcome.tables["survival"]
    of_rule = survival[survival["rule"] == rule]
    curves = {dose_name(dose): of_rule[of_rule["dose"] == dose] for dose in doses}
    draw_survival(curves, "progression-free", ax=drawn[-1])
    return drawn


def _page(doses: int, months: int, title: str) -> list[Axes]:
    """Axes in two rows of a page: one a dose above; one a month, and a wide one, below."""
    figure = Figure(figsize=(max(3.1 * doses, 3.4 * months + 5.5), 7.6), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.35)).flat
    above.suptitle(title, color=INK, fontsize=10)
    wide = {"width_ratios": [1] * months + [1.6]}
    axes = [*above.subplots(1, doses, squeeze=False).flat]
    axes += [*below.subplots(1, months + 1, squeeze=False, gridspec_kw=wide).flat]
    for each in axes:
        dress(each)
    return axes


def draw_trial(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Best response by arm with its interval over the replicates, and the survival of the first of them."""
    responses, survival = outcome.tables["responses"], outcome.tables["survival"]
    arms = responses["arm"].unique()
    bars, curves = axes_for(axes, 2, width=5.2, height=3.6 + 0.15 * len(arms))
    width = 0.8 / len(arms)
    for i, arm in enumerate(arms):
        of_arm = responses[responses["arm"] == arm]
        at = np.arange(len(of_arm)) + (i - (len(arms) - 1) / 2) * width
        error = [of_arm["percent"] - of_arm["low"], of_arm["high"] - of_arm["percent"]]
        bars.bar(at, of_arm["percent"], width * 0.92, color=COLOURS[i % len(COLOURS)], label=arm)
        bars.errorbar(at, of_arm["percent"], yerr=error, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2)
        if "percent_low" in of_arm:
            bars.vlines(at, of_arm["percent_low"], of_arm["percent_high"], label=i * "_" + "draws", **DRAWS)
    bars.set_xticks(np.arange(len(of_arm)), of_arm["category"])
    bars.set_ylabel(PATIENTS)
    bars.set_title("Best response, 95 % of the replicates", loc="left", color=INK, fontsize=10)
    if "percent_low" in responses:
        legend_outside(bars, "beside")
    by_arm = {arm: survival[survival["arm"] == arm] for arm in arms}
    draw_survival(by_arm, "progression-free", ax=curves)
    curves.set_title("The first replicate", loc="left", color=INK, fontsize=10)
    return [bars, curves]


def _trial_name(row: Any) -> str:
    """A published trial as a figure says it: its name, its dose or doses, its size."""
    doses = row.name.partition("_")[2].replace("_", " ")
    return f"{row.trial}, {doses} (n={row.n})"


def _spiders(axes: list[Axes], table: pd.DataFrame, doses: np.ndarray) -> None:
    """One set of axes a dose; the first says what is up."""
    for each, dose in zip(axes, doses, strict=True):
        _spider(each, table[table["dose"] == dose], dose)
    for each in axes[1:]:
        each.set_ylabel("")


def _stacks(axes: list[Axes], table: pd.DataFrame, months: np.ndarray) -> None:
    """One set of axes a month; the bins are told beside the last."""
    for each, month in zip(axes, months, strict=True):
        _stack(each, table[table["month"] == month], month)
    legend_outside(axes[-1], "beside", reverse=True)  # as they stand on each other


def _bands(axes: list[Axes], table: pd.DataFrame, doses: np.ndarray) -> None:
    """The middle 95 % of the patients, and within it the median with its band over the draws."""
    for i, (each, dose) in enumerate(zip(axes, doses, strict=True)):
        rows = table[table["dose"] == dose]
        month, colour = rows["month"], COLOURS[0]
        for name, alpha, label in (("patients", 0.15, "patients"), ("median", 0.5, "median, draws")):
            ends: Style = {"y1": rows[f"{name}_low"], "y2": rows[f"{name}_high"]}
            each.fill_between(month, **ends, color=colour, alpha=alpha, lw=0, label=label)
        each.plot(month, rows["median"], color=colour, linewidth=1.4, label="median")
        _as_spider(each, table["month"].max(), dose)
        if i:
            each.set_ylabel("")
    legend_outside(axes[-1], "beside")


def _spider(axes: Axes, table: pd.DataFrame, dose: float) -> None:
    """Trajectories of one dose, coloured by the bin of their end; those above the top are cut off."""
    for _, patient in table.groupby("patient"):
        end = patient["change"].iloc[-1]
        colour = INK if np.isnan(end) else BINS[_bin(end)]
        axes.plot(patient["month"], patient["change"], color=colour, linewidth=0.45, alpha=0.55)
    _as_spider(axes, table["month"].max(), dose)


def _as_spider(axes: Axes, end: float, dose: float) -> None:
    """Axes of the change of M-protein over time at one dose."""
    worst = next(c.at_most for c in criteria().categories if c.name == "SD")
    axes.axhline(worst, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_xlim(0, end)
    axes.set_ylim(-102, 110)
    axes.xaxis.set_major_locator(MultipleLocator(12))
    axes.set_xlabel(MONTHS)
    axes.set_ylabel(CHANGE)
    axes.set_title(f"{dose_name(dose)} cells", color=INK, fontsize=10)


def _bin(change: float) -> str:
    name = category_names()[int(category(np.asarray(change)))]
    return next(bin_ for bin_, names in criteria().bins.items() if name in names)


def _stack(axes: Axes, table: pd.DataFrame, month: float) -> None:
    """Bars of one month: the bins on each other, the best below, with the interval of progression."""
    doses = table["dose"].unique()
    place, base = np.arange(len(doses)), np.zeros(len(doses))
    for name in reversed(BINS):
        height = table[table["bin"] == name]["percent"].to_numpy()
        axes.bar(place, height, 0.78, bottom=base, color=BINS[name], label=name)
        base = base + height
    axes.set_xticks(place, [f"{dose / 1e6:g}" for dose in doses])
    axes.set_xlabel(MILLIONS)
    axes.set_ylabel(PATIENTS)
    axes.set_ylim(0, 100)
    axes.set_title(f"Month {month:g}, against baseline", color=INK, fontsize=10)


def _some(doses: np.ndarray, most: int = 4) -> np.ndarray:
    """At most so many doses, spread over all of them with the first and the last."""
    return doses[np.unique(np.linspace(0, len(doses) - 1, min(most, len(doses))).round().astype(int))]
