"""The times of a plan: its end, those of its endpoints, and those that are shown.

Promise: times that are shown have no part in the times that endpoints are read off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.analysis.moments import apart
from harness.errors import InputError
from harness.models.card import ModelCard
from harness.models.symbols import SymbolTable
from harness.simulation.design import Design
from harness.simulation.times import MOST, parse_times, parse_until

__all__ = ["end_of_runs", "given_times", "own_times", "read_out_times", "shown_times"]


def read_out_times(at: str | Sequence[float] | np.ndarray, symbols: SymbolTable) -> tuple[float, ...]:
    """Times that values are read out at, ascending, each once."""
    if isinstance(at, str):
        return tuple(parse_times(at, symbols.time_unit).tolist())
    times = np.asarray(at, float)
    if not np.isfinite(times).all() or (times < 0).any():
        raise InputError("at: expected finite, non-negative times")
    return tuple(np.unique(times).tolist())


def end_of_runs(
    design: Design,
    until: str | float | None,
    card: ModelCard,
    symbols: SymbolTable,
    at: tuple[float, ...],
    times: np.ndarray | None,
    exact: bool,
) -> float:
    """End of the runs; the times that are shown have no part in it unless they are all that is wanted."""
    latest = max(at, default=0.0)
    if "days" in design.names:
        if until is not None:
            raise InputError("give the end once: as the column days or as until, not both")
        return float(design.table["days"].max())
    if until is None:
        return times.max() if exact and times is not None else max(card.until, latest)
    end = parse_until(until, symbols.time_unit)
    for name, last in {"at": latest, "times": 0.0 if times is None else times.max()}.items():
        if last > end:
            raise InputError(f"{name}: {last:g} lies after until = {end:g} {symbols.time_unit}")
    return end


def given_times(times: str | Sequence[float] | np.ndarray | None, symbols: SymbolTable) -> np.ndarray | None:
    """Output times as the user gave them, ascending; None when none are given."""
    if times is None or isinstance(times, str):
        return None if times is None else parse_times(times, symbols.time_unit)
    try:
        grid = np.asarray(times, float)
    except (TypeError, ValueError):
        raise InputError("times: expected finite, non-negative numbers") from None
    if grid.ndim != 1 or not grid.size or not np.isfinite(grid).all() or (grid < 0).any():
        raise InputError("times: expected finite, non-negative numbers")
    return np.unique(grid)


def own_times(card: ModelCard, symbols: SymbolTable, end: float) -> np.ndarray:
    """The times that a model declares for its endpoints, from the start to the end.

    Where the runs are longer than what is declared, the last step goes on.
    """
    times = np.union1d(0.0, parse_times(card.endpoint_times, symbols.time_unit))
    step = times[-1] - times[-2] if times.size > 1 else end
    if step > 0 and times[-1] < end:
        if not (end - times[-1]) / step < MOST:
            raise InputError(
                f"the end, {end:g} {symbols.time_unit}, lies more than {MOST} output times ahead"
            )
        times = np.append(times, times[-1] + step * np.arange(1, (end - times[-1]) / step))
    times = np.append(times[times <= end], end)
    return times[apart(times)]


def shown_times(given: np.ndarray | None, own: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Times at which trajectories are kept: those given, or the model's own and those of `at`."""
    times = np.union1d(own, at) if given is None else given
    return times[apart(times)]
