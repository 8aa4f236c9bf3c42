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
from harness.figures.style import (
    COLOURS,
    INK,
    SomeAxes,
    Style,
    dress,
    given_axes,
    legend_of_all,
    legend_outside,
)
from harness.figures.survival import draw_survival
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


def draw_panels(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Change of M-protein of every patient over its category, one set of axes each (Figure S2)."""
    patients = outcome.tables["patients"]
    drawn = _page(len(patients)) if axes is None else given_axes(axes, len(patients))
    for place, (_, patient) in zip(drawn, patients.iterrows(), strict=True):
        _response(place, outcome, patient)
        place.set_title(f"{dose_name(patient['dose'])}, {patient['reported']}", fontsize=8, color=INK, pad=3)
        if patient["largest_sd"] > RARE:
            far = f"{patient['distance_sd']:.1f} SD"
            where: Style = {"ha": "right", "va": "top", "transform": place.transAxes}
            place.text(0.97, 0.95, far, fontsize=7.5, color=COLOURS[1], **where)
    legend_of_all(drawn, axes, "outside upper center", 4)
    return drawn


def _page(count: int) -> list[Axes]:
    """So many axes, `ACROSS` in a row; what they share is told once, at the edges of the page."""
    down = -(-count // ACROSS)
    figure, places = _grid(down, ACROSS, 1.75 * ACROSS, 1.5 * down + 0.7)
    for place in places.flat[count:]:
        place.set_axis_off()
    for i, place in enumerate(places.flat[:count]):
        place.tick_params(labelleft=i % ACROSS == 0, labelbottom=i + ACROSS >= count)
    figure.supxlabel(MONTHS, fontsize=9, color=INK)
    figure.supylabel(CHANGE, fontsize=9, color=INK)
    return [*places.flat[:count]]


def draw_examples(
    outcome: Outcome, categories: tuple[str, ...] = EXAMPLES, axes: SomeAxes | None = None
) -> list[Axes]:
    """M-protein, soluble BCMA and transgene of one patient of each category that the table has (Figure 5a).

    One set of axes a patient in each of three rows. Where several patients share a category, that of the dose
    with most of them is shown.
    """
    patients = outcome.tables["patients"]
    chosen = [patients[patients["category"] == name] for name in categories]
    chosen = [table[table["group"] == table["group"].mode()[0]].iloc[0] for table in chosen if len(table)]
    if axes is None:
        _, places = _grid(len(ROWS), len(chosen), 2.5 * len(chosen) + 0.6, 6.0)
    else:
        places = np.array(given_axes(axes, len(ROWS) * len(chosen)), object).reshape(len(ROWS), -1)
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
    legend_of_all([*places.flat], axes, "outside lower center", 4)
    return [*places.flat]


def draw_effects(outcome: Outcome, ax: Axes | None = None) -> Axes:
    """Size of each random effect in SD, for each distinct patient.

    Below, once more with more effects for those without a response (ledger row D17).
    """
    tables = [outcome.tables[name].drop_duplicates("group") for name in ("patients", "added")]
    table = pd.concat([each for each in tables if len(each)], ignore_index=True)
    place = ax or _grid(1, 1, 7.2, 1.3 + 0.25 * len(table))[1][0, 0]
    _forest(place, table, len(tables[0]))
    return place


def draw_progression(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Progression-free survival by arm, a set of axes a rule: fits, draws, published medians (Figure 5b)."""
    medians, survival, repeated = (outcome.tables[name] for name in ("medians", "survival", "predicted"))
    rules = list(dict.fromkeys(survival["rule"]))
    if axes is None:
        drawn = [*_grid(1, len(rules), 4.3 * len(rules), 3.9)[1].flat]
    else:
        drawn = given_axes(axes, len(rules))
    for place, rule in zip(drawn, rules, strict=True):
        of_rule = survival[survival["rule"] == rule]
        arms = [arm for arm in ARM_NAMES if (of_rule["arm"] == arm).any()]
        curves = {ARM_NAMES[arm]: of_rule[of_rule["arm"] == arm] for arm in arms}
        draw_survival(curves, "progression-free", ax=place)
        for i, arm in enumerate(arms):
            trials = repeated[(repeated["rule"] == rule) & (repeated["arm"] == arm)]
            style: Style = {"color": COLOURS[i], "linewidth": 0.9, "linestyle": (0, (1, 1.5))}
            place.plot(trials["time"], trials["survival"], label=f"{ARM_NAMES[arm]}, draws", **style)
            row = medians[(medians["rule"] == rule) & (medians["arm"] == arm)].iloc[0]
            if np.isfinite(row["published"]):
                mark: Style = {"color": COLOURS[i], "markersize": 7, "markeredgecolor": INK, "clip_on": False}
                place.plot(row["published"], 0.5, "D", label=f"{ARM_NAMES[arm]}, published median", **mark)
        place.set_title(RULE_NAMES.get(rule, rule), fontsize=9.5, fontweight="bold", color=INK, loc="left")
        place.get_legend().remove()
    legend_of_all(drawn, axes, "outside upper center", 3)
    return drawn


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
    style: Style = {"color": COLOURS[5], "alpha": 0.35, "lw": 0, "label": "given the category, 95 %"}
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
        mark: Style = {"color": COLOURS[i % len(COLOURS)], "markersize": 6, "alpha": 0.9, "linestyle": ""}
        place.plot(drawn[name], rows, MARKS[i % len(MARKS)], label=name.removesuffix("_sd"), **mark)
    place.set_yticks(rows, [f"{dose_name(r.dose)}, {r.category}" for r in table.itertuples()])
    place.set_ylim(rows.min() - 0.7, 1.3)
    said: Style = {"fontsize": 8.5, "fontweight": "bold", "color": INK, "va": "center", "ha": "left"}
    left = place.get_xlim()[0]
    place.text(left, 0.85, "  published random effects", **said)
    if published < len(table):
        place.text(left, -published, "  with effects on burden and disposition", **said)
    place.set_xlabel(f"{with_unit('random effect', 'SD')}; shaded: within {RARE:g}", fontsize=9)
    legend_outside(place, "beside")
