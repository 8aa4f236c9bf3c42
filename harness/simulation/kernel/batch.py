"""Runs as arrays: what the compiled kernel takes, made from parameters, regimens and output times.

Promise: the course of each run is that of :class:`~harness.simulation.timeline.Timeline`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.simulation.kernel import stepper
from harness.simulation.kernel.text import Layout
from harness.simulation.program import Program
from harness.simulation.regimen import Regimen
from harness.simulation.timeline import Timeline

__all__ = ["Batch", "Run", "make_batch"]

Run = tuple[Mapping[str, float], Regimen | None]
"""Parameters to set by id, and a regimen in absolute amounts; None for the model's own dose."""


@dataclass(frozen=True)
class Batch:
    """Arrays of some runs, by run in their first dimension; the kernel's `integrate` says what each holds.

    `courses` are the courses of the runs; `refused` says by place why the kernel cannot follow a run; `rooms`
    keeps what :meth:`room` has worked out.
    """

    values: np.ndarray
    rows: np.ndarray
    times: np.ndarray
    count: np.ndarray
    stops: np.ndarray
    given: np.ndarray
    inflow: np.ndarray
    kinds: np.ndarray
    rule: np.ndarray
    most: np.ndarray
    watched: np.ndarray
    courses: list[Timeline] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    rooms: dict[int, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, count: int, defaults: np.ndarray, rows: int, stops: int) -> Batch:
        """Runs at the defaults, with room for so many rows and stops each, none planned."""
        return cls(
            values=np.tile(defaults, (count, 1)),
            rows=np.zeros(count, np.int64),
            times=np.zeros((count, rows)),
            count=np.zeros(count, np.int64),
            stops=np.zeros((count, stops)),
            given=np.zeros((count, stops)),
            inflow=np.zeros((count, stops)),
            kinds=np.zeros((count, stops), np.int64),
            rule=np.tile([0.0, 0.0, 0.0, *2 * (-np.inf, np.inf)], (count, 1)),
            most=np.zeros(count, np.int64),
            watched=np.zeros((count, 2), np.int64),
        )

    @property
    def decided(self) -> int:
        """Most doses of a run that a rule gives, and that one may hold."""
        may_hold = np.count_nonzero(self.kinds & stepper.HOLD, axis=1)
        return int((self.most + may_hold).max(initial=0))

    def at(self, values: np.ndarray) -> Batch:
        """The same runs with other parameters, which have no part in their course; shape as `values`."""
        return replace(self, values=values)

    def picked(self, places: np.ndarray) -> Batch:
        """Runs at some places."""
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        of_them: dict[str, Any] = {name: value[places] for name, value in arrays.items()}
        return replace(self, rooms={}, **of_them)

    def room(self, again: np.ndarray) -> int:
        """Rows of output that a run can have: those asked for, and those of every moment of a dose."""
        if len(again) not in self.rooms:
            self.rooms[len(again)] = self._room(again)
        return self.rooms[len(again)]

    def _room(self, again: np.ndarray) -> int:
        planned = np.arange(self.stops.shape[1]) < self.count[:, np.newaxis]
        moments = np.count_nonzero(planned & (self.kinds != stepper.VISIT), axis=1) + self.most
        return self.times.shape[1] + int(moments.max(initial=0)) * (len(again) + 2)


def make_batch(
    runs: Sequence[Run], times: Sequence[np.ndarray], program: Program, layout: Layout, defaults: np.ndarray
) -> Batch:
    """Runs with their output times, from the model's own values."""
    place = {name: i for i, name in enumerate(layout.parameters)}
    courses, refused, planned, snapped = [], {}, [], []
    values = np.tile(defaults, (len(runs), 1))
    for i, ((settings, regimen), asked) in enumerate(zip(runs, times, strict=True)):
        course = Timeline(regimen or Regimen(), max(asked[-1], 0.0))
        for name, value in program.with_first_dose(settings, regimen).items():
            values[i, place[name]] = value
        values[i, -1] = course.rate
        try:
            _find_switches(course, program, dict(zip(layout.parameters, values[i].tolist(), strict=False)))
        except OverflowError as error:
            refused[i] = str(error)
        courses.append(course)
        snapped.append(course.snap(asked))
        planned.append(course.planned())
    rows, stops = (max(map(len, each), default=0) for each in (snapped, planned))
    batch = Batch.empty(len(runs), defaults, rows, stops)
    batch.values[:] = values
    batch.courses.extend(courses)
    batch.refused.update(refused)
    for i, (asked, ahead) in enumerate(zip(snapped, planned, strict=True)):
        batch.rows[i], batch.count[i] = len(asked), len(ahead)
        batch.times[i, : len(asked)] = asked
        for k, stop in enumerate(ahead):
            batch.stops[i, k], batch.given[i, k], batch.inflow[i, k] = stop.time, stop.amount, stop.rate
            kind = stepper.START * stop.starts + stepper.SWITCH * stop.switches
            batch.kinds[i, k] = kind + stepper.VISIT * stop.visit + stepper.HOLD * stop.may_hold
        regimen = runs[i][1]
        rule = regimen.redosing if regimen else None
        if rule:
            batch.rule[i, :5] = rule.amount, rule.rise, courses[i].looks_at_start, rule.below, rule.above
            batch.most[i], batch.watched[i, 0] = rule.at_most, layout.place(rule.observable)
            if _switching_clock(program):
                batch.refused[i] = "cannot follow rates that switch after a dose that an observable triggers"
        hold = regimen.hold if regimen else None
        if hold:
            batch.rule[i, 5:], batch.watched[i, 1] = (hold.below, hold.above), layout.place(hold.observable)
            if _switching_clock(program):
                batch.refused[i] = "cannot follow rates that switch after a dose that may be held"
    return batch


def _switching_clock(program: Program) -> str:
    """The clock of doses that the times at which rates switch depend on; empty where there is none."""
    clock = program.dose.clock if program.dose else None
    return clock if clock and program.switches.atoms and clock in program.switches.names else ""


def _find_switches(course: Timeline, program: Program, values: dict[str, float]) -> None:
    """Let a course stop where rates switch, which a clock moves with every dose.

    Raises
    ------
    OverflowError
        When there are too many.
    """
    switches = program.switches
    if not switches.atoms:
        return
    course.switch_at(switches.times(values, 0.0, course.end))
    clock = _switching_clock(program)
    for stop in course.planned() if clock else ():
        if stop.starts:
            values[clock] = stop.time
            course.switch_at(switches.times(values, stop.time, course.end), after=stop.time)
