"""A fit as a study: a declared problem, fitted on any executor, answered by numbers and tables.

Promise: the numbers are those of :func:`harness.fitting.tables.number_names`; the tables those of the result.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from harness.fitting.engine import with_engine
from harness.fitting.fit import fit, steps
from harness.fitting.kept import Nothing
from harness.fitting.petab import prepare_petab
from harness.fitting.petab_files import files_of
from harness.fitting.prepare import prepare
from harness.fitting.prepared import Prepared
from harness.fitting.problem import FitProblem, coordinate_names, find_problem, read_problem
from harness.fitting.result import FitResult
from harness.fitting.tables import number_names
from harness.models.catalog import model_files
from harness.reading import read_text
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.kept import KeptParts
from harness.studies.outcome import EngineName, Outcome, Progress, StudyDeclaration

__all__ = ["Fit"]


class Fit(StudyDeclaration):
    """Fit the problem of a name ``PANEL/NAME`` or of a file, which may be that of a PEtab problem.

    `starts` goes over the number that the problem declares; `profile` follows the profile likelihood of each
    parameter, without which there is no verdict. `engine` runs the simulations: by default the kernel and its
    derivatives, and RoadRunner where they do not agree on a sample of starts.
    """

    SECONDS_A_STEP: ClassVar[float] = 1.0

    kind: Literal["fit"] = "fit"
    problem: str
    starts: int | None = Field(default=None, ge=1, le=4096)
    profile: bool = True
    engine: EngineName = AUTO

    @cached_property
    def path(self) -> Path:
        """File of the problem."""
        return find_problem(self.problem)

    @cached_property
    def declared(self) -> FitProblem:
        """The problem as declared."""
        return read_problem(self.path)

    @cached_property
    def prepared(self) -> Prepared:
        """The problem, checked against its model and data."""
        return self._with_engine[0]

    @property
    def said(self) -> str:
        """What to know of the engine; empty for the reference."""
        return self._with_engine[1]

    @cached_property
    def is_petab(self) -> bool:
        """Whether the file is that of a PEtab problem, which says which version of PEtab it is of."""
        return bool(re.search("^format_version:", read_text(self.path), re.MULTILINE))

    @cached_property
    def checked(self) -> Prepared:
        """The problem, checked, whatever runs it."""
        prepared = prepare_petab(self.path) if self.is_petab else prepare(self.declared, self.path.parent)
        return replace(prepared, starts=self.starts or prepared.starts)

    @cached_property
    def _with_engine(self) -> tuple[Prepared, str]:
        return with_engine(self.checked, self.engine)

    def inputs(self) -> tuple[Path, ...]:
        """The problem, its table, the results that it takes values from, and the files of its model."""
        if self.is_petab:
            return files_of(self.path)
        declared = self.declared
        design = declared.synthetic.design if declared.synthetic else None
        table = declared.table.file if declared.table else None
        named = [
            name
            for name in (declared.observations, table, declared.courses, design, *declared.fixed_from)
            if name
        ]
        return self.path, *(self.path.parent / name for name in named), *model_files(declared.model)

    def number_names(self) -> tuple[str, ...]:
        return number_names(self.checked.names if self.is_petab else coordinate_names(self.declared))

    def size(self) -> int:
        """Starts, sides of profiles and rows of the map: what the progress counts."""
        return steps(self.checked, self.profile)

    def result(
        self, executor: Executor, progress: Progress | None = None, kept: KeptParts | Nothing | None = None
    ) -> FitResult:
        """The result itself, which can be saved; finished parts go to `kept`."""
        declared: dict = {"petab": self.path.name}
        if not self.is_petab:
            declared = self.declared.model_dump(mode="json", exclude_defaults=True)
        return fit(self.prepared, executor, progress, profile=self.profile, kept=kept, problem=declared)

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        found = self.result(executor, progress)
        return Outcome(
            numbers={name: found.number(name) for name in self.number_names()},
            tables={name: found.table(name) for name in found.tables},
            runs=found.runs,
            failed=found.failed,
            notes=(*filter(None, [self.said]), *found.notes),
            engine=found.engine,
            extra={"result": found},
        )
