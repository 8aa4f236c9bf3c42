"""The figures of a panel: its curves laid over its observations, and what is left between the two.

Promise: everything drawn is declared in the panel's specification; nothing here knows a panel.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes as MatplotlibAxes

from harness.analysis.observations import Observed
from harness.figures.labels import with_unit
from harness.figures.style import COLOURS, DASHES, INK, SomeAxes, axes_for, dress, legend_outside
from harness.validation.curves import NoData
from harness.validation.spec import Axes
from harness.validation.suite import PanelResult

__all__ = ["describe", "draw_axes", "draw_panel", "draw_residuals"]

MARKERS = ("o", "s", "^", "D")


def draw_panel(result: PanelResult, axes: SomeAxes | None = None) -> list[MatplotlibAxes]:
    """Draw all axes that the panel declares, in one row."""
    drawn = axes_for(axes, len(result.spec.axes), width=4.2, height=4.1)
    return [draw_axes(result, declared, ax) for ax, declared in zip(drawn, result.spec.axes, strict=True)]


def describe(result: PanelResult) -> str:
    """The text alternative of the figure: what each set of axes shows."""
    parts = []
    for declared in result.spec.axes:
        drawn = ", ".join(result.spec.curves[curve].label for curve in declared.curves)
        data = f", with observations of {', '.join(declared.arms.values())}" if declared.arms else ""
        parts.append(f"{declared.title}: {declared.label} over time; curves {drawn}{data}.")
    return f"{result.spec.figure}. " + " ".join(parts)


def draw_axes(result: PanelResult, declared: Axes, ax: MatplotlibAxes | None = None) -> MatplotlibAxes:
    """Draw one set of axes of a panel."""
    axes = ax or axes_for(None, 1)[0]
    colours = {name: i for i, name in enumerate(result.spec.curves)}
    _lines(axes, result, declared, colours)
    for marker, (arm, label) in zip(MARKERS, declared.arms.items(), strict=False):
        data = _observed(result, declared, arm)
        if data is None:
            continue
        low = declared.low if declared.low is not None else -np.inf
        shown = data.value > low if declared.scale == "log" else data.value >= low
        axes.errorbar(
            data.time[shown],
            data.value[shown],
            yerr=np.minimum(data.error, data.value)[shown],
            fmt=marker,
            color=INK,
            markersize=3.6,
            markerfacecolor="none" if marker == "s" else INK,
            elinewidth=0.7,
            linewidth=0.8,
            label=f"observed: {label}",
            zorder=5,
        )
    axes.set_title(declared.title, loc="left", fontweight="bold", color=INK, fontsize=10)
    axes.set_ylabel(with_unit(declared.label, _unit(result, declared)))
    unit = next(iter(result.evidence.curves.values())).time.attrs["units"]
    axes.set_xlabel(with_unit("time", unit))
    axes.set_xlim(0, declared.until)
    _limits(axes, declared)
    legend_outside(axes, "below", size=7.5)
    if declared.inset_until:
        inset = axes.inset_axes((0.44, 0.6, 0.55, 0.36))
        dress(inset, size=7.5)
        _lines(inset, result, declared, colours)
        inset.set_xlim(0, declared.inset_until)
        _limits(inset, declared)
        inset.set_title(f"to {unit} {declared.inset_until:g}", fontsize=7.5, color=INK)
    return axes


def _observed(result: PanelResult, declared: Axes, arm: str) -> Observed | None:
    """Observations of an arm; None while its slot is empty."""
    try:
        return result.evidence.observed(declared.observable, arm)
    except NoData:
        return None


def draw_residuals(result: PanelResult, axes: SomeAxes | None = None) -> list[MatplotlibAxes]:
    """What is left between each curve and the observations of its axes: no axes when there are none.

    On linear axes observed minus predicted, with the reading error; on logarithmic ones the ratio, which a
    zero does not have.
    """
    compared = [declared for declared in result.spec.axes if _compared(result, declared)]
    drawn = axes_for(axes, len(compared), width=4.2, height=3.4) if compared else []
    for each, declared in zip(drawn, compared, strict=True):
        _draw_residuals(each, result, declared)
    return drawn


def _compared(result: PanelResult, declared: Axes) -> list[tuple[str, Observed]]:
    """Curves of some axes with the observations that a residual target holds them against."""
    arms = {
        (target.measure.curve, target.measure.arm)
        for target in result.spec.targets
        if target.measure is not None
        and target.measure.kind == "residual"
        and target.measure.observable == declared.observable
    }
    pairs = [
        (c, _observed(result, declared, a)) for c in declared.curves for a in declared.arms if (c, a) in arms
    ]
    return [(curve, data) for curve, data in pairs if data is not None]


def _draw_residuals(axes: MatplotlibAxes, result: PanelResult, declared: Axes) -> None:
    places = {name: i for i, name in enumerate(result.spec.curves)}
    logarithmic = declared.scale == "log"
    for name, data in _compared(result, declared):
        predicted = result.evidence.at(name, declared.observable, data.time)
        shown = (data.value > 0) & (predicted > 0) if logarithmic else np.isfinite(predicted)
        left = data.value[shown] / predicted[shown] if logarithmic else data.value[shown] - predicted[shown]
        error = data.error[shown] / predicted[shown] if logarithmic else data.error[shown]
        i = places[name]
        axes.errorbar(
            data.time[shown],
            left,
            yerr=np.minimum(error, 0.999 * left) if logarithmic else error,
            fmt=MARKERS[i % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            markersize=4,
            elinewidth=0.6,
            linestyle=DASHES[i % len(DASHES)],
            linewidth=0.7,
            label=result.spec.curves[name].label,
        )
    axes.axhline(1 if logarithmic else 0, color=INK, linewidth=0.8)
    axes.set_yscale(declared.scale)
    axes.set_title(f"{declared.title}: residuals", loc="left", color=INK, fontsize=10)
    what = "observed / predicted" if logarithmic else "observed minus predicted"
    axes.set_ylabel(what if logarithmic else with_unit(what, _unit(result, declared)))
    unit = next(iter(result.evidence.curves.values())).time.attrs["units"]
    axes.set_xlabel(with_unit("time", unit))
    legend_outside(axes, "below", size=7.5)


def _unit(result: PanelResult, declared: Axes) -> str:
    """Unit of the observable of some axes, as the model has it."""
    return result.evidence.curves[declared.curves[0]][declared.observable].attrs["units"]


def _lines(axes: MatplotlibAxes, result: PanelResult, declared: Axes, colours: dict[str, int]) -> None:
    for name in declared.curves:
        curve, i = result.evidence.curves[name], colours[name]
        axes.plot(
            curve.time,
            curve[declared.observable],
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1.6,
            label=result.spec.curves[name].label,
        )


def _limits(axes: MatplotlibAxes, declared: Axes) -> None:
    axes.set_yscale(declared.scale)
    axes.set_ylim(declared.low, declared.high)
