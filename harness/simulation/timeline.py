"""The course of a regimen in one run: where the integration stops, and what flows in there.

Promise: doses in order, infusions as a rate that starts and ends; re-dosing, decided at visits, and planned
doses that are held, from the value of an observable just before; and a stop wherever the rates of the model
switch by time. What rounding alone holds apart is one stop, whatever it is that falls there: a dose, either
end of an infusion, a visit, a switch, the end of the run. Holds the progress of one run; make a new one for
each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.moments import SAME, apart, moved_to
from harness.models.switches import slack
from harness.simulation.regimen import Dose, Hold, Redosing, Regimen

__all__ = ["Stop", "Timeline"]


@dataclass(frozen=True)
class Stop:
    """A stop: what is added as planned, the inflow from then on, and what falls there.

    A dose starts there, rates switch, an observable is looked at, or the dose may be held.
    """

    time: float
    amount: float
    rate: float
    starts: bool
    switches: bool
    visit: bool
    may_hold: bool = False


class Timeline:
    """The course of one regimen to the time `end`.

    Attributes
    ----------
    rate
        Cells that flow in per time unit now.
    amount
        Cells that the last stop adds at once.
    last_dose
        Time at which the last dose so far started; 0 before there was any.
    redoses
        Doses that were triggered so far.
    held
        Times of planned doses that were held so far.
    """

    def __init__(self, regimen: Regimen, end: float) -> None:
        self.end = end
        self.amount = 0.0
        self.last_dose = 0.0
        self.redoses: list[Dose] = []
        self.held: list[float] = []
        self.has_infusions = any(dose.duration > 0 for dose in regimen.doses)
        self._redosing = regimen.redosing
        self._hold = regimen.hold
        self._nadir = np.inf
        self._armed = True
        latest = end + SAME * max(1.0, end)
        self._planned = [dose for dose in regimen.doses if dose.amount > 0 and dose.time <= latest]
        self._stops: list[float] = []
        starts = self._stop_at([dose.time for dose in regimen.later])
        ends = self._stop_at([dose.time + dose.duration for dose in regimen.later])
        self._starts = set(starts)
        self._amounts: dict[float, float] = {}
        self._inflows: list[tuple[float, float, float]] = []
        for dose, start, stop in zip(regimen.later, starts, ends, strict=True):
            if dose.duration > 0:
                self._inflows.append((start, stop, dose.amount / (stop - start)))
            else:
                self._amounts[start] = self._amounts.get(start, 0.0) + dose.amount
        self.rate = self._rate_from(0.0)
        self._visits = set(self._stop_at(self._redosing.visits(end))) if self._redosing else set()
        self._courses = self._stops
        self._switches: set[float] = set()

    @property
    def watched(self) -> tuple[str, ...]:
        """Observables that decide about re-dosing and about doses that are held."""
        return tuple(dict.fromkeys(rule.observable for rule in (self._redosing, self._hold) if rule))

    def switch_at(self, times: Sequence[float], after: float = 0.0) -> None:
        """Rates switch by themselves at `times`, which take the place of those that lay behind `after`."""
        past = {t for t in self._switches if t <= after}
        self._stops = sorted({*self._courses, *past})
        self._switches = past | set(self._stop_at(times))

    def bends_at(self, stop: float) -> bool:
        """Whether rates switch by themselves at a stop."""
        return stop in self._switches

    def stretch(self, start: float, stop: float) -> tuple[float, float]:
        """Between which times the rates from one stop to the next are sure to be those of this stretch."""
        near = slack(self.end)
        low = start + near if self.bends_at(start) else -np.inf
        return low, stop - near if self.bends_at(stop) else np.inf

    def snap(self, times: np.ndarray) -> np.ndarray:
        """Output times, moved to a stop where rounding alone holds them apart from it."""
        times = np.unique(moved_to(self._stops, times)) if self._stops else times
        self.end = max(times[-1], 0.0)
        return times

    def given(self) -> tuple[Dose, ...]:
        """What is given to the end, those doses among it that were triggered so far; in order of time."""
        kept = [d for d in self._planned if not any(abs(d.time - t) <= SAME * max(1.0, t) for t in self.held)]
        return tuple(sorted([*kept, *self.redoses]))

    def planned(self) -> list[Stop]:
        """Stops after 0, to the end."""
        return [
            Stop(
                stop,
                self._amounts.get(stop, 0.0),
                self._rate_from(stop),
                starts=stop in self._starts,
                switches=stop in self._switches,
                visit=stop in self._visits,
                may_hold=self._hold is not None and self._amounts.get(stop, 0.0) > 0,
            )
            for stop in self._stops
            if 0 < stop <= self.end
        ]

    @property
    def looks_at_start(self) -> bool:
        """Whether a visit falls on time 0; it only takes note of the value."""
        return 0.0 in self._visits

    def note_start(self, seen: Mapping[str, float]) -> None:
        """Take note of the observable at time 0, when a visit falls there."""
        if self._redosing and self.looks_at_start:
            self._nadir = seen[self._redosing.observable]
            self._armed = not _is_beyond(self._redosing, self._nadir)

    def next_stop(self, after: float) -> float | None:
        """First stop after a time and not after the end; None when there is no more."""
        place = bisect_right(self._stops, after)
        return self._stops[place] if place < len(self._stops) and self._stops[place] <= self.end else None

    def pass_stop(self, stop: float, seen: Mapping[str, float]) -> bool:
        """Take note of a stop; return whether anything changes there, which the attributes then tell.

        `seen` are the values of what is :attr:`watched`. A dose that is held counts as a change: curves have
        their two values there, whatever became of it.
        """
        self.amount = self._amounts.get(stop, 0.0)
        before = self.rate, self.last_dose
        self.rate = self._rate_from(stop)
        hold = self._hold if self.amount > 0 else None
        held = hold is not None and _is_beyond(hold, seen[hold.observable])
        if held:
            self.held.append(stop)
            self.amount = 0.0
        if self._redosing and stop in self._visits:
            self.amount += self._decide(self._redosing, stop, seen[self._redosing.observable])
        if (stop in self._starts and not held) or self.amount > 0:
            self.last_dose = stop
        return held or self.amount > 0 or (self.rate, self.last_dose) != before

    def _rate_from(self, time: float) -> float:
        """Cells per time unit of the infusions that run from a time on; exactly 0 when none does."""
        return sum(rate for start, stop, rate in self._inflows if start <= time < stop)

    def _stop_at(self, times: Sequence[float] | np.ndarray) -> list[float]:
        """Stop at these times too; returns where, for each, which is at a stop nearby where there is one."""
        if not len(times):
            return []
        moved = moved_to(self._stops, np.asarray(times, float))
        ascending = np.unique(moved)
        firsts = ascending[apart(ascending)]
        self._stops = sorted({*self._stops, *firsts.tolist()})
        return moved_to(firsts, moved).tolist()

    def _decide(self, rule: Redosing, visit: float, watched: float) -> float:
        """Cells to give at a visit: the observable has risen enough over its nadir, or crossed a level."""
        if not rule.rise:
            beyond = _is_beyond(rule, watched)
            given = beyond and self._armed and len(self.redoses) < rule.at_most
            self._armed = not beyond
            if given:
                self.redoses.append(Dose(visit, rule.amount))
            return rule.amount if given else 0.0
        risen = watched - self._nadir
        if len(self.redoses) < rule.at_most and risen > 0 and risen >= rule.rise * abs(self._nadir):
            self._nadir = watched
            self.redoses.append(Dose(visit, rule.amount))
            return rule.amount
        self._nadir = min(self._nadir, watched)
        return 0.0


def _is_beyond(level: Redosing | Hold, value: float) -> bool:
    """Whether a value is below or above the level of a rule; one that is no number is neither."""
    return value < level.below or value > level.above
