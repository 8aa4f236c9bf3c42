"""Pictures of a fit: predictions over the data, starts, profiles, the ridge, correlations, residuals.

Promise: each function draws from the saved result alone, so a reloaded result gives the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.ticker import MaxNLocator

from harness.figures.labels import RESIDUAL, with_unit
from harness.figures.style import (
    COLOURS,
    DASHES,
    INK,
    SomeAxes,
    axes_for,
    figure_of,
    legend_of_all,
    legend_outside,
    write_figure,
)
from harness.fitting.information import RISE
from harness.fitting.result import FitResult

__all__ = [
    "draw_correlation",
    "draw_predictions",
    "draw_profiles",
    "draw_residuals",
    "draw_ridge",
    "draw_waterfall",
    "write_figures",
]


NAMED = 14
"""Arms that are named; of more the legend would be all that there is to see."""


def draw_predictions(result: FitResult, axes: SomeAxes | None = None) -> list[Axes]:
    """Observations, curves and 95 % bands, one set of axes an observable; censored ones as triangles.

    Where every arm is read out at one time only, predicted over observed instead.
    """
    curves, residuals = result.table("predictions"), result.table("residuals")
    names = list(dict.fromkeys(curves["observable"]))
    arms = curves["arm"].nunique()
    named = arms if arms <= NAMED else 0
    places = axes_for(axes, len(names), height=3.3 + 0.08 * named)  # and the legend below
    single = residuals.groupby(["arm", "observable"]).size().max() == 1
    for place, name in zip(places, names, strict=True):
        mine, seen = curves[curves["observable"] == name], residuals[residuals["observable"] == name]
        unit = mine["unit"].iloc[0]
        if single:
            _predicted_over_observed(place, seen, with_unit(name, unit))
            continue
        for i, arm in enumerate(dict.fromkeys(mine["arm"])):
            _arm(place, mine[mine["arm"] == arm], seen[seen["arm"] == arm], arm, i)
        if _spans_decades(seen["observed"]):
            place.set_yscale("log")
            place.set_ylim(seen["observed"].min() / 20, seen["observed"].max() * 5)
        else:
            margin = 0.15 * np.ptp(seen["observed"])
            place.set_ylim(seen["observed"].min() - margin, seen["observed"].max() + margin)
        place.set_xlabel(with_unit("time", result.time_unit))
        place.set_ylabel(with_unit(name, unit))
    if named and not single:
        legend_of_all(places, axes, "outside lower center", 4)
    return places


def draw_waterfall(result: FitResult, ax: Axes | None = None) -> Axes:
    """The objective that each start reached, over the lowest, from the best to the worst."""
    table = result.table("waterfall")
    axes = ax or axes_for(None, 1)[0]
    rise = table["objective"] - table["objective"].min()
    rank = np.arange(1, len(table) + 1)
    for done, marker in ((True, "o"), (False, "x")):
        chosen = table["converged"] == done
        if chosen.any():
            label = "converged" if done else "not converged"
            axes.plot(rank[chosen], rise[chosen] + 1e-3, marker, color=COLOURS[0 if done else 1], label=label)
    axes.set_yscale("log")
    axes.axhline(1e-3 + 0.1, color=INK, linewidth=0.8, linestyle=DASHES[2])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("start, best first")
    axes.set_ylabel("−2 ln L over the lowest, + 0.001")
    if not table["converged"].all():
        legend_outside(axes, "above", ncols=2)
    return axes


def draw_profiles(result: FitResult, axes: SomeAxes | None = None) -> list[Axes]:
    """The profile of each parameter, with the 95 % threshold, the estimate and Table 1's value.

    One set of axes a parameter.
    """
    profiles = result.table("profiles")
    estimates = result.table("estimates").set_index("parameter")
    names = list(dict.fromkeys(profiles["profiled"]))
    places = axes_for(axes, len(names), width=2.6, height=2.3, across=4)
    for place, name in zip(places, names, strict=True):
        mine, row = profiles[profiles["profiled"] == name], estimates.loc[name]
        place.plot(mine["value"], mine["rise"], color=COLOURS[0], marker=".", markersize=4, linewidth=1.2)
        if np.isfinite(row.profile_rise):
            place.axhline(row.profile_rise, color=INK, linewidth=0.8, linestyle=DASHES[2])
            place.set_ylim(-0.08 * row.profile_rise, 2.2 * row.profile_rise)
        place.axvline(row.estimate, color=COLOURS[0], linewidth=0.8, label="estimate")
        if np.isfinite(row.table_1):
            place.axvline(row.table_1, color=COLOURS[1], linewidth=0.8, linestyle=DASHES[1], label="Table 1")
        if (mine["value"] > 0).all() and mine["value"].max() > 10 * mine["value"].min():
            place.set_xscale("log")
        place.set_xlabel(with_unit(name, row.unit))
        place.set_title(row.verdict, fontsize=9, color=INK)
    for place in places[::4]:
        place.set_ylabel("rise of −2 ln L")
    legend_of_all(places, axes, "outside upper right", 2)
    return places


def draw_ridge(result: FitResult, ax: Axes | None = None) -> Axes:
    """The profile over two parameters, with the path along which the profile of the first runs."""
    table = result.table("ridge")
    first, second = table.columns[:2]
    estimates = result.table("estimates").set_index("parameter")
    field = table.pivot(index=second, columns=first, values="objective")
    rise = np.maximum(field - min(field.min().min(), result.number("objective")), 0)
    axes = ax or axes_for(None, 1, width=5.2, height=4.0)[0]
    levels = [0, 1, RISE, 10, 30, 100, 300, 1000]
    shown = axes.contourf(field.columns, field.index, rise, levels=levels, cmap="viridis_r", extend="max",
                          norm=_steps_norm(levels))  # fmt: skip
    bar = figure_of(axes).colorbar(shown, ax=axes)
    bar.set_label("rise of −2 ln L, other parameters fitted", color=INK, fontsize=9)
    bar.set_ticks(levels, labels=[f"{round(level, 2):g}" for level in levels])
    bar.ax.tick_params(labelsize=8, colors=INK)
    if "profiles" in result.tables and len(result.table("profiles")):
        path = result.table("profiles").query("profiled == @first")
        axes.plot(path[first], path[second], color=COLOURS[1], linewidth=1.2, label=f"profile of {first}")
    axes.plot(*estimates.loc[[first, second], "estimate"], "o", color=COLOURS[1], label="estimate",
              clip_on=False, zorder=5)  # fmt: skip
    axes.plot(*estimates.loc[[first, second], "table_1"], "*", color="white", markeredgecolor=INK,
              markersize=11, label="Table 1")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(with_unit(first, estimates.unit[first]))
    axes.set_ylabel(with_unit(second, estimates.unit[second]))
    legend_outside(axes, "above", ncols=3)
    return axes


def draw_correlation(result: FitResult, ax: Axes | None = None) -> Axes:
    """Correlations of the estimates, a signed square for each pair."""
    table = result.table("correlation").set_index("parameter")
    axes = ax or axes_for(None, 1, width=1.8 + 0.42 * len(table), height=1.4 + 0.4 * len(table))[0]
    drawn = axes.imshow(table.to_numpy(float), cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(range(len(table)), table.columns, rotation=60, ha="right")
    axes.set_yticks(range(len(table)), table.index)
    for i, j in zip(*np.nonzero(np.abs(np.triu(table.to_numpy(float), 1)) > 0.5), strict=True):
        value = table.iloc[i, j]
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7,
                  color="white" if abs(value) > 0.75 else INK)  # fmt: skip
    bar = figure_of(axes).colorbar(drawn, ax=axes, shrink=0.8)
    bar.set_label("correlation", color=INK, fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=INK)
    return axes


def draw_residuals(result: FitResult, axes: SomeAxes | None = None) -> list[Axes]:
    """Standardised residuals over time and against the normal distribution, censored ones left out."""
    from scipy.stats import norm

    table = result.table("residuals")
    table = table[~table["censored"].astype(bool)]
    over_time, quantiles = axes_for(axes, 2)
    for i, name in enumerate(dict.fromkeys(table["observable"])):
        mine = table[table["observable"] == name].sort_values("residual")
        colour = COLOURS[i % len(COLOURS)]
        over_time.plot(mine["time"], mine["residual"], "o", color=colour, markersize=4, label=name)
        expected = norm.ppf((np.arange(len(mine)) + 0.5) / len(mine))
        quantiles.plot(expected, mine["residual"], "o", color=colour, markersize=4)
    for level in (-1.96, 0, 1.96):
        over_time.axhline(level, color=INK, linewidth=0.8, linestyle=DASHES[0 if level == 0 else 2])
    quantiles.axline((0, 0), slope=1, color=INK, linewidth=0.8)
    over_time.set_xlabel(with_unit("time", result.time_unit))
    over_time.set_ylabel(RESIDUAL)
    quantiles.set_xlabel("normal quantile")
    quantiles.set_ylabel(RESIDUAL)
    legend_outside(over_time, "above", ncols=2)
    return [over_time, quantiles]


def write_figures(result: FitResult, folder: Path) -> None:
    """Every figure that the result has tables for, as .png and .svg."""
    drawn: dict[str, Callable[[FitResult], Axes | list[Axes]]] = {
        "predictions": draw_predictions, "waterfall": draw_waterfall, "correlation": draw_correlation,
        "residuals": draw_residuals, "profiles": draw_profiles, "ridge": draw_ridge,
    }  # fmt: skip
    for name, draw in drawn.items():
        if len(result.table(name)):
            axes = draw(result)
            for suffix in (".png", ".svg"):
                write_figure(axes, folder / f"{name}{suffix}")


def _arm(axes: Axes, curve: pd.DataFrame, seen: pd.DataFrame, arm: str, i: int) -> None:
    colour = COLOURS[i % len(COLOURS)]
    axes.fill_between(curve["time"], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
    line = {"color": colour, "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.4}
    axes.plot(curve["time"], curve["predicted"], label=arm, **line)
    below = seen["censored"].astype(bool)
    axes.plot(seen["time"][~below], seen["observed"][~below], "o", color=colour, markersize=4)
    if below.any():
        axes.plot(seen["time"][below], seen["observed"][below], "v", color="none", markeredgecolor=colour,
                  markersize=5)  # fmt: skip


def _predicted_over_observed(axes: Axes, seen: pd.DataFrame, label: str) -> None:
    axes.plot(seen["observed"], seen["predicted"], "o", color=COLOURS[0], markersize=4)
    both = [seen[["observed", "predicted"]].min().min(), seen[["observed", "predicted"]].max().max()]
    axes.plot(both, both, color=INK, linewidth=0.8)
    axes.set_xlabel(f"observed {label}")
    axes.set_ylabel(f"predicted {label}")


def _steps_norm(levels: list[float]) -> BoundaryNorm:
    return BoundaryNorm(levels, 256, extend="max")


def _spans_decades(values: pd.Series) -> bool:
    return bool((values > 0).all() and values.max() > 20 * values.min())
