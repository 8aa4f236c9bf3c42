"""A study that is one plan, and what is read off its runs.

Promise: running it is planning, running the plan, and reading off, nothing else; so that many such studies
can be planned, run by one engine that all of them together repay, and read off where their runs are made.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Self

from harness.simulation.engines import ROADRUNNER
from harness.simulation.execute import Executor
from harness.simulation.plan import Plan
from harness.simulation.run import run
from harness.studies.outcome import EngineName, Outcome, Progress, StudyDeclaration

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PlannedStudy"]


class PlannedStudy(StudyDeclaration):
    """What studies of one plan have alike; each has a field `engine`: what is asked to run it."""

    if TYPE_CHECKING:
        engine: EngineName  # a field here would go before their own

    def on_reference(self) -> Self:
        """The same study on RoadRunner: planned without a start of the kernel."""
        return self.model_copy(update={"engine": ROADRUNNER})

    @abstractmethod
    def plan(self) -> Plan:
        """The simulations, :meth:`size` of them, whatever the values of the model's parameters.

        Raises
        ------
        InputError
            When what is declared does not fit the model.
        """

    @abstractmethod
    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        """The outcome of the plan and its labelled results."""

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Simulate and read off, as :meth:`read_off` says."""
        planned = self.plan()
        return self.read_off(planned, run(planned, executor, progress))
