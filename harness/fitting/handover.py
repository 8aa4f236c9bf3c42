"""A prepared fit taken apart for other tools: what each of them needs, in one form.

Promise: equations, parameters, sizes of errors, omegas, doses and observations are those of the fit, and what
another tool has no place for is refused in one line. Nothing that is written here is run here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.effects import EffectPlace
from harness.fitting.prepared import ArmData, Prepared
from harness.fitting.sizes import Size
from harness.models.equations import Equations, read_equations
from harness.models.mathml import Expression
from harness.simulation.regimen import Dose

__all__ = [
    "FAR",
    "CorrelatedEffects",
    "Handover",
    "blocks_of",
    "bounded",
    "individual",
    "parts_of",
    "size_name",
    "typical",
]

FAR = 1e30
"""A limit beyond all values, where a censored value has none on that side."""


@dataclass(frozen=True)
class Handover:
    """A fit as another tool takes it.

    Attributes
    ----------
    constants
        Values that all subjects have, by id.
    columns
        Constants that differ between subjects, which are columns of the data.
    data
        One row a dose, a change with time, or an observation: ID, TIME, DV, AMT, RATE, EVID, the observed
        error model `DVID` (1 and on), CENS, LOW, UPP, and `columns`.
    subjects
        Name of the arm of each ID, and its group.
    """

    prepared: Prepared
    equations: Equations
    constants: Mapping[str, float]
    columns: tuple[str, ...]
    data: pd.DataFrame
    subjects: pd.DataFrame

    @property
    def dosed(self) -> str:
        """State that doses go into; empty where there is none."""
        return self.prepared.arms[0].program.dosed


def parts_of(prepared: Prepared) -> Handover:
    """Take a fit apart.

    Raises
    ------
    InputError
        When its arms are of several models, its subjects of several arms, or the model has what the other
        tools lack: events, a clock of doses; or it has priors.
    """
    first = prepared.arms[0].program
    if len({arm.program.key for arm in prepared.arms}) > 1:
        raise InputError("its arms have models of their own; other tools take one model")
    if first.dose is not None and first.dose.clock:
        raise InputError(f"{first.model}: holds the time of the last dose, which has no place in other tools")
    for c in prepared.coordinates:
        if c.prior:
            raise InputError(f"{c.name}: has a prior, which has no place in other tools; take it out")
    for error in prepared.errors:
        if error.straight or not (error.additive.plain and error.relative.plain):
            raise InputError(f"{error.observable}: its error is a formula, which no other tool is given")
    for group in range(len(prepared.groups)):
        if len(prepared.members(group)) > 1:
            raise InputError(
                f"group {prepared.groups[group]}: has several arms; other tools take one a subject"
            )
    equations = read_equations(first.plain_sbml)
    if equations.events:
        raise InputError(f"{first.model}: has events, which have no place in other tools")
    free = {prepared.coordinates[place].name for place in prepared.places("parameter")}
    own = [
        {name: value for name, value in {**equations.constants, **arm.fixed}.items() if name not in free}
        for arm in prepared.arms
    ]
    if first.dose is not None:
        _require_start(equations, first.dose.parameter, first.dose.species)
        for given in own:
            given[first.dose.parameter] = 0.0  # it is an event in the data
    for given in own:
        for c in prepared.held:
            given[typical(c.name)] = given.pop(c.name)
    columns = tuple(name for name in own[0] if len({given[name] for given in own}) > 1)
    constants = {name: value for name, value in own[0].items() if name not in columns}
    rows = [
        {"ID": i, **row, **{name: given[name] for name in columns}}
        for i, (arm, given) in enumerate(zip(prepared.arms, own, strict=True), start=1)
        for row in _rows(arm, equations)
    ]
    subjects = pd.DataFrame(
        {
            "ID": range(1, len(prepared.arms) + 1),
            "arm": [arm.name for arm in prepared.arms],
            "group": [prepared.groups[arm.group] if arm.group >= 0 else "" for arm in prepared.arms],
        }
    )
    return Handover(prepared, equations, constants, columns, pd.DataFrame(rows), subjects)


def _require_start(equations: Equations, parameter: str, species: str) -> None:
    """A dose at time 0 is the start of its pool, so that it can be an event in its place."""
    start = equations.initial.get(species)
    if start != Expression("name", value=parameter) or species in equations.volumes:
        raise InputError(
            f"{species}: does not start from {parameter} as an amount; no other tool can dose it"
        )


def _rows(arm: ArmData, equations: Equations) -> list[dict[str, float]]:
    """Rows of one subject in order of time: at one time a change comes first, then doses."""
    nothing = {"DV": np.nan, "AMT": 0.0, "RATE": 0.0, "DVID": 0, "CENS": 0, "LOW": -FAR, "UPP": FAR}
    changes = [value for name, value in arm.fixed.items() if "_change_" in name and value < FAR / 1e15]
    rows = [(time, 0, {**nothing, "EVID": 2}) for time in sorted(set(changes))]
    for dose in _doses(arm, equations):
        rate = dose.amount / dose.duration if dose.duration else 0.0
        rows.append((dose.time, 1, {**nothing, "AMT": dose.amount, "RATE": rate, "EVID": 1}))
    seen = zip(
        arm.times[arm.time_index], arm.error, arm.value, arm.censored, arm.lower, arm.limit, strict=True
    )
    for time, error, value, censored, lower, upper in seen:
        limits = {"LOW": max(lower, -FAR), "UPP": min(upper, FAR)} if censored else {}
        row = {**nothing, "EVID": 0, "DV": value, "DVID": int(error) + 1, "CENS": int(censored), **limits}
        rows.append((float(time), 2, row))
    if arm.own.any():
        raise InputError(f"arm {arm.name}: errors that rows bring themselves have no place in other tools")
    ordered = sorted(rows, key=lambda each: each[:2])
    return [{"TIME": time, **row} for time, _, row in ordered]


def _doses(arm: ArmData, equations: Equations) -> tuple[Dose, ...]:
    target = arm.program.dose
    if target is None:
        return ()
    if arm.regimen is not None:
        return tuple(dose for dose in arm.regimen.doses if dose.amount > 0)
    own = arm.fixed.get(target.parameter, equations.constants[target.parameter])
    return (Dose(0.0, float(own)),) if own > 0 else ()


def size_name(prepared: Prepared, size: Size, kind: str, observable: str) -> str:
    """Name of a size: that of its coordinate, or one for a size that is given; empty where there is none."""
    if size.place is not None:
        return prepared.coordinates[size.place].name
    return f"{kind}_{observable}" if size.value else ""


def typical(name: str) -> str:
    """What a parameter is called, for all subjects alike, that is fixed and has a random effect."""
    return f"typical_{name}"


def individual(effect: EffectPlace, value: str, eta: str, exp: str, log: str) -> str:
    """What a random effect makes of a typical value, as text; `exp` and `log` are the functions' names."""
    match effect.kind:
        case "normal":
            return f"{value} + {eta}"
        case "log-normal":
            return f"{value}*{exp}({eta})"
        case _:
            low, width = repr(effect.low), repr(effect.high - effect.low)
            odds = f"{log}(({value} - ({low}))/({effect.high!r} - {value}))"
            return f"({low}) + {width}/(1 + {exp}(-({odds} + {eta})))"


@dataclass(frozen=True)
class CorrelatedEffects:
    """Random effects that are correlated, or one alone: their places, and their covariance at the start.

    `given` where none of it is estimated.
    """

    places: tuple[int, ...]
    covariance: np.ndarray
    given: bool

    def lower(self) -> list[list[float]]:
        """Rows of the lower triangle."""
        return [self.covariance[i, : i + 1].tolist() for i in range(len(self.places))]


def blocks_of(prepared: Prepared) -> list[CorrelatedEffects]:
    """Blocks of the random effects, each as far as correlations reach.

    Raises
    ------
    InputError
        When of one block some sizes are given and others estimated.
    """
    root = prepared.factor(prepared.start)
    every = root @ root.T
    blocks: list[set[int]] = [{place} for place in range(len(prepared.effects))]
    for pair in prepared.pairs:
        joined = [block for block in blocks if block & {pair.first, pair.second}]
        blocks = [block for block in blocks if block not in joined] + [set().union(*joined)]
    found = []
    for places in sorted(tuple(sorted(block)) for block in blocks):
        sizes = [prepared.effects[place].omega for place in places]
        sizes += [pair.size for pair in prepared.pairs if pair.first in places]
        given = [size.place is None for size in sizes]
        if any(given) and not all(given):
            raise InputError(
                f"effects of {prepared.effects[places[0]].name}: some sizes of the block are given"
            )
        found.append(CorrelatedEffects(places, every[np.ix_(places, places)], all(given)))
    return found


def bounded(low: float, start: float, high: float, log: bool) -> tuple[str, str, str]:
    """Bounds and start as texts, on the scale of a coordinate."""
    given = [math.log(value) if log else float(value) for value in (low, start, high)]
    return repr(given[0]), repr(given[1]), repr(given[2])
