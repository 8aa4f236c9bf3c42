"""Candidates of a calibration: response by dose with bands, and evidence beside the trial that was predicted.

Promise: everything is drawn from the tables of the outcome, and from nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.figures.labels import MILLIONS, with_unit
from harness.figures.style import (
    COLOURS,
    INK,
    LETTERS,
    SomeAxes,
    Style,
    axes_for,
    dress,
    legend_of_all,
    legend_outside,
)
from harness.studies.outcome import Outcome

__all__ = ["draw_by_dose", "draw_comparison", "draw_designs", "draw_regimens", "draw_responses"]

COLUMNS = 3

FAR = 12.0
"""Units of log probability below the best beyond which a number is written in place of a point."""


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
        dress(each, LETTERS)
        each.set_title(own["label"].iloc[0], fontsize=LETTERS, color=INK, loc="left")
        each.set_xscale("log")
        each.set_xticks(doses, [f"{dose:g}" for dose in doses])
        each.minorticks_off()
        each.set_ylim(0, 102)
        each.set_xlabel(MILLIONS if name in names[-COLUMNS:] else "")
    drawn[0].set_ylabel(with_unit("response", "percent"))
    legend_of_all(drawn, axes, "outside lower center", 2, LETTERS - 1)
    return drawn


BY_DOSE = {
    "orr": with_unit("overall response", "percent"),
    "cr": with_unit("complete response", "percent"),
    "pfs": with_unit("median PFS", "month"),
    "cmax": with_unit("Cmax", "copies/ug"),
}
"""Outcomes by dose and their labels."""


def draw_by_dose(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """ORR, CR, median PFS and Cmax by dose: a row of axes a candidate, a column an outcome.

    The darker band is the middle 90 % of the draws, the lighter one that of trials. Infinite ends of a band
    of PFS are drawn at the top.
    """
    table = outcome.tables["by_dose"]
    names = list(dict.fromkeys(table["label"]))
    drawn = axes_for(axes, len(BY_DOSE) * len(names), width=3.0, height=2.2, across=len(BY_DOSE))
    tops = _tops(table)
    bands = {"what trials would show": ("trial_low", "trial_high"), "what is not known": ("low", "high")}
    for row, label in enumerate(names):
        for column, (name, said) in enumerate(BY_DOSE.items()):
            each = drawn[row * len(BY_DOSE) + column]
            line = table[(table["outcome"] == name) & (table["label"] == label)]
            doses, top = line["dose"] / 1e6, tops[name]
            dress(each, LETTERS)
            for (band, ends), alpha in zip(bands.items(), (0.15, 0.3), strict=True):
                low, high = (line[end].clip(upper=top) for end in ends)
                each.fill_between(doses, low, high, alpha=alpha, color=COLOURS[0], linewidth=0, label=band)
            median = line["median"].where(line["median"] <= top)
            each.plot(doses, median, color=COLOURS[0], linewidth=1.8)
            each.set_xscale("log")
            each.set_xticks([10, 100, 1000], ["10", "100", "1000"])
            each.minorticks_off()
            each.set_yscale("log" if name == "cmax" else "linear")
            if name != "cmax":
                each.set_ylim(0, top)
            else:
                each.set_ylim(table.loc[table["outcome"] == name, "trial_low"].min() / 2, 2 * top)
            each.set_title(said if row == 0 else "", fontsize=LETTERS, color=INK, loc="left")
            each.set_xlabel(MILLIONS if row == len(names) - 1 else "")
        drawn[row * len(BY_DOSE)].set_ylabel(label.replace(", ", ",\n").replace(" by ", "\nby "))
    legend_of_all(drawn, axes, "outside lower center", 2, LETTERS - 1)
    return drawn


def _tops(table: pd.DataFrame) -> dict[str, float]:
    """The highest end that each outcome is drawn to."""
    tops = {"orr": 102.0, "cr": 102.0}
    for name in ("pfs", "cmax"):
        ends = table.loc[table["outcome"] == name, ["median", "high", "trial_high"]].to_numpy(float)
        tops[name] = float(ends[np.isfinite(ends)].max()) * 1.05 if np.isfinite(ends).any() else 1.0
    return tops


def draw_regimens(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """ORR, shares in response later and median PFS, an axes each: regimens beside each other, by candidate.

    The thick bar is the middle 90 % of the draws, the thin one that of trials. What is infinite is drawn at
    the right end.
    """
    table = outcome.tables["regimens"]
    arms, names = (list(dict.fromkeys(table[column])) for column in ("arm", "label"))
    later = sorted(
        (o for o in set(table["outcome"]) if o.startswith("response_")), key=lambda o: float(o[9:])
    )
    said = {"orr": with_unit("overall response", "percent"), "pfs": with_unit("median PFS", "month")}
    said |= {each: with_unit(f"response, month {each[9:]}", "percent") for each in later}
    shown = ["orr", *later, "pfs"]
    drawn = axes_for(axes, len(shown), width=3.3, height=0.13 * len(arms) * (len(names) + 1.5) + 1.2)
    tops = {name: 102.0 if name != "pfs" else _tops(table)["pfs"] for name in shown}
    for each, name in zip(drawn, shown, strict=True):
        dress(each, LETTERS)
        for stripe in range(0, len(arms), 2):
            each.axhspan(stripe - 0.5, stripe + 0.5, color=INK, alpha=0.05, linewidth=0)
        for i, label in enumerate(names):
            line = table[(table["outcome"] == name) & (table["label"] == label)]
            ends = line[["low", "high", "trial_low", "trial_high", "median"]].clip(upper=tops[name])
            place = np.arange(len(arms))[::-1] - 0.7 * (i / max(len(names) - 1, 1) - 0.5)
            colour = COLOURS[i % len(COLOURS)]
            each.hlines(place, ends["trial_low"], ends["trial_high"], color=colour, linewidth=1)
            each.hlines(place, ends["low"], ends["high"], color=colour, linewidth=3)
            each.plot(ends["median"], place, "o", color=colour, markersize=4, label=label)
        each.set_yticks(np.arange(len(arms))[::-1], arms if each is drawn[0] else [])
        each.set_xlabel(said[name])
        each.set_xlim(0, tops[name])
        each.set_ylim(-0.5, len(arms) - 0.5)
    legend_outside(drawn[-1], "beside", size=LETTERS - 1)
    return drawn


def draw_designs(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Log evidence that a trial is expected to give a candidate over the nearest other one, by design."""
    table = outcome.tables["designs"]
    (drawn,) = axes_for(axes, 1, width=10.0, height=0.55 * table["design"].nunique() + 1.3)
    dress(drawn, LETTERS)
    names, truths = (list(dict.fromkeys(table[column])) for column in ("design", "truth"))
    labels = table.drop_duplicates("truth").set_index("truth")["label"]
    least = table.groupby(["design", "truth"])["log_evidence"].min()
    for i, truth in enumerate(truths):
        place = np.arange(len(names))[::-1] - 0.6 * (i / max(len(truths) - 1, 1) - 0.5)
        values = [least[name, truth] for name in names]
        style: Style = {"color": COLOURS[i % len(COLOURS)], "marker": "osD"[i // len(COLOURS) % 3]}
        drawn.plot(values, place, linestyle="", markersize=6, label=labels[truth], **style)
    drawn.axvline(0, color=INK, linewidth=0.8)
    drawn.axvline(np.log(20), color=INK, linewidth=0.8, linestyle=":")
    drawn.set_xscale("symlog", linthresh=3)
    drawn.set_xlim(min(-0.5, 1.2 * least.min()), max(4.0, 1.6 * least.max()))
    drawn.set_xticks([0, 1, 2, 3, 10, 30], ["0", "1", "2", "3", "10", "30"])
    drawn.minorticks_off()
    drawn.set_yticks(np.arange(len(names))[::-1], names)
    drawn.set_xlabel("log evidence over the nearest other (dotted: 20 to 1)")
    legend_outside(drawn, "beside", size=LETTERS - 1, title="trials drawn from")
    return [drawn]


def draw_comparison(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Log evidence of the responses that were fitted, and log probability of the trial that was not."""
    table = outcome.tables["comparison"].iloc[::-1]
    drawn = axes_for(axes, 2, width=5.2, height=0.4 * len(table) + 1.1)
    _dots(
        drawn[0],
        table,
        "log_evidence_responses",
        "log_evidence_responses_error",
        "log evidence, responses fitted",
    )
    _dots(drawn[1], table, "blind_log_p", "blind_error", "log probability, trial not fitted")
    drawn[1].set_yticklabels([])
    return drawn


def _dots(axes: Axes, table: pd.DataFrame, column: str, error: str, label: str) -> None:
    """One row each; what is far below the best is a number at the edge, so that others can be told apart."""
    dress(axes, LETTERS)
    place = np.arange(len(table))
    benchmark = table["log_evidence"].isna().to_numpy()
    values = table[column].to_numpy()
    edge = values.max() - FAR
    for chosen, colour in ((~benchmark, COLOURS[0]), (benchmark, COLOURS[1])):
        near = chosen & (values >= edge)
        axes.errorbar(values[near], place[near], xerr=table[error][near], fmt="o", color=colour, capsize=3)
        for at in np.flatnonzero(chosen & ~near):
            axes.text(
                edge, float(at), f"\u2190 {values[at]:.1f}", color=colour, fontsize=LETTERS, va="center"
            )
    axes.set_xlim(edge - 0.5, values.max() + 1)
    axes.set_ylim(-0.5, len(table) - 0.5)
    axes.set_yticks(place, table["label"])
    axes.set_xlabel(label)
