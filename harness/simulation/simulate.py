"""One simulation: a model, its readings and changes, a regimen and times, to labelled results.

Promise: every name, unit and number is checked before anything runs; what comes back carries units and a
status, and a run that failed is NaN with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import xarray as xr

from harness.errors import InputError, unknown_name
from harness.models.catalog import Selection, select
from harness.models.symbols import SymbolTable, read_symbols
from harness.simulation.engine import Engine
from harness.simulation.program import load_program
from harness.simulation.regimen import Dose, Regimen, parse_dose, regimen
from harness.simulation.times import default_times, parse_times, parse_until

__all__ = ["simulate"]


def simulate(
    model: str,
    *,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None = None,
    changes: Mapping[str, str | float] | None = None,
    readings: str | Sequence[str] = (),
    condition: str | None = None,
    until: str | float | None = None,
    times: str | Sequence[float] | None = None,
    observables: str | Sequence[str] | None = None,
) -> xr.Dataset:
    """Simulate one model once.

    Parameters
    ----------
    model
        Name of a model of the catalogue.
    doses
        Doses in cells, each a number at time 0, a text such as ``150e6@28``, or a
        :class:`~harness.simulation.regimen.Dose`. None gives the model's own dose; empty gives none.
    changes
        Parameters and compartment sizes to set: a number in the model's unit or 'VALUE UNIT'. They go
        over what readings and condition set.
    readings, condition
        Names of readings of the article and of a row of the model's table of conditions.
    until
        End, in the model's time unit or with a unit.
    times
        Output times in place of a grid to `until`: numbers, or a text such as ``0:360:1``.
    observables
        What to read out; by default the observables of the model and then its states.

    Returns
    -------
    xarray.Dataset
        Dimension ``time``; one variable per observable with ``units`` and ``long_name``. The attributes
        ``status`` ('ok' or what went wrong) and ``reason`` tell how the run ended.

    Raises
    ------
    InputError
        One line, when anything given is wrong.
    """
    selection = select(model, readings, condition)
    card = selection.card
    symbols = read_symbols(card.sbml_path())
    values = symbols.parse_all({**selection.changes, **(changes or {})})
    if card.dose and card.dose.parameter in values:
        parse_dose(values[card.dose.parameter])
    given = _doses(selection, symbols, doses, changes)
    grid = _times(until, times, card.until, symbols.time_unit)
    names = _observables(symbols, card.observables, observables)
    late = [dose for dose in given.doses if dose.time > grid.max()] if given else []
    if late:
        raise InputError(f"dose at {late[0].time:g} lies after the end, {grid.max():g} {symbols.time_unit}")
    trajectory = _engine(card.id).run(values, given, grid, names)
    dataset = xr.Dataset(
        {
            name: (
                "time",
                trajectory.values[:, i],
                {"units": symbols[name].unit, "long_name": symbols[name].name},
            )
            for i, name in enumerate(names)
        },
        coords={"time": ("time", grid, {"units": symbols.time_unit, "long_name": "time"})},
    )
    dataset.attrs = {
        "model": card.id,
        "title": card.title,
        "source": "Singh et al. 2021, doi:10.1002/psp4.12598",
        "readings": ", ".join(selection.readings),
        "condition": selection.condition or "",
        "changes": ", ".join(f"{name}={value:g}" for name, value in values.items()),
        "doses": "default" if given is None else str(given),
        "status": str(trajectory.status),
        "reason": trajectory.reason,
    }
    return dataset


@cache
def _engine(model: str) -> Engine:
    return Engine(load_program(model))


def _doses(
    selection: Selection,
    symbols: SymbolTable,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None,
    changes: Mapping[str, str | float] | None,
) -> Regimen | None:
    if doses is None:
        return None
    target = selection.card.dose
    given = regimen(doses, symbols.time_unit)
    if target is None:
        raise InputError(f"model {selection.card.id} takes no dose")
    if target.parameter in (changes or {}):
        raise InputError(f"give the dose once: as a dose or as {target.parameter}, not both")
    return given.absolute(symbols[target.parameter].value)


def _times(
    until: str | float | None, times: str | Sequence[float] | None, default: float, unit: str
) -> np.ndarray:
    if times is None:
        return default_times(parse_until(until, unit) if until is not None else default)
    try:
        grid = parse_times(times, unit) if isinstance(times, str) else np.asarray(times, float)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("times: expected finite, non-negative numbers") from None
    if grid.ndim != 1 or grid.size == 0 or not np.isfinite(grid).all() or (grid < 0).any():
        raise InputError("times: expected finite, non-negative numbers")
    if until is not None:
        end = parse_until(until, unit)
        if grid.max() > end:
            raise InputError(f"times: {grid.max():g} lies after until = {end:g} {unit}")
    grid = np.unique(grid)
    return grid[np.diff(grid, prepend=-np.inf) > 1e-12 * np.maximum(1.0, grid)]


def _observables(
    symbols: SymbolTable, declared: Sequence[str], wanted: str | Sequence[str] | None
) -> tuple[str, ...]:
    wanted = (wanted,) if isinstance(wanted, str) else wanted
    if wanted is None:
        states = [symbol.id for symbol in symbols.values() if symbol.kind in ("species", "state")]
        return tuple(dict.fromkeys([*declared, *states]))
    for name in wanted:
        if name not in symbols:
            raise unknown_name(f"observable in {symbols.model}", name, symbols.symbols)
    if not wanted:
        raise InputError("observables: none given")
    return tuple(dict.fromkeys(wanted))
