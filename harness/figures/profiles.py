"""Profiles of one simulation: the observables that its model declares for a plot, over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, new_figure, write_figure
from harness.models.catalog import load_card

__all__ = ["draw_profiles", "write_profiles"]


def draw_profiles(dataset: xr.Dataset) -> Figure:
    """Draw the declared observables that the dataset holds, or its first three."""
    declared = [name for name in load_card(dataset.attrs["model"]).plot if name in dataset]
    names = declared or list(dataset.data_vars)[:3]
    figure, axes = new_figure(len(names))
    time, unit = dataset.time.to_numpy(), dataset.time.attrs["units"]
    for each, name in zip(axes, names, strict=True):
        values = dataset[name].to_numpy()
        each.plot(time, values, color=COLOURS[0], linewidth=1.8)
        positive = values[values > 0]
        if positive.size == values.size and positive.max() > 1e3 * positive.min():
            each.set_yscale("log")
            each.set_ylim(bottom=max(positive.min(), positive.max() * 1e-9))
        each.set_xlabel(with_unit("time", unit))
        each.set_ylabel(with_unit(dataset[name].attrs["long_name"], dataset[name].attrs["units"]))
        each.set_title(name)
    if not any(np.isfinite(dataset[name]).any() for name in names):
        axes[0].text(0.5, 0.5, "the simulation failed", ha="center", transform=axes[0].transAxes)
    return figure


def write_profiles(dataset: xr.Dataset, path: Path) -> None:
    """Draw the profiles to a picture file, the format taken from the suffix."""
    write_figure(draw_profiles(dataset), path)
