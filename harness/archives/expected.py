"""The numbers that an archive expects, held against those of the engine.

Promise: every ``expected_NAME.csv`` of an archive (a column time, the others observables) is compared with
the task whose report, or whose own id, is NAME: |a - b| <= atol + 1e-5 |b|, with the absolute parts that
tools are held to (harness.exchange.agreement), or a millionth of the largest value of what stands in none.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from harness.analysis.metrics import over_tolerance
from harness.archives.runnable import Unpacked, unpack
from harness.errors import InputError, RunFailed
from harness.exchange.agreement import RELATIVE_TOLERANCE, absolute_tolerances
from harness.models.catalog import load_card
from harness.reading import read_texts, to_numbers
from harness.simulation.engine import Engine
from harness.simulation.programs import make_program
from harness.simulation.trajectory import Status

__all__ = ["compare_archive"]

EXPECTED = re.compile(r"(?:.*/)?expected_(\w+)\.csv")
SHARE = 1e-6


def compare_archive(path: Path) -> pd.DataFrame:
    """Columns curve, observable, over_tolerance (its largest over the times) and time (where that is).

    Raises
    ------
    InputError
        When the archive is broken, holds no expected numbers, or none of its tasks is that of such a file.
    RunFailed
        When a run fails.
    """
    found = unpack(path)
    files = {match[1]: match[0] for match in map(EXPECTED.fullmatch, found.listed) if match}
    if not files:
        raise InputError(f"{path}: holds no expected numbers (expected_NAME.csv)")
    rows = [row for name, file in files.items() for row in _compared(found, name, found.folder / file)]
    return pd.DataFrame(rows)


def _compared(found: Unpacked, name: str, file: Path) -> list[dict[str, object]]:
    run = found.run_of(_task_of(found, name))
    table = read_texts(file, ("time",), optional=None).apply(to_numbers)
    if len(table.columns) < 2 or not np.isfinite(table.to_numpy()).all():
        raise InputError(f"{found.path}: {file.name} needs numbers in a column time and in others")
    times = table["time"].to_numpy(float)
    if times[0] < 0 or (np.diff(times) < 0).any():
        raise InputError(f"{found.path}: {file.name}: times ascend from 0 on")
    card = load_card(run.model)
    observables = [column for column in table.columns if column != "time"]
    for column in observables:
        if column not in card.symbols:
            unknown = card.symbols.unknown("observable", column, card.symbols)
            raise InputError(f"{found.path}: {file.name}: {unknown}")
    engine = Engine(make_program(card), relative_tolerance=1e-10)
    done = engine.run({}, None, times, observables)
    if done.status is not Status.OK:
        raise RunFailed(f"{found.path}: {name}: {done.status}: {done.reason}")
    values = done.at(times)
    rows: list[dict[str, object]] = []
    for place, column in enumerate(observables):
        expected = table[column].to_numpy(float)
        known = absolute_tolerances().get(column)
        atol = known.atol if known else max(SHARE * float(np.abs(expected).max()), 1e-300)
        ratio = over_tolerance(values[:, place], expected, atol, RELATIVE_TOLERANCE)
        worst = int(np.argmax(ratio))
        rows.append(
            {"curve": name, "observable": column, "over_tolerance": float(ratio[worst]), "time": times[worst]}
        )
    return rows


def _task_of(found: Unpacked, name: str) -> str:
    """Name of the task that gives the report `name`."""
    for task, (_, parsed) in found.tasks.items():
        if name in (*parsed.reports, task, task.removeprefix("task_")):
            return task
    raise InputError(f"{found.path}: expected_{name}.csv belongs to no task or report of its SED-ML")
