"""From a declared fit to a prepared one: names, units and bounds checked against the model.

Promise: whatever is wrong with a name, unit, number or table is told in one line before anything runs, and
a prepared fit can be fitted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.analysis.observations import in_unit
from harness.errors import InputError, unknown_name
from harness.fitting.arms import laid_out
from harness.fitting.covariates import coefficient_coordinates, individualised
from harness.fitting.effects import EffectPlace, Pair
from harness.fitting.prepared import ArmData, Coordinate, ErrorSizes, Prepared
from harness.fitting.problem import (
    Effect,
    Estimated,
    FitArm,
    FitProblem,
    FreeParameter,
    Synthetic,
    pairs_of,
)
from harness.fitting.rows import Shared, share
from harness.fitting.sizes import Size
from harness.fitting.synthetic import Schedule, simulate_observations
from harness.fitting.with_data import with_data
from harness.models.catalog import select
from harness.models.symbols import SymbolTable
from harness.models.units import parse_quantity
from harness.simulation.estimate_sources import read_estimates
from harness.simulation.program import Program
from harness.simulation.programs import make_program
from harness.simulation.regimen import Regimen, regimen
from harness.simulation.times import parse_times

__all__ = ["prepare"]

CLOSE = 0.995
"""Correlation of two random effects up to which one is looked for."""


def prepare(problem: FitProblem, folder: str | Path) -> Prepared:
    """Check a fit against its model and its data.

    Parameters
    ----------
    folder
        Where the paths of the problem start: the folder of its file.

    Raises
    ------
    InputError
        One line, when anything declared does not fit the model or the data.
    """
    folder = Path(folder)
    card = select(problem.model, problem.readings, problem.condition).card
    laid = laid_out(problem, folder, card)
    problem = laid.problem
    symbols, program = card.symbols, make_program(card)
    carried = _carried(problem, folder)
    fixed = {name: _fixed(problem, name, arm, carried, symbols) for name, arm in problem.arms.items()}
    coordinates = _parameters(problem, symbols, next(iter(fixed.values())))
    coordinates += coefficient_coordinates(problem.covariates)
    for name in problem.covariates:
        symbols.require_settable(name)
    given = {name: (arm.covariates, arm.over_time) for name, arm in problem.arms.items()}
    errors, coordinates = _errors(problem, symbols, coordinates)
    effects, pairs, held, coordinates = _effects(problem, symbols, coordinates)
    groups = tuple(dict.fromkeys(arm.group for arm in problem.arms.values() if arm.group is not None))
    shared = share(laid, symbols, fixed)
    program, fixed = individualised(
        program, symbols, problem.covariates, given, fixed, tuple(problem.parameters)
    )
    schedule = _schedule(problem, shared, symbols)
    without_data = Prepared(
        title=problem.title,
        coordinates=coordinates,
        arms=tuple(
            _arm(name, arm, program, problem, symbols, fixed[name], groups, schedule)
            for name, arm in problem.arms.items()
        ),
        errors=errors,
        units={name: symbols[name].unit for name in problem.observables},
        time_unit=symbols.time_unit,
        checksum="",
        effects=effects,
        pairs=pairs,
        held=held,
        groups=groups,
        method=problem.optimiser.method,
        loss=problem.optimiser.loss,
        starts=problem.optimiser.starts,
        seed=problem.optimiser.seed,
        synthetic=problem.synthetic.reason if problem.synthetic else "",
        ridge=problem.ridge,
        left_out=shared.left_out,
    )
    rows = shared.rows
    if problem.synthetic:
        truth = _truth(problem.synthetic, without_data)
        table = simulate_observations(without_data, schedule, truth, problem.synthetic.seed)
        rows = {name: table[table["arm"] == name] for name in problem.arms}
    return with_data(without_data, problem, rows, "synthetic data" if problem.synthetic else str(laid.path))


def _carried(problem: FitProblem, folder: Path) -> dict[str, str]:
    """Values taken from the results of other fits, as 'VALUE UNIT'."""
    selection = select(problem.model, problem.readings, problem.condition)
    found: dict[str, str] = {}
    for path, names in problem.fixed_from.items():
        carried = read_estimates(folder / path, selection, names).changes()
        for name in names:
            selection.card.symbols.require_settable(name)
            others = (
                ("free", problem.parameters),
                ("set", problem.changes),
                ("fixed from another result", found),
            )
            for said, given in others:
                if name in set(given):
                    raise InputError(f"{name}: is {said} and fixed from {path}; one of them")
        found |= carried
    return found


def _fixed(
    problem: FitProblem, name: str, arm: FitArm, carried: dict[str, str], symbols: SymbolTable
) -> dict[str, float]:
    """What one arm sets, in the model's units."""
    for free in problem.parameters:
        if free in arm.changes:
            raise InputError(f"arm {name}: {free} is free and set; one of them")
    selection = select(problem.model, problem.readings, arm.condition or problem.condition)
    return symbols.parse_all(selection.changes, problem.changes, carried, arm.changes)


def _parameters(problem: FitProblem, symbols: SymbolTable, fixed: dict[str, float]) -> tuple[Coordinate, ...]:
    found = []
    for name, free in problem.parameters.items():
        declared = fixed.get(name, symbols.require_settable(name).value)
        low, high = symbols.parse(name, free.low), symbols.parse(name, free.high)
        start = declared if free.start is None else symbols.parse(name, free.start)
        log = free.scale == "log"
        _require_bounds(name, low, high, start, log, symbols[name].unit)
        found.append(
            Coordinate(
                name, symbols[name].unit, "parameter", log, low, high, start, declared,
                _prior(name, free, symbols),
            )
        )  # fmt: skip
    return tuple(found)


def _require_bounds(name: str, low: float, high: float, start: float, log: bool, unit: str) -> None:
    if not low < high or (log and low <= 0):
        raise InputError(
            f"{name}: bounds {low:g} to {high:g} {unit} are empty, or not positive on a log scale"
        )
    if not low <= start <= high:
        raise InputError(f"{name}: starts at {start:g} {unit}, outside its bounds {low:g} to {high:g}")


def _prior(name: str, free: FreeParameter, symbols: SymbolTable) -> tuple[float, float] | None:
    if free.prior is None:
        return None
    mean = symbols.parse(name, free.prior.mean)
    if free.scale == "log" and mean <= 0:
        raise InputError(f"{name}: the mean of a prior on a log scale must be positive")
    return (float(np.log(mean)) if free.scale == "log" else mean), free.prior.sd


def _errors(
    problem: FitProblem, symbols: SymbolTable, coordinates: tuple[Coordinate, ...]
) -> tuple[tuple[ErrorSizes, ...], tuple[Coordinate, ...]]:
    """Error models, and the coordinates with the sizes that are estimated among them."""
    found, every = [], list(coordinates)
    for name, error in problem.observables.items():
        if name not in symbols:
            raise symbols.unknown("observable", name, symbols)
        additive = _size(error.additive, f"additive_{name}", symbols[name].unit, "error", every)
        relative = _size(error.relative, f"relative_{name}", "dimensionless", "error", every)
        found.append(ErrorSizes(name, error.model == "log", additive, relative, 1.0))
    return tuple(found), tuple(every)


def _effects(
    problem: FitProblem, symbols: SymbolTable, coordinates: tuple[Coordinate, ...]
) -> tuple[tuple[EffectPlace, ...], tuple[Pair, ...], tuple[Coordinate, ...], tuple[Coordinate, ...]]:
    """Effects, their correlations, parameters that have one and are not free, and all coordinates."""
    every, held = list(coordinates), []
    free = [c.name for c in coordinates if c.kind == "parameter"]
    found = []
    for name, effect in problem.effects.items():
        unit = symbols.require_settable(name).unit
        if name not in free:
            held.append(_held(name, symbols))
        low, high = _logit_bounds(name, effect, unit)
        omega = _size(
            effect.omega, f"omega_{name}", unit if effect.distribution == "normal" else "dimensionless",
            "omega", every,
        )  # fmt: skip
        position = free.index(name) if name in free else len(free) + len(held) - 1
        found.append(EffectPlace(name, position, omega, effect.distribution, low, high))
    order, pairs = list(problem.effects), []
    for first, second in pairs_of(problem):
        name = f"correlation_{first}_{second}"
        every.append(
            Coordinate(name, "dimensionless", "correlation", False, -CLOSE, CLOSE, 0.0, float("nan"))
        )
        pairs.append(Pair(order.index(first), order.index(second), Size(place=len(every) - 1)))
    return tuple(found), tuple(pairs), tuple(held), tuple(every)


def _held(name: str, symbols: SymbolTable) -> Coordinate:
    """A parameter that has a random effect and is not estimated."""
    symbol = symbols.require_settable(name)
    return Coordinate(
        name, symbol.unit, "held", False, -np.inf, np.inf, symbol.value, symbol.value
    )  # its value is that of each arm


def _logit_bounds(name: str, effect: Effect, unit: str) -> tuple[float, float]:
    low, high = (
        default if text is None else parse_quantity(text, unit, f"{end} of the effect on {name}")
        for end, text, default in (("low", effect.low, 0.0), ("high", effect.high, 1.0))
    )
    if not low < high:
        raise InputError(f"effects: {name}: low must be below high, not {low:g} and {high:g}")
    return low, high


def _size(given: str | Estimated | None, name: str, unit: str, kind: str, every: list[Coordinate]) -> Size:
    """A size as a number, or as a coordinate put behind `every`."""
    if given is None:
        return Size()
    text = given.start if isinstance(given, Estimated) else given
    value = parse_quantity(text, unit, name)
    if value <= 0:
        raise InputError(f"{name}: must be positive, not {value:g}")
    if not isinstance(given, Estimated):
        return Size(value)
    every.append(
        Coordinate(name, unit, kind, True, value * given.low, value * given.high, value, float("nan"))
    )
    return Size(value, len(every) - 1)


def _schedule(problem: FitProblem, shared: Shared, symbols: SymbolTable) -> Schedule:
    """When each observable of each arm is read out in synthetic data; empty for observed ones."""
    synthetic = problem.synthetic
    if synthetic is None:
        return {}
    if synthetic.times is not None:
        times = parse_times(synthetic.times, symbols.time_unit)
        return {
            name: dict.fromkeys(arm.observables or problem.observables, times)
            for name, arm in problem.arms.items()
        }
    return {
        name: {
            observable: in_unit(its, "time", symbols.time_unit, f"{observable}, {name}")
            for observable, its in rows.groupby("observable", sort=False)
        }
        for name, rows in shared.rows.items()
    }


def _arm(
    name: str,
    arm: FitArm,
    program: Program,
    problem: FitProblem,
    symbols: SymbolTable,
    fixed: dict[str, float],
    groups: tuple[str, ...],
    schedule: Schedule,
) -> ArmData:
    """An arm without data; for synthetic ones its times are those of the schedule."""
    times = np.unique(np.concatenate([np.empty(0), *schedule.get(name, {}).values()]))
    none = np.empty(0, int)
    return ArmData(
        name=name,
        group=groups.index(arm.group) if arm.group is not None else -1,
        program=program,
        fixed=fixed,
        regimen=_regimen(name, arm, program.dose is not None, symbols),
        times=times,
        observables=arm.observables or tuple(problem.observables),
        time_index=none, observable_index=none, error=none,
        value=np.empty(0), censored=np.empty(0, bool), lower=np.empty(0), limit=np.empty(0), own=np.empty(0),
    )  # fmt: skip


def _regimen(name: str, arm: FitArm, takes_dose: bool, symbols: SymbolTable) -> Regimen | None:
    if arm.doses is None:
        return None
    if not takes_dose:
        raise InputError(f"arm {name}: model {symbols.model} takes no dose")
    given = regimen(arm.doses, symbols.time_unit, symbols.amount_unit)
    if any(dose.relative for dose in given.doses):
        raise InputError(f"arm {name}: give its doses in {symbols.amount_unit}")
    return given


def _truth(synthetic: Synthetic, prepared: Prepared) -> np.ndarray:
    """The point that synthetic data come from, as natural values."""
    for name in synthetic.truth:
        if name not in prepared.names:
            raise unknown_name("free parameter for truth", name, prepared.names)
    values = []
    for c in prepared.coordinates:
        if c.name in synthetic.truth:
            text = synthetic.truth[c.name]
            values.append(parse_quantity(text, c.unit, f"truth of {c.name}"))
        else:
            values.append(c.declared if c.kind == "parameter" else c.start)
    return np.array(values)
