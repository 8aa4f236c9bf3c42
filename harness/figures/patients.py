"""Pictures of fitted patients: every panel, four of them in full, the size of their effects, progression.

Promise: everything is drawn from the tables of the outcome of a study of patients, and from nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from harness.analysis.response import interval
from harness.figures.labels import CHANGE, CHANGE_OF_BCMA, MONTHS, dose_name, with_unit
from harness.figures.style import COLOURS, INK, dress
from harness.figures.survival import draw_curves
from harness.models.units import convert
from harness.studies.outcome import Outcome
from harness.studies.patients import EXAMPLES

__all__ = ["draw_effects", "draw_examples", "draw_panels", "draw_progression"]

ACROSS = 7
"""Panels in a row."""

SHOWN_MONTHS = 24.0

RARE = 3.0
"""Effects beyond this many standard deviations are told as implausible."""

ARM_NAMES = {"low": "low dose", "high": "high dose"}

RULE_NAMES = {
    "nadir_25": "25 % over the nadir",
    "nadir_25_and_5": "that, and 5 % of baseline",
    "baseline_25": "25 % of baseline over the nadir",
}

MARKS = "osD^vPX*<>"

ROWS = {
    "M_protein_change": CHANGE,
    "sBCMA_change": CHANGE_OF_BCMA,
    "transgene": with_unit("transgene", "copies/ug"),
}


def draw_panels(outcome: Outcome) -> Figure:
    """Change of M-protein of every patient over its category (Figure S2)."""
    patients = outcome.tables["patients"]
    down = -(-len(patients) // ACROSS)
    figure, places = _grid(down, ACROSS, 1.75 * ACROSS, 1.5 * down + 0.7)
    for place, (_, patient) in zip(places.flat, patients.iterrows(), strict=False):
        _response(place, outcome, patient)
        place.set_title(f"{dose_name(patient['dose'])}, {patient['reported']}", fontsize=8, color=INK, pad=3)
        if patient["largest_sd"] > RARE:
            far = f"{patient['distance_sd']:.1f} SD"
            where = {"ha": "right", "va": "top", "transform": place.transAxes}
            place.text(0.97, 0.95, far, fontsize=7.5, color=COLOURS[1], **where)
    for place in places.flat[len(patients) :]:
        place.set_axis_off()
    for place in places[:, 1:].flat:
        place.set_yticklabels([])
    for column in range(ACROSS):
        below = [row for row in range(down) if row * ACROSS + column < len(patients)]
        for row in below[:-1]:
            places[row, column].set_xticklabels([])
    figure.supxlabel(MONTHS, fontsize=9, color=INK)
    figure.supylabel(CHANGE, fontsize=9, color=INK)
    handles, labels = places[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    return figure


def draw_examples(outcome: Outcome, categories: tuple[str, ...] = EXAMPLES) -> Figure:
    """M-protein, soluble BCMA and transgene of one patient of each category that the table has (Figure 5a).

    Where several patients share a category, that of the dose with most of them is shown.
    """
    patients = outcome.tables["patients"]
    chosen = [patients[patients["category"] == name] for name in categories]
    chosen = [table[table["group"] == table["group"].mode()[0]].iloc[0] for table in chosen if len(table)]
    figure, places = _grid(len(ROWS), len(chosen), 2.5 * len(chosen) + 0.6, 6.0)
    for column, patient in enumerate(chosen):
        _response(places[0, column], outcome, patient)
        title = f"{patient['category']}, {dose_name(patient['dose'])}"
        places[0, column].set_title(title, fontsize=9.5, fontweight="bold", color=INK, loc="left")
        curves = outcome.tables["profiles"].query("group == @patient['group']")
        for place, name in zip(places[1:, column], tuple(ROWS)[1:], strict=True):
            place.plot(_months(curves["time"]), curves[name], color=COLOURS[0], linewidth=1.5)
        places[1, column].set_ylim(-105, 105)
        places[2, column].set_yscale("log")
        places[2, column].set_ylim(1, 1e6)
        places[-1, column].set_xlabel(MONTHS, fontsize=9)
    for place in places.flat:
        place.set_xlim(0, SHOWN_MONTHS)
        place.xaxis.set_major_locator(MultipleLocator(6))
    for place in places[:, 1:].flat:
        place.set_yticklabels([])
    for place, label in zip(places[:, 0], ROWS.values(), strict=True):
        place.set_ylabel(label.replace(" (", "\n("), fontsize=9)
    handles, labels = places[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def draw_effects(outcome: Outcome) -> Figure:
    """Size of each random effect in SD, for each distinct patient.

    Below, once more with more effects for those without a response (ledger row D17).
    """
    tables = [outcome.tables[name].drop_duplicates("group") for name in ("patients", "added")]
    table = pd.concat([each for each in tables if len(each)], ignore_index=True)
    figure, places = _grid(1, 1, 7.2, 1.3 + 0.25 * len(table))
    _forest(places[0, 0], table, len(tables[0]))
    return figure


def draw_progression(outcome: Outcome) -> Figure:
    """Progression-free survival by arm by rule: fits, draws, published medians (Figure 5b)."""
    medians, survival, drawn = (outcome.tables[name] for name in ("medians", "survival", "predicted"))
    rules = list(dict.fromkeys(survival["rule"]))
    figure, places = _grid(1, len(rules), 4.3 * len(rules), 3.9)
    for place, rule in zip(places.flat, rules, strict=True):
        of_rule = survival[survival["rule"] == rule]
        arms = [arm for arm in ARM_NAMES if (of_rule["arm"] == arm).any()]
        draw_curves(place, {ARM_NAMES[a]: of_rule[of_rule["arm"] == a] for a in arms}, "progression-free")
        for i, arm in enumerate(arms):
            trials = drawn[(drawn["rule"] == rule) & (drawn["arm"] == arm)]
            style = {"color": COLOURS[i], "linewidth": 0.9, "linestyle": (0, (1, 1.5))}
            place.plot(trials["time"], trials["survival"], label=f"{ARM_NAMES[arm]}, draws", **style)
            row = medians[(medians["rule"] == rule) & (medians["arm"] == arm)].iloc[0]
            if np.isfinite(row["published"]):
                mark = {"color": COLOURS[i], "markersize": 7, "markeredgecolor": INK, "clip_on": False}
                place.plot(row["published"], 0.5, "D", label=f"{ARM_NAMES[arm]}, published median", **mark)
        place.set_title(RULE_NAMES.get(rule, rule), fontsize=9.5, fontweight="bold", color=INK, loc="left")
        place.get_legend().remove()
    handles, labels = places.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return figure


def _grid(down: int, across: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure of axes in rows and columns, dressed; the axes have the shape (down, across)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplots(down, across, squeeze=False)
    for place in places.flat:
        dress(place, size=8.5)
    return figure, places


def _months(days: pd.Series) -> np.ndarray:
    return days.to_numpy() / convert(1.0, "month", "day", "month")


def _response(place: Axes, outcome: Outcome, patient: pd.Series) -> None:
    """Change of M-protein of one patient: category, what it leaves open, fit, and best response."""
    low, high = np.clip(interval(patient["category"]), -100, 110)
    place.axhspan(low, high, color=COLOURS[2], alpha=0.35, lw=0, label="category")
    bands, curves = (outcome.tables[n] for n in ("bands", "profiles"))
    band, curve = (table[table["group"] == patient["group"]] for table in (bands, curves))
    style = {"color": COLOURS[5], "alpha": 0.35, "lw": 0, "label": "given the category, 95 %"}
    place.fill_between(_months(band["time"]), band["lower"], band["upper"], **style)
    value = curve["M_protein_change"].to_numpy()
    time, ended = _months(curve["time"]), patient[f"pfs_{patient['rule']}"]
    place.plot(time, value, color=COLOURS[0], linewidth=1.0, alpha=0.5, label="fit, after progression")
    before = np.where(time <= ended, value, np.nan)
    place.plot(time, before, color=COLOURS[0], linewidth=1.8, label="fit, to progression")
    place.set_xlim(0, SHOWN_MONTHS)
    place.set_ylim(-105, 110)
    place.xaxis.set_major_locator(MultipleLocator(12))
    place.yaxis.set_major_locator(MultipleLocator(50))


def _forest(place: Axes, table: pd.DataFrame, published: int) -> None:
    """One row a distinct patient, one mark an effect; the first rows have the published effects."""
    drawn = table.filter(like="_sd").drop(columns=["largest_sd", "distance_sd"])
    rows = -np.arange(len(table)) - np.where(np.arange(len(table)) < published, 0.0, 1.0)
    place.axvspan(-RARE, RARE, color=INK, alpha=0.07, lw=0)
    place.axvline(0, color=INK, linewidth=0.8)
    for i, name in enumerate(drawn):
        mark = {"color": COLOURS[i % len(COLOURS)], "markersize": 6, "alpha": 0.9, "linestyle": ""}
        place.plot(drawn[name], rows, MARKS[i % len(MARKS)], label=name.removesuffix("_sd"), **mark)
    place.set_yticks(rows, [f"{dose_name(r.dose)}, {r.category}" for r in table.itertuples()])
    place.set_ylim(rows.min() - 0.7, 1.3)
    said = {"fontsize": 8.5, "fontweight": "bold", "color": INK, "va": "center", "ha": "left"}
    left = place.get_xlim()[0]
    place.text(left, 0.85, "  published random effects", **said)
    if published < len(table):
        place.text(left, -published, "  with effects on burden and disposition", **said)
    place.set_xlabel(f"{with_unit('random effect', 'SD')}; shaded: within {RARE:g}", fontsize=9)
    place.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
