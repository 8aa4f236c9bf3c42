"""The trial of a user's own model: what it reaches, whether its numbers stand, what may be negative.

Promise: a model whose card leaves tolerances open is run twice over its own course, the second time with a
tolerance a hundred times tighter, once for the same content in a process. Its tolerances follow from what it
reaches. What differs between the two by more than `LIMIT` is told, with the observable; a species that is
negative in both alike is meant to be.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.identity import key_of
from harness.simulation.accuracy import LIMIT, TIGHTER, relative_errors
from harness.simulation.engine import ONE_AT_A_TIME, Engine
from harness.simulation.program import Program
from harness.simulation.trajectory import Stopped, Trajectory

__all__ = ["TriedOut", "try_out"]


@dataclass(frozen=True)
class TriedOut:
    """What a trial has found: what states reach, species that may be negative, and what is to be told."""

    reach: Mapping[str, float] = field(default_factory=dict)
    signed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


_KNOWN: OrderedDict[str, TriedOut] = OrderedDict()


def try_out(program: Program, times: np.ndarray, observables: Sequence[str]) -> TriedOut:
    """The trial of a program over `times`; of the same content it is made once."""
    key = key_of(program, times, tuple(observables))
    if key not in _KNOWN:
        with ONE_AT_A_TIME:
            _KNOWN[key] = _trial(Engine(program), times, observables)
        while len(_KNOWN) > 32:
            _KNOWN.popitem(last=False)
    return _KNOWN[key]


def _trial(engine: Engine, times: np.ndarray, observables: Sequence[str]) -> TriedOut:
    species = engine.species
    read = [*observables, *(name for name in species if name not in observables)]
    accuracy = engine.first_accuracy().with_signed(species)
    try:
        accuracy = accuracy.after(engine.integrate({}, None, times, read, accuracy).reached)
        loose = engine.integrate({}, None, times, read, accuracy)
    except Stopped:  # the run that was asked for will tell why
        return TriedOut(accuracy.reach)
    accuracy = accuracy.after(loose.reached)
    try:
        tight = engine.integrate({}, None, times, read, accuracy.tighter(TIGHTER))
    except Stopped as error:
        return TriedOut(
            accuracy.reach,
            doubts=(
                f"the numbers of this model could not be checked at a hundredth of the tolerance: {error}",
            ),
        )
    meant = accuracy.meant_negative(read, loose.values, tight.values) or ()
    if not engine.may_be_negative(meant, {}, accuracy.reach, float(times[-1])):
        meant = ()
    return TriedOut(accuracy.reach, meant, _doubts(observables, loose, tight))


def _doubts(observables: Sequence[str], loose: Trajectory, tight: Trajectory) -> tuple[str, ...]:
    """One line when observables differ, with the one that differs most."""
    worst: dict[str, tuple[float, int]] = {}
    for name, error in zip(observables, relative_errors(loose.values, tight.values).T, strict=False):
        lasting = np.minimum(error, np.append(error[1:], np.inf))  # one row alone is a jump between the two
        if lasting.max() > LIMIT:
            worst[name] = float(lasting.max()), int(lasting.argmax())
    if not worst:
        return ()
    name, (_, row) = max(worst.items(), key=lambda found: found[1][0])
    column = list(observables).index(name)
    others = [other for other in worst if other != name]
    more = f"; {', '.join(others[:5])} too" if others else ""
    one, other = loose.values[row, column], tight.values[row, column]
    said = (
        f"{name} at {tight.times[row]:g} is {one:.6g}, but {other:.6g} at a hundredth of the tolerance{more}"
    )
    return (f"the numbers of this model are not sure: {said}",)
