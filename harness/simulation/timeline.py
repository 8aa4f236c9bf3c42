"""The course of a regimen in one run: where the integration stops, and what flows in there.

Promise: doses in order, infusions as a rate that starts and ends, re-dosing decided at visits from the value
of an observable, and a stop wherever the rates of the model switch by time. Holds the progress of one run;
make a new one for each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.simulation.regimen import Dose, Regimen

__all__ = ["Stop", "Timeline"]


@dataclass(frozen=True)
class Stop:
    """A stop known before: what it adds, the inflow from then on, whether a dose starts or rates switch."""

    time: float
    amount: float
    rate: float
    starts: bool
    switches: bool


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
    """

    def __init__(self, regimen: Regimen, end: float) -> None:
        self.end = end
        self.amount = 0.0
        self.last_dose = 0.0
        self.redoses: list[Dose] = []
        self.has_infusions = any(dose.duration > 0 for dose in regimen.doses)
        self._redosing = regimen.redosing
        self._nadir = np.inf
        self._planned = [dose for dose in regimen.doses if dose.amount > 0 and dose.time <= end]
        self._infusions = [dose for dose in regimen.later if dose.duration > 0]
        self._amounts: dict[float, float] = {}
        for dose in regimen.later:
            if dose.duration == 0:
                self._amounts[dose.time] = self._amounts.get(dose.time, 0.0) + dose.amount
        self.rate = self._rate_from(0.0)
        self._starts = {*self._amounts, *(dose.time for dose in self._infusions)}
        self._edges = {t for d in self._infusions for t in (d.time, d.time + d.duration) if t > 0}
        visits = self._redosing.visits(end) if self._redosing else ()
        self._visits = {float(visit) for visit in visits}
        self._courses = {*self._amounts, *self._edges, *self._visits}
        self._switches: set[float] = set()
        self._stops = sorted(self._courses)

    @property
    def watched(self) -> str:
        """Observable that decides about re-dosing; empty without one."""
        return self._redosing.observable if self._redosing else ""

    def switch_at(self, times: Sequence[float], after: float = 0.0) -> None:
        """Rates switch by themselves at `times`, which take the place of those that lay behind `after`."""
        self._switches = {t for t in self._switches if t <= after} | set(times)
        self._stops = sorted({*self._courses, *self._switches})

    def bends_at(self, stop: float) -> bool:
        """Whether rates switch by themselves at a stop."""
        return stop in self._switches

    def snap(self, times: np.ndarray) -> np.ndarray:
        """Output times, moved to a stop where rounding alone holds them apart from it."""
        for near in ("left", "right") if self._stops else ():
            places = np.searchsorted(self._stops, times, near) - (near == "right")
            stops = np.array([*self._stops, np.inf])[places]  # place -1, before all stops, is infinity
            times = np.where(np.isclose(times, stops, rtol=1e-12, atol=1e-12), stops, times)
        self.end = max(times[-1], 0.0)
        return np.unique(times) if self._stops else times

    def given(self) -> tuple[Dose, ...]:
        """What is given to the end, those doses among it that were triggered so far; in order of time."""
        return tuple(sorted([*self._planned, *self.redoses]))

    def planned(self) -> list[Stop]:
        """Stops to the end but for visits: what is given, where an inflow changes, where rates switch."""
        return [
            Stop(
                stop,
                self._amounts.get(stop, 0.0),
                self._rate_from(stop),
                starts=stop in self._starts,
                switches=stop in self._switches,
            )
            for stop in sorted({*self._amounts, *self._edges, *self._switches})
            if stop <= self.end
        ]

    def note_start(self, watched: float) -> None:
        """Take note of the observable at time 0, when a visit falls there."""
        if 0.0 in self._visits:
            self._nadir = watched

    def next_stop(self, after: float) -> float | None:
        """First stop after a time and not after the end; None when there is no more."""
        place = bisect_right(self._stops, after)
        return self._stops[place] if place < len(self._stops) and self._stops[place] <= self.end else None

    def pass_stop(self, stop: float, watched: float) -> bool:
        """Take note of a stop; return whether anything changes there, which the attributes then tell."""
        self.amount = self._amounts.get(stop, 0.0)
        before = self.rate, self.last_dose
        self.rate = self._rate_from(stop)
        if stop in self._visits:
            self.amount += self._decide(stop, watched)
        if stop in self._starts or self.amount > 0:
            self.last_dose = stop
        return self.amount > 0 or (self.rate, self.last_dose) != before

    def _rate_from(self, time: float) -> float:
        """Cells per time unit of the infusions that run from a time on; exactly 0 when none does."""
        running = (d for d in self._infusions if d.time <= time < d.time + d.duration)
        return sum(dose.amount / dose.duration for dose in running)

    def _decide(self, visit: float, watched: float) -> float:
        """Cells to give at a visit: the observable has risen enough over its nadir, or nothing."""
        rule = self._redosing
        risen = watched - self._nadir
        if len(self.redoses) < rule.at_most and risen > 0 and risen >= rule.rise * abs(self._nadir):
            self._nadir = watched
            self.redoses.append(Dose(visit, rule.amount))
            return rule.amount
        self._nadir = min(self._nadir, watched)
        return 0.0
