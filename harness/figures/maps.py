"""The four contour maps of Figure 4: dose by burden, blank where there is no early peak."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.figures.contours import draw_lines, set_scale
from harness.figures.labels import BURDEN, DOSE, with_unit
from harness.figures.style import INK, SomeAxes, axes_for
from harness.studies.outcome import Outcome

__all__ = ["draw_map"]

NAMES = {"Cmax": "Cmax", "Tmax": "Tmax", "sBCMA_fall": "fall of soluble BCMA", "M_fall": "fall of M-protein"}

LINES = {
    "Cmax": (100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6),
    "Tmax": (10, 12, 14, 15, 16, 17, 18, 21, 28, 35, 42, 49, 56),
    "sBCMA_fall": (10, 25, 50, 75, 85, 90, 95, 98, 99, 99.9, 99.99),
    "M_fall": (10, 25, 40, 50, 60, 70, 80, 85, 90, 95, 97),
}
"""Values at which a line is drawn; round ones, closer where a fall saturates."""


def draw_map(outcome: Outcome, axes: SomeAxes | None = None) -> list[Axes]:
    """Draw the table of a map, dose across, burden up: one set of axes each for `NAMES`."""
    table = outcome.tables["map"]
    dose = outcome.extra["dose"]
    units = {**dict.fromkeys(NAMES, "percent"), **outcome.extra["units"]}
    places = axes_for(axes, len(NAMES), width=3.6, height=3.5)
    for place, (name, shown) in zip(places, NAMES.items(), strict=True):
        field = table.pivot(index="burden_percent", columns=dose, values=name)
        x, y, values = field.columns.to_numpy(float), field.index.to_numpy(float), field.to_numpy(float)
        set_scale(place, "x", x)
        if np.isfinite(values).any():
            draw_lines(x, y, values, LINES[name], place)
        else:
            place.text(0.5, 0.5, "no values", ha="center", color=INK, transform=place.transAxes)
        place.set_xlabel(DOSE)
        place.set_title(with_unit(shown, units[name]), fontsize=10, color=INK)
    places[0].set_ylabel(BURDEN)
    return places
