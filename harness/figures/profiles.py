"""Profiles of one simulation: the observables that its model declares for a plot, over time.

Promise: the days of later doses, and both ends of an infusion, are marked, whatever the curve does there; a
curve is drawn to just before such a moment, and on from after it.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from harness.analysis.moments import jumps
from harness.figures.labels import dose_name, with_unit
from harness.figures.style import COLOURS, INK, SomeAxes, axes_for, figure_of, write_figure
from harness.models.catalog import load_card

__all__ = ["draw_profiles", "write_profiles"]

DECADES = 1e3
"""Ratio of the largest to the smallest value from which on an axis is logarithmic."""

LOWEST = 1e-9
"""Share of the largest value below which nothing is shown."""

BEGINNING = 0.02
"""Share of the time in which a curve may still come up from 0."""

NAMED = 6
"""Moments that are told by their time too; of more the lines are shown alone."""

NEAR = 0.07
"""Share of the time within which two numbers would stand on each other."""

BAND = ("_low", "_high")
"""Behind the name of an observable: the ends of its band."""

HEADING = 130
"""Letters of a line above all axes."""

LINE = 34
"""Letters of a line of a label, as many as stand beside an axis."""


def draw_profiles(dataset: xr.Dataset, axes: SomeAxes | None = None) -> list[Axes]:
    """Draw the declared observables that the dataset holds, or its first three, one set of axes each.

    Those that have a band, ``NAME_low`` and ``NAME_high``, with it. A figure of its own says above what was
    run: the model, its doses, its condition, reading and changes.
    """
    declared = [name for name in load_card(dataset.attrs["model"]).plot if name in dataset]
    names = declared or [str(name) for name in dataset.data_vars if not str(name).endswith(BAND)][:3]
    drawn = axes_for(axes, len(names))
    time, unit = dataset.time.to_numpy(), dataset.time.attrs["units"]
    for each, name in zip(drawn, names, strict=True):
        values = dataset[name].to_numpy()
        each.plot(time, values, color=COLOURS[0], linewidth=1.8)
        if all(f"{name}{end}" in dataset for end in BAND):
            low, high = (dataset[f"{name}{end}"].to_numpy() for end in BAND)
            each.fill_between(time, low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
        _set_scale(each, time, values)
        _mark_moments(each, time, unit)
        each.set_xlabel(with_unit("time", unit))
        label = with_unit(dataset[name].attrs["long_name"], dataset[name].attrs["units"])
        each.set_ylabel(textwrap.fill(label, LINE))
    if axes is None:
        figure_of(drawn).suptitle("\n".join(_heading(dataset)), fontsize=11, color=INK)
    if not any(np.isfinite(dataset[name]).any() for name in names):
        drawn[0].text(0.5, 0.5, "the simulation failed", ha="center", transform=drawn[0].transAxes)
    return drawn


def _heading(dataset: xr.Dataset) -> list[str]:
    """What was run: the model, and in lines that fit what was given and changed."""
    unit = dataset.time.attrs["units"]
    given = re.sub(
        r"(\d[\d.e+]*)@", lambda found: f"{dose_name(float(found[1]))} at {unit} ", dataset.attrs["doses"]
    )
    given = re.sub(r" for (\S+?)(?=,|$)", lambda found: f" for {_short(float(found[1]))} {unit}s", given)
    words = ("condition", "readings", "changes")
    said = [f"doses: {given}"] if given else []
    said += [f"{word}: {dataset.attrs[word]}" for word in words if dataset.attrs[word]]
    return [dataset.attrs["title"], *textwrap.wrap("; ".join(said), HEADING)]


def _short(time: float) -> str:
    """A time as one reads it: 0.0833 of a day, not what two hours are to the last digit."""
    return f"{time:.3g}" if abs(time) < 1 else f"{time:g}"


def _set_scale(axes: Axes, time: np.ndarray, values: np.ndarray) -> None:
    """Logarithmic where values span decades, but for those at the very beginning, which may come from 0."""
    later = values[time >= time[0] + BEGINNING * np.ptp(time)]
    if not (later > 0).all() or not (values >= 0).all() or not later.max() > DECADES * later.min():
        return
    positive = values[values > 0]
    axes.set_yscale("log")
    axes.set_ylim(bottom=max(0.5 * positive.min(), LOWEST * positive.max()))


def _mark_moments(axes: Axes, time: np.ndarray, unit: str) -> None:
    """A line at each moment at which something was given, or rates switched, with its time above."""
    moments = time[jumps(time) + 1]
    for moment in moments:
        axes.axvline(moment, color=INK, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0)
    if 0 < moments.size <= NAMED:
        above = axes.secondary_xaxis("top")
        told = _apart(moments, NEAR * np.ptp(time))
        labels = ["–".join(dict.fromkeys(map(_short, ends))) for ends in told]
        above.set_xticks([first for first, _ in told], [f"{unit} {labels[0]}", *labels[1:]])
        above.tick_params(length=2, pad=1, labelsize=7.5, colors=INK)
        above.spines["top"].set_visible(False)


def _apart(moments: np.ndarray, near: float) -> list[tuple[float, float]]:
    """First and last of moments that are too near each other for a number each."""
    parts = np.split(moments, np.flatnonzero(np.diff(moments) > near) + 1)
    return [(float(part[0]), float(part[-1])) for part in parts]


def write_profiles(dataset: xr.Dataset, path: Path) -> None:
    """Draw the profiles to a picture file, the format taken from the suffix."""
    write_figure(draw_profiles(dataset), path)
