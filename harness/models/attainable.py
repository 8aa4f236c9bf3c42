"""What an observable can be at all, whatever the states are: a count is not below 0, no fall beyond all.

Promise: the limits hold every value that the formula takes while each state is anywhere from 0 up, at any
time; an end that cannot be worked out is open, so that nothing that a model can reach is outside.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.models.equations import Equations
from harness.models.intervals import Bounds
from harness.models.limits import Limits
from harness.models.mathml import Expression

__all__ = ["attainable"]

FAR = 1e100
"""In place of infinity, which divided by itself is nothing."""


def attainable(equations: Equations, observables: Iterable[str]) -> dict[str, Limits]:
    """Limits of each observable, in the unit of the model; none of one that can be anything."""
    states = dict.fromkeys(equations.rates, (0.0, FAR))
    bounds = Bounds(np.zeros(1), np.full(1, FAR), equations.constants, equations.formulas, states)
    found = {}
    for name in observables:
        low, high = (float(end[0]) for end in bounds.of(Expression("name", value=name)))
        ends = {side: end for side, end in (("least", low), ("most", high)) if abs(end) < FAR**0.5}
        if ends and low < high:
            found[name] = Limits(**ends)
    return found
