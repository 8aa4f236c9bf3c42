"""What runs the simulations of a fit, decided before the first of them.

Promise: the kernel only where it can express every model of the fit and has the numbers of the reference on a
sample of starts; one line that says which engine it is, and why where it is not the one that was asked for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.fitting.objective import Objective
from harness.fitting.optimise import starting_points
from harness.fitting.prepared import Prepared
from harness.fitting.simulations import Simulations
from harness.simulation.engines import AUTO, KERNEL, difference, least_sizes, usable

__all__ = ["with_engine"]

SAMPLE = 16
"""Starts, the declared one and others within the bounds, at which the engines are held against each other."""


def with_engine(prepared: Prepared, asked: str) -> tuple[Prepared, str]:
    """A fit with the engine that runs it, and what to say of that; empty for the reference.

    A fit makes thousands of runs, so that ``auto`` is the kernel.
    """
    if asked not in (KERNEL, AUTO):
        return prepared, ""
    for arm in prepared.arms:
        if arm.before:  # how it moves is known between runs alone
            return prepared, f"runs on RoadRunner: {arm.name} begins in a steady state"
        why = usable(arm.program, [*arm.fixed, *prepared.names_of_parameters], arm.observables)
        if why:
            return prepared, f"runs on RoadRunner: {why}"
    by_kernel = replace(prepared, engine=KERNEL)
    why = _apart(Simulations(prepared), Simulations(by_kernel))
    if why:
        return prepared, f"runs on RoadRunner: on a sample of starts, {why} between kernel and RoadRunner"
    return by_kernel, "runs on the kernel"


def _apart(reference: Simulations, kernel: Simulations) -> str:
    """Where two engines of a fit differ in what they simulate; empty where they do not."""
    prepared = reference.prepared
    objective, starts = Objective(prepared), starting_points(prepared, SAMPLE)
    nothing = np.zeros((max(len(prepared.groups), 1), len(prepared.effects)))
    for i, arm in enumerate(prepared.arms):
        points = [objective.point(i, x, nothing) for x in starts]
        one, other = ([each.trajectory(i, arm.times, p) for p in points] for each in (reference, kernel))
        units = {name: prepared.units[name] for name in arm.observables}
        why = difference(one, other, arm.observables, least_sizes(arm.program, units))
        if why:
            return f"{why} of {arm.name}"
    return ""
