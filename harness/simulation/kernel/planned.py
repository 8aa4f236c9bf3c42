"""Runs as arrays for the kernel, what they share made once.

Promise: runs of the same regimens and output times have the same course, whatever their parameters, which is
kept; what is made of some runs is what would be made of them anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.simulation.kernel.batch import Batch, Run, make_batch
from harness.simulation.kernel.text import Layout
from harness.simulation.program import Program

__all__ = ["Planned"]

MOST_COURSES = 16 * 1024
"""Runs of which the course is kept."""


class Planned:
    """Courses of the runs of one program, by their regimens and output times.

    Attributes
    ----------
    places
        Place of each parameter.
    """

    def __init__(self, program: Program, layout: Layout, defaults: np.ndarray) -> None:
        self._program, self._layout, self._defaults = program, layout, defaults
        self.places = {name: i for i, name in enumerate(layout.parameters)}
        self._kept: dict[tuple, Batch] = {}
        self._count = 0

    def batch(self, runs: Sequence[Run], times: Sequence[np.ndarray]) -> Batch:
        """Runs as arrays; what does not depend on their parameters is made once for regimens and times.

        A rule for more doses and rates that switch make a course of its own for each.
        """
        regimens = [regimen for _, regimen in runs]
        ruled = any(regimen and (regimen.redosing or regimen.hold) for regimen in regimens)
        if self._program.switches.atoms or ruled:
            return self._made(runs, times)
        written = {id(each): each.tobytes() for each in {id(each): each for each in times}.values()}
        key = (*regimens, *(written[id(each)] for each in times))
        planned = self._kept.get(key)
        if planned is None:
            if self._count >= MOST_COURSES:
                self._kept.clear()  # by whichever thread; what another holds stays its own
                self._count = 0
            self._count += len(runs)
            planned = self._kept[key] = self._made(runs, times)
        values = np.tile(self._defaults, (len(runs), 1))
        for row, (settings, regimen) in zip(values, runs, strict=True):
            for name, value in self._program.with_first_dose(settings, regimen).items():
                row[self.places[name]] = value
        values[:, -1] = planned.values[:, -1]  # what flows in at the start
        return planned.at(values)

    def _made(self, runs: Sequence[Run], times: Sequence[np.ndarray]) -> Batch:
        return make_batch(runs, times, self._program, self._layout, self._defaults)
