"""Pictures of how well a fit describes its data: goodness of fit, individuals, predictive check, forest.

Promise: each function draws from the saved result alone, with the tables that
:func:`harness.fitting.diagnostics.diagnose` adds; censored observations are marked as such.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from harness.figures.fit import draw_correlation
from harness.figures.labels import with_unit
from harness.figures.style import (
    COLOURS,
    DASHES,
    INK,
    SomeAxes,
    axes_for,
    legend_of_all,
    write_figure,
)
from harness.fitting.result import FitResult
from harness.models.units import readable

__all__ = [
    "draw_forest",
    "draw_goodness",
    "draw_individuals",
    "draw_predictive_check",
    "write_diagnostics",
]

MOST = 24
"""Individuals that are drawn."""

ENDS = ("low", "high", "profile_low", "profile_high")

TICKS = (
    (4.0, (0.3, 0.5, 0.7, 1, 1.4, 2, 3)),
    (30.0, (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)),
    (np.inf, (0.001, 0.01, 0.1, 1, 10, 100, 1000)),
)
"""Ticks of an axis of ratios, by how far it reaches, so that none stands in another."""

FAR = 1e3
"""How far from its estimate an interval is drawn: an open one to there."""


def draw_goodness(result: FitResult, axes: SomeAxes | None = None) -> list[Axes]:
    """Observations over predictions of the typical and of each individual, CWRES over time and prediction.

    Four sets of axes an observable. Censored observations are triangles at their limit, and have no residual.
    """
    table = result.table("diagnostics")
    names = list(dict.fromkeys(table["observable"]))
    places = axes_for(axes, 4 * len(names), width=3.5, height=3.1, across=4)
    for i, name in enumerate(names):
        mine = table[table["observable"] == name]
        label = with_unit(name, mine["unit"].iloc[0])
        for place, kind, said in zip(
            places[4 * i :], ("PRED", "IPRED"), ("typical", "individual"), strict=False
        ):
            _observed_over(place, mine, kind, f"{said} prediction: {label}")
        _residuals_over(places[4 * i + 2], mine, "time", with_unit("time", result.time_unit))
        _residuals_over(places[4 * i + 3], mine, "PRED", f"typical prediction: {label}")
        if _spans(mine["PRED"]):
            places[4 * i + 3].set_xscale("log")
        places[4 * i].set_ylabel(f"observed: {label}")
        places[4 * i + 2].set_ylabel(with_unit("CWRES", "SD"))
    legend_of_all(places, axes, "outside upper right", 2)
    return places


def draw_individuals(result: FitResult, axes: SomeAxes | None = None) -> list[Axes]:
    """Observations of each arm with its own curve and the typical one, a set of axes an arm and observable.

    The first 24 of them.
    """
    table, curves, typical = (result.table(name) for name in ("diagnostics", "predictions", "typical"))
    pairs = list(dict.fromkeys(zip(table["arm"], table["observable"], strict=True)))[:MOST]
    places = axes_for(axes, len(pairs), width=2.5, height=2.1, across=6)
    logarithmic = {
        name: _spans(pd.concat([each["observed"], each["PRED"]]))
        for name, each in table.groupby("observable")
    }
    for place, (arm, name) in zip(places, pairs, strict=True):
        mine = table[(table["arm"] == arm) & (table["observable"] == name)].sort_values("time")
        for each, column, said, line in (
            (curves, "predicted", "individual", {"color": COLOURS[0], "linewidth": 1.4}),
            (typical, "typical", "typical", {"color": COLOURS[1], "linewidth": 1, "linestyle": DASHES[1]}),
        ):
            curve = each[(each["arm"] == arm) & (each["observable"] == name)]
            place.plot(curve["time"], curve[column], label=said, **line)
        _points(place, mine, "time")
        if logarithmic[name]:
            place.set_yscale("log")
        place.set_title(f"{arm}: {with_unit(name, mine['unit'].iloc[0])}", fontsize=8, color=INK)
        place.tick_params(labelsize=7)
    for place in places[-6:]:
        place.set_xlabel(with_unit("time", result.time_unit), fontsize=8)
    legend_of_all(places, axes, "outside upper right", 4)
    return places


def draw_predictive_check(result: FitResult, axes: SomeAxes | None = None) -> list[Axes]:
    """Percentiles 5, 50 and 95 of the observations over the middle 95 % of simulated ones, by observable.

    Where some are censored, a second set of axes below has their share.
    """
    table, seen = result.table("vpc"), result.table("diagnostics")
    names = list(dict.fromkeys(table["observable"]))
    shared = [name for name in names if (table.loc[table["observable"] == name, "below"] > 0).any()]
    places = axes_for(axes, len(names) + len(shared), width=4.6, height=3.4, across=len(names))
    time = with_unit("time", result.time_unit)
    for place, name in zip(places, names, strict=False):
        mine, points = table[table["observable"] == name], seen[seen["observable"] == name]
        for level, each in mine.groupby("percentile"):
            colour = COLOURS[0] if level == 50 else COLOURS[2]
            told = f"{level:g} %, simulated" if level != 95 else None
            place.fill_between(each["time"], each["low"], each["high"], color=colour, alpha=0.25, linewidth=0,
                               label=told and (told if level == 50 else "5 and 95 %, simulated"))  # fmt: skip
            place.plot(each["time"], each["observed"], color=INK, linewidth=1.3,
                       linestyle="-" if level == 50 else DASHES[1],
                       label={50: "50 %, observed", 5: "5 and 95 %, observed"}.get(level))  # fmt: skip
        _points(place, points, "time", size=3)
        if _spans(points["observed"]):
            place.set_yscale("log")
        place.set_xlabel(time)
        place.set_ylabel(with_unit(name, mine["unit"].iloc[0]))
    for place, name in zip(places[len(names) :], shared, strict=True):
        mine = table[(table["observable"] == name) & (table["percentile"] == 50)]
        place.fill_between(mine["time"], mine["below_low"], mine["below_high"], color=COLOURS[0], alpha=0.25)
        place.plot(mine["time"], mine["below"], color=INK, marker="v", linewidth=1.2)
        place.set_xlabel(time)
        place.set_ylabel(with_unit(f"{name} below the limit", "percent"))
        place.set_ylim(-3, 103)
    legend_of_all(places, axes, "outside upper center", 2)
    return places


def draw_forest(result: FitResult, ax: Axes | None = None) -> Axes:
    """Estimates with their 95 % intervals, each over its estimate, by standard error and by profile.

    What is not positive, or may not be by its interval, is no ratio: it is told below.
    """
    every = result.table("estimates")
    is_ratio = (every["estimate"] > 0) & ~(every["low"] <= 0) & ~(every["profile_low"] <= 0)
    table = every[is_ratio].iloc[::-1].reset_index(drop=True)
    axes = ax or axes_for(None, 1, width=6.4, height=1.4 + 0.34 * len(table))[0]
    place = np.arange(len(table))
    ratio = {name: table[name].to_numpy(float) / table["estimate"].to_numpy(float) for name in ENDS}
    for shift, low, high, colour, said in (
        (0.0, ratio["low"], ratio["high"], COLOURS[0], "by standard error"),
        (0.22, ratio["profile_low"], ratio["profile_high"], COLOURS[1], "by profile"),
    ):
        there = np.isfinite(low) | np.isfinite(high)
        ends = np.nan_to_num(low, nan=1 / FAR), np.nan_to_num(high, nan=FAR)
        left, right = (np.clip(end, 1 / FAR, FAR)[there] for end in ends)
        if there.any():
            axes.hlines(place[there] + shift, left, right, color=colour, linewidth=2, label=said)
    axes.plot(
        np.ones(len(table)), place, "|", color=INK, markersize=11, markeredgewidth=1.6, label="estimate"
    )
    axes.axvline(1, color=INK, linewidth=0.6, linestyle=DASHES[2])
    axes.set_xscale("log")
    known = np.concatenate(list(ratio.values()))
    known = np.abs(np.log(known[np.isfinite(known) & (known > 0)]))
    reach = 1.2 * float(np.exp(np.clip(known.max(initial=0.4), 0.4, np.log(FAR))))
    axes.set_xlim(1 / reach, reach)
    ticks = [tick for tick in next(t for end, t in TICKS if reach < end) if 1 / reach <= tick <= reach]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(place, [_told(row) for row in table.itertuples()])
    told = [f"no ratio: {_told(row)} ({row.low:.3g} to {row.high:.3g})"
            for row in every[~is_ratio].itertuples()]  # fmt: skip
    axes.set_xlabel("\n".join(["95 % interval over the estimate", *told]))
    legend_of_all([axes], None if ax is None else [ax], "outside upper right", 3)
    return axes


def write_diagnostics(result: FitResult, folder: Path) -> list[Path]:
    """Every figure of the diagnostics, as .png; returns their paths."""
    drawn: dict[str, Callable[[FitResult], Axes | list[Axes]]] = {
        "goodness": draw_goodness, "individuals": draw_individuals, "predictive_check": draw_predictive_check,
        "forest": draw_forest, "correlation": draw_correlation,
    }  # fmt: skip
    paths = []
    for name, draw in drawn.items():
        paths.append(folder / f"{name}.png")
        write_figure(draw(result), paths[-1])
    return paths


def _told(row: Any) -> str:
    """An estimate as a line of a forest says it."""
    unit = "" if row.unit == "dimensionless" else f" {readable(row.unit)}"
    return f"{row.parameter}  {row.estimate:.3g}{unit}" + ("" if np.isfinite(row.low) else "  (no error)")


def _observed_over(place: Axes, table: pd.DataFrame, column: str, label: str) -> None:
    _points(place, table, column)
    both = pd.concat([table[column], table["observed"]])
    if _spans(both):
        place.set_xscale("log")
        place.set_yscale("log")
    ends = [both.min(), both.max()]
    place.plot(ends, ends, color=INK, linewidth=0.8)
    place.set_xlabel(label)


def _residuals_over(place: Axes, table: pd.DataFrame, column: str, label: str) -> None:
    place.plot(table[column], table["CWRES"], "o", color=COLOURS[0], markersize=3.5)
    for level in (-1.96, 0, 1.96):
        place.axhline(level, color=INK, linewidth=0.8, linestyle=DASHES[0 if level == 0 else 2])
    reach = max(3.0, 1.1 * float(np.nanmax(np.abs(table["CWRES"]), initial=0.0)))
    place.set_ylim(-reach, reach)
    place.set_xlabel(label)


def _points(place: Axes, table: pd.DataFrame, across: str, size: float = 3.5) -> None:
    """Observations, censored ones as open triangles."""
    below = table["censored"].astype(bool)
    place.plot(table[across][~below], table["observed"][~below], "o", color=INK, markersize=size, alpha=0.6,
               label="observed")  # fmt: skip
    if below.any():
        mine, edge, larger = table[below], COLOURS[1], size + 1.5
        place.plot(mine[across], mine["observed"], "v", color="none", markeredgecolor=edge, markersize=larger,
                   label="censored, at its limit")  # fmt: skip


def _spans(values: pd.Series) -> bool:
    """Whether values are positive and over a decade apart."""
    return bool((values > 0).all() and values.max() > 20 * values.min())
