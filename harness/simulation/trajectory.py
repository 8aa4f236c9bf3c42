"""What becomes of a run: its trajectory and how it ended.

Promise: a run that did not end well holds its status, a reason and NaN; it is never dropped. Each moment at
which something is given after the start stands in it twice (see harness.analysis.moments).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from harness.analysis.moments import after_moment, before_moment
from harness.shown import in_lines, listed
from harness.simulation.regimen import Dose

__all__ = ["NO_TIMES", "Status", "Stopped", "Trajectory"]

NO_TIMES = np.array([])


class Status(StrEnum):
    """How a run ended."""

    OK = "ok"
    INTEGRATION_FAILED = "integration failed"
    NOT_FINITE = "not finite"
    NEGATIVE = "negative amount"
    INACCURATE = "not accurate"
    BEYOND = "beyond the model"


class Stopped(Exception):
    """Raised while a form is run; leaves the engine only as a status."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Trajectory:
    """One run.

    Attributes
    ----------
    times
        The times asked for, and each moment of a dose after the start, just before it and as itself; (n,).
    values
        Shape (n, observables), NaN throughout when `status` is not OK.
    doses
        What was given to the end, in order of time: the model's own dose or those of the regimen, and those
        that an observable triggered; empty for a run that failed.
    redoses
        The last of these alone.
    held
        Times of planned doses that were not given, since an observable was beyond a level.
    reached
        The largest value of each state in the output, for those whose tolerance follows from it.
    regrown, steep, lost, hidden
        How far a pool has regrown, and a marker, amounts that the tolerance has lost, and those of them
        that by their rate grow there, unseen (harness.simulation.regrowth).
    """

    times: np.ndarray
    values: np.ndarray
    status: Status
    reason: str = ""
    doses: tuple[Dose, ...] = ()
    redoses: tuple[Dose, ...] = ()
    held: tuple[float, ...] = ()
    reached: Mapping[str, float] = field(default_factory=dict)
    regrown: float = 0.0
    steep: float = 0.0
    lost: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def __repr__(self) -> str:
        times, observables = self.values.shape
        return in_lines(
            f"Trajectory: {observables} observables at {times} times, {self.status}",
            reason=self.reason,
            doses=listed(self.doses),
            redoses=listed(self.redoses),
        )

    def at(self, times: np.ndarray) -> np.ndarray:
        """Rows at some of the times asked for, after a dose given then; shape (times, observables)."""
        return self.values[after_moment(self.times, times)]

    def before(self, times: np.ndarray) -> np.ndarray:
        """The same rows, before a dose given then."""
        return self.values[before_moment(self.times, times)]
