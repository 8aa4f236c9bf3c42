"""What runs the simulations of a fit, decided before the first of them.

Promise: the kernel only where it can express every model of the fit and has the numbers of the reference at
its start; one line that says why where it was asked for and is not used.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.fitting.objective import Objective
from harness.fitting.prepared import Prepared
from harness.simulation.engines import AUTO, KERNEL, difference, least_sizes, usable

__all__ = ["with_engine"]


def with_engine(prepared: Prepared, asked: str) -> tuple[Prepared, str]:
    """A fit with the engine that runs it, and what to say of that; empty for the reference.

    A fit makes thousands of runs, so that ``auto`` is the kernel.
    """
    if asked not in (KERNEL, AUTO):
        return prepared, ""
    objective = Objective(prepared)
    for arm, program in zip(prepared.arms, objective.programs, strict=True):
        why = usable(program, [*arm.fixed, *prepared.names_of_parameters])
        if why:
            return prepared, f"runs on RoadRunner: {why}"
    by_kernel = Objective(replace(prepared, engine=KERNEL))
    nothing = np.zeros((max(len(prepared.groups), 1), len(prepared.effects)))
    for i, arm in enumerate(prepared.arms):
        runs = [each.trajectory(i, arm.times, prepared.start, nothing) for each in (objective, by_kernel)]
        units = {name: prepared.units[name] for name in arm.observables}
        least = least_sizes(objective.programs[i], units)
        why = difference([runs[0]], [runs[1]], arm.observables, least)
        if why:
            return prepared, f"runs on RoadRunner: at the start, {why} between kernel and RoadRunner"
    return replace(prepared, engine=KERNEL), "runs on the kernel"
