"""Axes of a panel over one axis of scans: one small plot a condition, with bands and observations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.analysis.observations import in_unit
from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, DASHES, INK, SomeAxes, axes_for, legend_of_all
from harness.validation.curves import Evidence, NoData
from harness.validation.spec import ScanAxes
from harness.validation.suite import PanelResult

__all__ = ["describe_scan", "draw_scan_axes"]

COLUMNS = 3


def draw_scan_axes(result: PanelResult, declared: ScanAxes, axes: SomeAxes | None = None) -> list[Axes]:
    """Draw the scan axes of a panel, one set of axes a condition, three a row."""
    drawn = axes_for(axes, len(declared.conditions), width=3.6, height=2.7, across=COLUMNS)
    for place, (each, condition) in enumerate(zip(drawn, declared.conditions, strict=True)):
        _draw(each, result.evidence, declared, condition)
        each.set_xlabel(declared.x_label if place >= len(declared.conditions) - COLUMNS else "")
        each.set_ylabel(with_unit(declared.y_label, declared.unit) if place % COLUMNS == 0 else "")
    legend_of_all(drawn, axes, "outside lower center", 3)
    return drawn


def describe_scan(result: PanelResult, declared: ScanAxes) -> str:
    """The text alternative of the figure."""
    lines = ", ".join(line.label for line in declared.lines)
    return (
        f"{result.spec.figure}. {declared.title}: {declared.y_label} against {declared.x_label} for "
        f"{', '.join(declared.conditions)}; lines {lines}."
    )


def _draw(axes: Axes, evidence: Evidence, declared: ScanAxes, condition: str) -> None:
    for i, line in enumerate(declared.lines):
        x, y = _line(evidence, line.study, declared, condition)
        axes.plot(x, y, color=COLOURS[i], linestyle=DASHES[i], linewidth=1.6, label=line.label)
        if line.band:
            low, high = (_line(evidence, study, declared, condition)[1] for study in line.band)
            axes.fill_between(x, low, high, color=COLOURS[i], alpha=0.15, linewidth=0)
    seen = _observed(evidence, declared, condition)
    if seen is not None:
        axes.errorbar(
            seen[declared.x].astype(float), seen["value"], yerr=seen["reading_error"], fmt="o", color=INK,
            markersize=3.6, elinewidth=0.7, label="observed", zorder=5,
        )  # fmt: skip
    axes.set_title(condition, loc="left", fontweight="bold", color=INK, fontsize=9)
    axes.set_xscale(declared.x_scale)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(declared.low, declared.high)


def _line(
    evidence: Evidence, study: str, declared: ScanAxes, condition: str
) -> tuple[np.ndarray, np.ndarray]:
    table = evidence.outcomes[study].tables["runs"]
    rows = table[table["condition"] == condition]
    return rows[declared.x].to_numpy(float), rows[declared.y].to_numpy(float)


def _observed(evidence: Evidence, declared: ScanAxes, condition: str) -> pd.DataFrame | None:
    """Observations of a condition in the unit of the axes; None while its slot is empty."""
    try:
        rows = evidence.rows(declared.observable, condition)
    except NoData:
        return None
    columns = ("value", "reading_error")
    return rows.assign(**{c: in_unit(rows, c, declared.unit, declared.observable) for c in columns})
