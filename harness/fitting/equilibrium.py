"""The steady state that a simulation begins in.

Promise: :meth:`Equilibrium.starts` gives the states in which nothing moves any more: from a time T on, not
before the last measurement, neither until 10 T nor until 100 T. A model that has no such T, since it swings,
grows or takes far longer, has no steady state here, and the run that is to begin in it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.simulation.engine import Engine
from harness.simulation.program import Program

__all__ = ["Equilibrium"]

STILL = 1e-6
"""Share of the largest value on the way within which a state has not moved."""

DIED = 1e-12
"""Share of that value below which a state has died away: what is left of it, of any sign, is the solver's."""

DECADES = 8
"""How often the time is made ten times longer, at most."""

ON_THE_WAY = np.append(0.0, np.logspace(-4, 0, 41))
"""Times, as shares of T, at which states are looked at for their largest value."""


@dataclass(frozen=True)
class Equilibrium:
    """What runs until nothing moves.

    Attributes
    ----------
    program, fixed
        The model as it is until then, and the numbers that are set in it.
    carried
        What is read out there, and the name that sets it in the simulation that begins.
    earliest
        The first T, in the model's unit of time.
    """

    program: Program
    fixed: Mapping[str, float]
    carried: Mapping[str, str]
    earliest: float

    @property
    def content(self) -> tuple:
        """The same for the same content, in this process."""
        return self.program.key, *self.fixed.items(), None, *self.carried.items(), self.earliest

    def starts(self, engine: Engine, given: Mapping[str, float]) -> dict[str, float]:
        """States that a simulation begins with, for given parameters; NaN where there is no steady state."""
        names = list(self.carried)
        for late in self.earliest * 10.0 ** np.arange(DECADES):
            times = late * np.append(ON_THE_WAY, [10.0, 100.0])
            found = engine.run({**self.fixed, **given}, None, times, names).values
            if not np.isfinite(found).all():
                break
            moved, largest = np.abs(np.diff(found[-3:], axis=0)), np.abs(found).max(axis=0)
            if (moved <= STILL * largest).all():
                reached = np.where(np.abs(found[-1]) < DIED * largest, 0.0, found[-1])
                return dict(zip(self.carried.values(), reached.tolist(), strict=True))
        return dict.fromkeys(self.carried.values(), float("nan"))
