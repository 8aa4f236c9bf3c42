"""What was understood of the table of a fit: arms, doses, observations, and what is left out and why.

Promise: it is told from the prepared fit itself, so that what is shown is what would be fitted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.arms import laid_out
from harness.fitting.covariates import Course
from harness.fitting.prepare import prepare
from harness.fitting.prepared import ArmData, Prepared
from harness.fitting.problem import FitArm, FitProblem
from harness.models.catalog import select
from harness.simulation.planned_doses import far_from
from harness.simulation.regimen import Regimen

__all__ = ["understood", "with_file"]

SHOWN = 12
"""Rows that are left out for one reason, or arms of one kind, that are told by name."""


def with_file(problem: FitProblem, folder: Path, file: Path) -> FitProblem:
    """The problem, whose paths start at `folder`, with another table in place of its own.

    Raises
    ------
    InputError
        When its data are synthetic.
    """
    named = os.path.relpath(file, folder)
    if problem.table is not None:
        return problem.model_copy(update={"table": problem.table.model_copy(update={"file": named})})
    if problem.observations is None:
        raise InputError("its data are synthetic: it reads no table")
    return problem.model_copy(update={"observations": named})


def understood(problem: FitProblem, folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """One row an arm and observable, and sentences on the whole.

    Raises
    ------
    InputError
        As :func:`harness.fitting.prepare.prepare`.
    """
    prepared = prepare(problem, folder)
    card = select(problem.model, problem.readings, problem.condition).card
    laid = laid_out(problem, folder, card)
    rows = pd.DataFrame([row for arm in prepared.arms for row in _rows(prepared, arm)])
    rows.insert(3, "sets", rows["arm"].map({name: _sets(arm) for name, arm in laid.problem.arms.items()}))
    if not rows["sets"].any():
        rows = rows.drop(columns="sets")
    doses = sum(len(arm.regimen.doses) for arm in prepared.arms if arm.regimen)
    count = prepared.rows
    seen = f"{count['used']} observations, {count['censored']} of them censored"
    said = [f"{len(prepared.arms)} arms, {doses} doses, {seen}; {count['left_out']} rows left out"]
    if card.dose is not None:
        given = [dose.amount for arm in prepared.arms if arm.regimen for dose in arm.regimen.doses]
        said += far_from(given, card.symbols[card.dose.parameter])
        if not any(given) and all(arm.regimen for arm in prepared.arms):
            said.append("nobody gets a dose: AMT, or doses under table, says who does")
    late = [arm.name for arm in prepared.arms if arm.regimen and _last_moment(arm.regimen) > arm.times[-1]]
    if late:
        said.append(f"a dose is given, or still runs, after the last observation: {_listed(late)}")
    for reason, number in prepared.left_out.items():
        places = laid.ignored.get(reason, [])
        where = f"{reason}: row{'s' * (len(places) > 1)} {_listed(places)}"
        said.append(f"left out: {number} {where if places else f'of {reason}, as the problem says'}")
    return rows, said


def _listed(names: Sequence[object]) -> str:
    return ", ".join(map(str, names[:SHOWN])) + ", ..." * (len(names) > SHOWN)


def _last_moment(given: Regimen) -> float:
    return max((dose.time + dose.duration for dose in given.doses), default=0.0)


def _sets(arm: FitArm) -> str:
    """Covariates and parameters of an arm, and what changes with time in it."""
    given = {**arm.covariates, **arm.changes, **arm.over_time}
    return "; ".join(f"{name} {_course(value)}" for name, value in given.items())


def _course(value: str | Course) -> str:
    if isinstance(value, str):
        return value
    first, *others = value.items()
    return ", ".join([first[1], *(f"{text} from {time}" for time, text in others)])


def _rows(prepared: Prepared, arm: ArmData) -> Iterator[dict[str, object]]:
    own = "the model's own" if arm.program.dose else "none"
    for place, name in enumerate(arm.observables):
        its = arm.observable_index == place
        times = arm.times[arm.time_index[its]]
        censored = arm.censored & its
        between, right = arm.between & its, censored & ~np.isfinite(arm.limit)
        kinds = {
            "below": int((censored & ~between & ~right).sum()),
            "above": int(right.sum()),
            "between": int(between.sum()),
        }
        yield {
            "arm": arm.name,
            "group": prepared.groups[arm.group] if arm.group >= 0 else "",
            "doses": own if arm.regimen is None else str(arm.regimen) or "none",
            "observable": name,
            "unit": prepared.units[name],
            "observations": int(its.sum()),
            "censored": ", ".join(f"{number} {kind}" for kind, number in kinds.items() if number),
            "lowest": arm.value[its].min(initial=np.inf),
            "highest": arm.value[its].max(initial=-np.inf),
            "first": times.min(initial=np.inf),
            "last": times.max(initial=-np.inf),
        }
