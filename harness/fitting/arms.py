"""The arms of a fit and the rows of its table, from whatever form the table has.

Promise: :func:`laid_out` gives a problem that names all its arms, with a table of observations in the
project's own form, and says which rows of the file are left out, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from harness.analysis.observations import read_measurements
from harness.errors import InputError, unknown_name
from harness.fitting.covariates import Course
from harness.fitting.long_table import LongTable, read_long_table
from harness.fitting.problem import FitArm, FitProblem, require_groups
from harness.models.card import ModelCard
from harness.models.symbols import SymbolTable
from harness.models.units import parse_quantity
from harness.reading import read_texts

__all__ = ["LaidOut", "laid_out"]


@dataclass(frozen=True)
class LaidOut:
    """A problem with all its arms, and its table; `path` is the file, None of synthetic data without design.

    `ignored` has the rows that are no observation of an arm, by the reason.
    """

    problem: FitProblem
    path: Path | None
    table: pd.DataFrame
    ignored: Mapping[str, list[int]] = field(default_factory=dict)


def laid_out(problem: FitProblem, folder: Path, card: ModelCard) -> LaidOut:
    """Read the table of a problem, and make its arms.

    Raises
    ------
    InputError
        When the table is broken, or arms and table do not go together.
    """
    laid = _laid_out(problem, folder, card)
    if problem.courses is None:
        return laid
    arms = _with_courses(laid.problem, folder / problem.courses, card.symbols)
    return replace(laid, problem=laid.problem.model_copy(update={"arms": arms}))


def _laid_out(problem: FitProblem, folder: Path, card: ModelCard) -> LaidOut:
    if problem.table is not None:
        return _from_long(problem, problem.table, folder, card)
    file = problem.synthetic.design if problem.synthetic else problem.observations
    if file is None:
        for name in ("columns", "ignore"):
            if getattr(problem, name):
                raise InputError(f"{name}: goes with a table of observations")
        return LaidOut(problem, None, pd.DataFrame())
    path = folder / file
    table = read_measurements(path, problem.columns)
    arms = dict(problem.arms) or {
        name: FitArm() for name in dict.fromkeys(table["arm"]) if name not in problem.ignore
    }
    conditions = [name for name, what in problem.columns.items() if what == "condition"]
    if conditions:
        arms = _by_conditions(arms, table, conditions)
    return LaidOut(_with_arms(problem, arms), path, table)


def _from_long(problem: FitProblem, declared: LongTable, folder: Path, card: ModelCard) -> LaidOut:
    path = folder / declared.file
    names = tuple(dict.fromkeys(name for given in problem.covariates.values() for name in given))
    elsewhere = _named_by_courses(problem, folder)
    in_file = {
        name: [given[name] for given in problem.covariates.values() if name in given]
        for name in names
        if name not in elsewhere
    }
    found = read_long_table(declared, folder, tuple(problem.observables), card.symbols, card.dose, in_file)
    measured = set(found.table["arm"])
    arms, ignored = {}, dict(found.ignored)
    for name, subject in found.subjects.items():
        if name in problem.ignore:
            continue
        if name not in measured:
            raise InputError(f"{path}: ID {name}: nothing was measured; ignore: names it")
        covariates = {
            covariate: next(iter(course.values()))
            if len(course) == 1
            else {repr(t): v for t, v in course.items()}
            for covariate, course in subject.covariates.items()
        }
        arms[name] = FitArm(
            doses=subject.doses, changes=subject.changes, group=subject.group, covariates=covariates
        )
    return LaidOut(_with_arms(problem, arms), path, found.table, ignored)


def _with_arms(problem: FitProblem, arms: Mapping[str, FitArm]) -> FitProblem:
    if not arms:
        raise InputError("arms: the table leaves none")
    made = problem.model_copy(update={"arms": dict(arms)})
    require_groups(made)
    return made


def _by_conditions(
    arms: Mapping[str, FitArm], table: pd.DataFrame, conditions: list[str]
) -> dict[str, FitArm]:
    """Each arm once for every set of values that the columns of its rows have."""
    found = {}
    for name, arm in arms.items():
        source = arm.observed or name
        rows = table.loc[table["arm"] == source, conditions].drop_duplicates()
        for values in rows.to_dict("records"):
            given = {column: f"{value!r}" for column, value in values.items()}
            if set(given) & set(arm.changes):
                raise InputError(f"arm {name}: sets {', '.join(given)}, which its rows do; one of them")
            said = ", ".join(f"{column} {value:g}" for column, value in values.items())
            changes = {**arm.changes, **given}
            found[f"{name}, {said}"] = arm.model_copy(update={"changes": changes, "observed": source})
    return found


COURSES = ("arm", "parameter", "time", "value")


def _named_by_courses(problem: FitProblem, folder: Path) -> set[str]:
    """Parameters and covariates of the table of what changes with time."""
    if problem.courses is None:
        return set()
    return set(read_texts(folder / problem.courses, COURSES, ("time_unit", "unit"))["parameter"])


def _with_courses(problem: FitProblem, path: Path, symbols: SymbolTable) -> dict[str, FitArm]:
    """The arms with what changes with time: a row for each time from which on a value holds."""
    table = read_texts(path, COURSES, ("time_unit", "unit"))
    covariates = {name for given in problem.covariates.values() for name in given}
    found: dict[str, dict[str, Course]] = {name: {} for name in problem.arms}
    for place, row in enumerate(table.to_dict("records"), start=1):
        try:
            if row["arm"] not in problem.arms:
                raise unknown_name("arm of the fit", row["arm"], problem.arms)
            name, value = row["parameter"], f"{row['value']} {row.get('unit', '')}".strip()
            time = parse_quantity(
                f"{row['time']} {row.get('time_unit', '')}".strip(), symbols.time_unit, "time"
            )
            if name not in covariates:
                value = repr(symbols.parse(name, value))
            course = found[row["arm"]].setdefault(name, {})
            if repr(time) in course:
                raise InputError(f"time '{row['time']}': {name} has a value from then on already")
            course[repr(time)] = value
        except InputError as error:
            raise InputError(f"{path}: row {place}: {error}") from None
    return {name: _with_course(arm, found[name], covariates) for name, arm in problem.arms.items()}


def _with_course(arm: FitArm, courses: dict[str, Course], covariates: set[str]) -> FitArm:
    acting = {name: course for name, course in courses.items() if name in covariates}
    others = {name: course for name, course in courses.items() if name not in covariates}
    return arm.model_copy(
        update={
            "covariates": {**arm.covariates, **acting},
            "over_time": {**arm.over_time, **others},
        }
    )
