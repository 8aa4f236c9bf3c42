"""One simulation: a design of one run, whose trajectory is kept.

Promise: every name, unit and number is checked before anything runs; what comes back carries units and a
status, and a run that failed is NaN with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.declarations import Seed
from harness.errors import InputError
from harness.models.card import ModelCard
from harness.models.catalog import model_names, select
from harness.models.symbols import SymbolTable
from harness.shown import in_lines, listed
from harness.simulation.engines import ROADRUNNER
from harness.simulation.estimate_sources import estimates_for
from harness.simulation.estimates import Estimates, middle, set_by
from harness.simulation.execute import Executor
from harness.simulation.made_designs import single
from harness.simulation.plan import Plan, plan
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.run import Found, collect
from harness.simulation.study import HELD, REDOSES, is_ok
from harness.simulation.times import default_times, parse_until

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Simulated", "default_observables", "simulate", "simulate_once"]

ARTICLE = "Singh et al. 2021, doi:10.1002/psp4.12598"
"""Source of the models of the catalogue; one of another article, or of a user, has none here."""


@dataclass(frozen=True)
class Simulated:
    """One run as plain arrays: `values` by observable, each of the shape of `times`; `attributes` as told.

    `symbols` has units and names of all of them. `low` and `high` are the ends of the middle 95 % of draws of
    the parameters, where such were made; else they are empty. `doses` are those that the run got.
    """

    symbols: SymbolTable
    times: np.ndarray
    values: Mapping[str, np.ndarray]
    attributes: Mapping[str, str]
    low: Mapping[str, np.ndarray] = field(default_factory=dict)
    high: Mapping[str, np.ndarray] = field(default_factory=dict)
    doses: tuple[Dose, ...] = ()

    def __repr__(self) -> str:
        told = {name: self.attributes.get(name, "") for name in ("doses", "status", "reason", "notes")}
        what = f"Simulated: {self.attributes['model']}, {len(self.times)} times"
        return in_lines(what, observables=listed(self.values), **told)

    def labelled(self) -> xr.Dataset:
        """The same with labels."""
        import xarray as xr

        data = {
            f"{name}{end}": (
                "time", values, {"units": self.symbols[name].unit, "long_name": self.symbols[name].name}
            )
            for end, each in (("", self.values), ("_low", self.low), ("_high", self.high))
            for name, values in each.items()
        }  # fmt: skip
        time = {"time": ("time", self.times, {"units": self.symbols.time_unit})}
        return xr.Dataset(data, time, dict(self.attributes))


def simulate(
    model: str | Path,
    *,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None = None,
    changes: Mapping[str, str | float] | None = None,
    readings: str | Sequence[str] = (),
    condition: str | None = None,
    until: str | float | None = None,
    times: str | Sequence[float] | np.ndarray | None = None,
    observables: str | Sequence[str] | None = None,
    engine: str = ROADRUNNER,
    executor: Executor | None = None,
    estimates: str | Path | Estimates | None = None,
    uncertainty: int = 0,
    seed: Seed = 1,
) -> xr.Dataset:
    """Simulate one model once.

    Parameters
    ----------
    model
        Name of a model of the catalogue, or the file of a model of your own.
    doses
        Doses in cells, each a number at time 0, a text such as ``150e6@28``, or a
        :class:`~harness.simulation.regimen.Dose`; or a whole regimen. None gives the model's own dose;
        empty gives none.
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
    engine
        As for :func:`~harness.simulation.plan.plan`.
    executor
        Where it runs; by default in this process.
    estimates
        A result to take values of parameters from, as
        :func:`~harness.simulation.estimate_sources.read_estimates` takes it; `changes` go over them.
    uncertainty, seed
        How many draws of what these estimates left open are run too, and the seed of the draws.

    Returns
    -------
    xarray.Dataset
        Dimension ``time``; one variable per observable with ``units`` and ``long_name``; with `uncertainty`
        also ``NAME_low`` and ``NAME_high``, the ends of the middle 95 % of the draws. The attributes
        ``status`` ('ok' or what went wrong) and ``reason`` tell how the run ended, ``notes`` what to know of
        what was given; with a rule, ``redose_days`` when it gave doses, ``held_days`` which it held.

    Raises
    ------
    InputError
        One line, when anything given is wrong.
    """
    return simulate_once(
        model,
        doses=doses,
        changes=changes,
        readings=readings,
        condition=condition,
        until=until,
        times=times,
        observables=observables,
        engine=engine,
        executor=executor,
        estimates=estimates,
        uncertainty=uncertainty,
        seed=seed,
    ).labelled()


def simulate_once(
    model: str | Path,
    *,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None,
    changes: Mapping[str, str | float] | None,
    readings: str | Sequence[str],
    condition: str | None,
    until: str | float | None,
    times: str | Sequence[float] | np.ndarray | None,
    observables: str | Sequence[str] | None,
    engine: str,
    executor: Executor | None = None,
    estimates: str | Path | Estimates | None = None,
    uncertainty: int = 0,
    seed: Seed = 1,
) -> Simulated:
    """As :func:`simulate`, without the labels, which take longer to load than a model to run."""
    selection = select(model, readings, condition)
    card = selection.card
    symbols = card.symbols
    if times is None:
        times = default_times(card.until if until is None else parse_until(until, symbols.time_unit))
    if observables is None:
        observables = default_observables(card, symbols)
    changes = changes or {}
    taken = None if estimates is None else estimates_for(estimates, selection, set_by(changes)).under(changes)
    planned = plan(
        selection,
        single(),
        observables=observables,
        trajectories=True,
        times=times,
        until=until,
        doses=doses,
        changes={**changes, **(taken.changes() if taken else {})},
        engine=engine,
    )
    found = collect(planned, executor)
    study = planned.study
    course = None if study.regimen is None else study.regimen.absolute(study.default_dose)
    told = {name: found.columns[name][0] for name in (REDOSES[1], HELD[1]) if name in found.columns}
    attributes = {
        "model": card.id,
        "title": card.title,
        **({"source": ARTICLE} if card.id in model_names() else {}),
        "readings": ", ".join(selection.readings),
        "condition": selection.condition or "",
        "changes": ", ".join(f"{name}={value:g}" for name, value in study.fixed.items()),
        "doses": "default" if course is None else str(course),
        **told,
        "engine": study.engine,
        "status": found.status[0],
        "reason": found.reason[0],
        "notes": "; ".join(planned.notes),
    }
    values = dict(zip(study.observables, found.trajectories[0].T, strict=True))
    days = {name: [float(day) for day in text.split()] for name, text in told.items()}
    got = course.given(days.get(REDOSES[1], []), days.get(HELD[1], [])) if course else ()
    simulated = Simulated(symbols, found.times, values, attributes, doses=got)
    if not uncertainty:
        return simulated
    if taken is None:
        raise InputError("uncertainty: goes with estimates, which say of what")
    drawn = plan(
        selection,
        taken.draws(uncertainty, seed),
        observables=observables,
        trajectories=True,
        times=times,
        until=until,
        doses=doses,
        changes=changes,
        engine=engine,
    )
    return _with_band(simulated, collect(drawn, executor), drawn, taken)


def _with_band(simulated: Simulated, found: Found, drawn: Plan, given: Estimates) -> Simulated:
    """One run with the middle 95 % of others, at the same times."""
    ran = np.array([is_ok(status) for status in found.status])
    told = f"bands: the middle 95 % of {ran.sum()} draws of {given.source}"
    told += f"; {(~ran).sum()} more failed" if not ran.all() else ""
    if not ran.any() or not np.array_equal(found.times, simulated.times):
        reason = found.reason[0] if not ran.any() else "the moments of their doses differ"
        raise InputError(f"uncertainty: no band of {given.source}: {reason}")
    low, high = middle(found.trajectories[ran])
    names = drawn.study.observables
    notes = "; ".join(filter(None, [simulated.attributes["notes"], told]))
    return replace(
        simulated,
        low=dict(zip(names, low.T, strict=True)),
        high=dict(zip(names, high.T, strict=True)),
        attributes={**simulated.attributes, "notes": notes},
    )


def default_observables(card: ModelCard, symbols: SymbolTable) -> list[str]:
    """What is read out of a single run: the observables of the model and then its states."""
    states = [symbol.id for symbol in symbols.values() if symbol.kind in ("species", "state")]
    return list(dict.fromkeys([*card.observables, *states]))
