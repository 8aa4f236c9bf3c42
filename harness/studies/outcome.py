"""The form of every study: declared, run on an executor, and answered by numbers and tables.

Promise: a study names its numbers before it runs, so that a target that asks for another is refused at once;
what it computes depends on its declaration alone, whatever the executor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator

from harness.analysis.response import require_rule
from harness.declarations import Declaration
from harness.errors import InputError, RunFailed
from harness.models.catalog import model_files
from harness.offered import offered
from harness.shown import in_lines, listed
from harness.simulation.engines import require_engine
from harness.simulation.execute import Executor
from harness.simulation.study import is_ok

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "EngineName",
    "Outcome",
    "Progress",
    "ProgressionRule",
    "StudyDeclaration",
    "by_group",
    "count_failed",
    "refuse_set_twice",
]

Progress = Callable[[int], object]

ProgressionRule = Annotated[str, AfterValidator(require_rule)]
"""Name of a rule of progression, of ``response.yaml``."""


EngineName = Annotated[str, AfterValidator(require_engine)]
"""What runs the simulations, of :mod:`harness.simulation.engines`."""


def count_failed(status: Sequence[str] | np.ndarray, reason: Sequence[str] | np.ndarray) -> int:
    """How many runs failed.

    Raises
    ------
    RunFailed
        When all of them did; a study without one good run has no answer.
    """
    failed = sum(not is_ok(each) for each in status)
    if failed == len(status):
        raise RunFailed(f"every simulation failed; the first: {next(iter(reason))}")
    return failed


def by_group(
    table: pd.DataFrame, group: str, known: pd.Series, names: Iterable[str], logarithms: Iterable[str] = ()
) -> dict[tuple[str, str], np.ndarray]:
    """Columns of a table with a row a patient, by group and name; of `logarithms`, as ``log(NAME)``.

    NaN for those that are not `known`, or have no logarithm.
    """
    found = {}
    for label, rows in table.assign(known=known).groupby(group, sort=False):
        told, good = f"{label:g}" if isinstance(label, float) else str(label), rows["known"].to_numpy(bool)
        for name in names:
            found[told, name] = np.where(good, rows[name].to_numpy(float), np.nan)
        for name in logarithms:
            value = rows[name].to_numpy(float)
            found[told, f"log({name})"] = np.log(np.where(good & (value > 0), value, np.nan))
    return found


def refuse_set_twice(changes: Iterable[str], varied: Iterable[str], where: str = "changes") -> None:
    """Refuse a value for all runs of what differs between them, which would be dropped silently.

    `where` is what gives it: a spread about a value, too, is dropped where each run has its own.
    """
    doubled = sorted(set(changes) & set(varied))
    if doubled:
        raise InputError(f"{where}: {', '.join(doubled)} is varied between the runs; it has no one value")


@offered
@dataclass(frozen=True)
class Outcome:
    """What a study found.

    Attributes
    ----------
    numbers
        Scalars that targets score, by name.
    tables
        Tables by name, each column one quantity; what ``--out`` writes and figures draw.
    runs, failed
        Simulations made, and how many of them failed; failures are in the tables, never dropped silently.
    notes
        Sentences that a reader of the numbers must know: what ran the simulations, where it is not the
        reference or was to be the kernel, first; failures and how they were handled, assumptions.
    engine
        What ran the simulations; empty where that is no one engine.
    curves
        Labelled results of all runs with their curves, of a study that was asked to keep them.
    """

    numbers: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame]
    runs: int = 0
    failed: int = 0
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    engine: str = ""
    curves: xr.Dataset | None = None

    def __repr__(self) -> str:
        return in_lines(
            f"Outcome: {self.runs} runs, {self.failed} failed",
            engine=self.engine,
            numbers=listed(f"{name}={value:.4g}" for name, value in self.numbers.items()),
            tables=listed(f"{name} ({len(table)} rows)" for name, table in self.tables.items()),
            notes=listed(self.notes, most=1),
        )

    def written(self, name: str) -> pd.DataFrame:
        """A table as it is written: its last column says what ran the simulations."""
        table = self.tables[name]
        return table.assign(engine=self.engine) if self.engine else table


class StudyDeclaration(Declaration, ABC):
    """Base of the declarations of studies; `kind` tells them apart.

    `DECLARED` are those of its numbers that the declaration fixes, whatever the models do. `SECONDS_A_STEP`
    is what a step takes, about: many studies are begun with the longest.
    """

    DECLARED: ClassVar[tuple[str, ...]] = ()
    SECONDS_A_STEP: ClassVar[float] = 1e-3

    kind: str

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        offered(cls)

    def inputs(self) -> tuple[Path, ...]:
        """Files that it reads, which no result may be written over: those of its model."""
        model = getattr(self, "model", None)
        return model_files(model) if model else ()

    def lean(self) -> Self:
        """The same study without what is of no use when it is run for every draw of the parameters."""
        return self

    def of_patients(
        self,
        tables: Mapping[str, pd.DataFrame],  # noqa: ARG002 - most have none
    ) -> dict[tuple[str, str], np.ndarray]:
        """Numbers of single patients by dose or arm and name, whose variance is shared out; most have none.

        The places are those of the same patients in every draw of the parameters.
        """
        return {}

    @abstractmethod
    def number_names(self) -> tuple[str, ...]:
        """Names of the numbers that :meth:`run` will give."""

    @abstractmethod
    def size(self) -> int:
        """How many steps the progress will count: simulations, or tasks of a fit or a comparison."""

    @abstractmethod
    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Do it.

        Raises
        ------
        InputError
            When what is declared does not fit the model.
        """
