"""What was understood of the table of a fit: arms, doses, observations, and what is left out and why.

Promise: it is told from the prepared fit itself, so that what is shown is what would be fitted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.arms import laid_out
from harness.fitting.prepare import prepare
from harness.fitting.prepared import ArmData, Prepared
from harness.fitting.problem import FitProblem
from harness.models.catalog import select
from harness.simulation.planned_doses import far_below

__all__ = ["understood", "with_file"]

ROWS = 12
"""Numbers of rows that are told, of those that are left out for one reason."""


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
    ignored = laid_out(problem, folder, card).ignored
    rows = pd.DataFrame([row for arm in prepared.arms for row in _rows(prepared, arm)])
    doses = sum(len(arm.regimen.doses) for arm in prepared.arms if arm.regimen)
    count = prepared.rows
    seen = f"{count['used']} observations, {count['censored']} of them censored"
    said = [f"{len(prepared.arms)} arms, {doses} doses, {seen}; {count['left_out']} rows left out"]
    if card.dose is not None:
        given = [dose.amount for arm in prepared.arms if arm.regimen for dose in arm.regimen.doses]
        said += far_below(given, card.symbols[card.dose.parameter])
        if not any(given) and all(arm.regimen for arm in prepared.arms):
            said.append("nobody gets a dose: AMT, or doses under table, says who does")
    for reason, number in prepared.left_out.items():
        places = ignored.get(reason, [])
        shown = ", ".join(map(str, places[:ROWS])) + ", ..." * (len(places) > ROWS)
        where = f": row{'s' * (len(places) > 1)} {shown}" if places else ", as the problem says"
        said.append(f"left out: {number} {reason}{where}")
    return rows, said


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
            "first": times.min(initial=np.inf),
            "last": times.max(initial=-np.inf),
        }
