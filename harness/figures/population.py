"""Pictures of virtual patients: spider plots, response by dose, and trials beside what was predicted.

Promise: everything is drawn from the tables of a population's or a trial's outcome, and from nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from harness.analysis.response import category, category_names, criteria
from harness.figures.labels import CHANGE, MILLIONS, MONTHS, PATIENTS, dose_name, with_unit
from harness.figures.style import COLOURS, INK, dress, new_figure
from harness.figures.survival import draw_curves
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


def draw_spiders(outcome: Outcome) -> Figure:
    """Change of M-protein of single patients over time, one set of axes a dose (Figures 6a and S3)."""
    table = outcome.tables["spiders"]
    doses = table["dose"].unique()
    figure, axes = new_figure(len(doses), width=3.1, height=3.0)
    for each, dose in zip(axes, doses, strict=True):
        _spider(each, table[table["dose"] == dose], dose)
    for each in axes[1:]:
        each.set_ylabel("")
    return figure


def draw_fractions(outcome: Outcome) -> Figure:
    """Share of patients in each bin by dose, one set of axes a month (Figure 6b)."""
    table = outcome.tables["fractions"]
    months = table["month"].unique()
    figure, axes = new_figure(len(months), width=3.8, height=3.2)
    for each, month in zip(axes, months, strict=True):
        _stack(each, table[table["month"] == month], month)
    _legend(axes[-1])
    return figure


def draw_predictions(outcome: Outcome) -> Figure:
    """Published response rates by trial, over the prediction intervals for trials of that size."""
    table = outcome.tables["predictions"]
    shown = {"orr": with_unit("overall response", "percent"), "cr": with_unit("complete response", "percent")}
    figure, axes = new_figure(len(shown), width=4.6, height=0.32 * table["name"].nunique() + 1.3)
    for each, (name, label) in zip(axes, shown.items(), strict=True):
        rows = table[table["outcome"] == name].iloc[::-1]
        place = np.arange(len(rows))
        band = {"color": COLOURS[5], "linewidth": 7, "alpha": 0.7}
        each.hlines(place, rows["low"], rows["high"], label="predicted, 95 %", **band)
        each.plot(rows["predicted"], place, "|", color=COLOURS[0], markersize=9, label="predicted, median")
        inside = rows["inside"].to_numpy(bool)
        for held, marker, colour, said in ((inside, "o", INK, ""), (~inside, "D", COLOURS[1], ", outside")):
            style = {"color": colour, "markersize": 5, "label": f"published{said}"}
            each.plot(rows["observed"][held], place[held], marker, **style)
        each.set_yticks(place, [_trial_name(row) for row in rows.itertuples()])
        each.set_xlim(-3, 103)
        each.set_xlabel(label)
    axes[0].set_ylabel(f"trial, {MILLIONS}")
    axes[1].set_yticklabels([])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def draw_population(outcome: Outcome, rule: str) -> Figure:
    """A population on one page: some spiders above; response by dose, and survival by `rule`, below."""
    spiders, shares = outcome.tables["spiders"], outcome.tables["fractions"]
    doses, months = _some(shares["dose"].unique()), shares["month"].unique()
    figure = Figure(figsize=(max(3.1 * len(doses), 3.4 * len(months) + 5.5), 7.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.35))
    above.suptitle("Single patients, coloured by their response at the end", color=INK, fontsize=10)
    for i, axes in enumerate(np.atleast_1d(above.subplots(1, len(doses)))):
        dress(axes)
        _spider(axes, spiders[spiders["dose"] == doses[i]], doses[i])
        if i:
            axes.set_ylabel("")
    *places, last = below.subplots(1, len(months) + 1, width_ratios=[1] * len(months) + [1.6])
    for axes, month in zip(places, months, strict=True):
        dress(axes)
        _stack(axes, shares[shares["month"] == month], month)
    _legend(places[-1])
    dress(last)
    survival = outcome.tables["survival"]
    of_rule = survival[survival["rule"] == rule]
    draw_curves(last, {dose_name(d): of_rule[of_rule["dose"] == d] for d in doses}, "progression-free")
    return figure


def draw_trial(outcome: Outcome) -> Figure:
    """Best response by arm with its interval over the replicates, and the survival of the first of them."""
    responses, survival = outcome.tables["responses"], outcome.tables["survival"]
    arms = responses["arm"].unique()
    figure, (bars, curves) = new_figure(2, width=5.2, height=3.6 + 0.15 * len(arms))
    width = 0.8 / len(arms)
    for i, arm in enumerate(arms):
        of_arm = responses[responses["arm"] == arm]
        at = np.arange(len(of_arm)) + (i - (len(arms) - 1) / 2) * width
        error = [of_arm["percent"] - of_arm["low"], of_arm["high"] - of_arm["percent"]]
        bars.bar(at, of_arm["percent"], width * 0.92, color=COLOURS[i % len(COLOURS)], label=arm)
        bars.errorbar(at, of_arm["percent"], yerr=error, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2)
    bars.set_xticks(np.arange(len(of_arm)), of_arm["category"])
    bars.set_ylabel(PATIENTS)
    bars.set_title("Best response, 95 % of the replicates", loc="left", color=INK, fontsize=10)
    draw_curves(curves, {arm: survival[survival["arm"] == arm] for arm in arms}, "progression-free")
    curves.set_title("The first replicate", loc="left", color=INK, fontsize=10)
    return figure


def _trial_name(row: tuple) -> str:
    """A published trial as a figure says it: its name, its dose or doses, its size."""
    doses = row.name.partition("_")[2].replace("_", " ")
    return f"{row.trial}, {doses} (n={row.n})"


def _spider(axes: Axes, table: pd.DataFrame, dose: float) -> None:
    """Trajectories of one dose, coloured by the bin of their end; those above the top are cut off."""
    for _, patient in table.groupby("patient"):
        end = patient["change"].iloc[-1]
        colour = INK if np.isnan(end) else BINS[_bin(end)]
        axes.plot(patient["month"], patient["change"], color=colour, linewidth=0.45, alpha=0.55)
    worst = next(c.at_most for c in criteria().categories if c.name == "SD")
    axes.axhline(worst, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_xlim(0, table["month"].max())
    axes.set_ylim(-102, 110)
    axes.xaxis.set_major_locator(MultipleLocator(12))
    axes.set_xlabel(MONTHS)
    axes.set_ylabel(CHANGE)
    axes.set_title(f"{dose_name(dose)} cells", color=INK, fontsize=10)


def _bin(change: float) -> str:
    name = category_names()[int(category(change))]
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


def _legend(axes: Axes) -> None:
    """The bins, beside the bars."""
    handles, labels = axes.get_legend_handles_labels()
    shown = axes.legend(
        handles[::-1], labels[::-1], fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    for text in shown.get_texts():
        text.set_color(INK)


def _some(doses: np.ndarray, most: int = 4) -> np.ndarray:
    """At most so many doses, spread over all of them with the first and the last."""
    return doses[np.unique(np.linspace(0, len(doses) - 1, min(most, len(doses))).round().astype(int))]
