"""Run a plan: the same path for one run or a hundred thousand, here, on all cores or on a cluster.

Promise: :func:`run` returns labelled results; :func:`stream` writes one row a run to a file in constant
memory and can go on after an interruption. Both give the same numbers, bit for bit, on any executor. A run
that failed is NaN with its status and reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import InputError
from harness.shown import in_lines, listed
from harness.simulation.chunks import run_chunk
from harness.simulation.execute import Executor, Serial
from harness.simulation.plan import Plan
from harness.simulation.study import ChunkResult
from harness.simulation.trajectory import Status

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Found", "Summary", "collect", "run", "stream"]


@dataclass(frozen=True)
class Found:
    """What became of the runs of a plan, in the order of its design.

    Status and reason of each; columns by name, one value a run; and where trajectories are kept, their times
    and values, shape (runs, times, observables); else both are empty.
    """

    status: np.ndarray
    reason: np.ndarray
    columns: Mapping[str, np.ndarray]
    times: np.ndarray
    trajectories: np.ndarray

    def __repr__(self) -> str:
        counts = Counter(self.status.tolist())
        return in_lines(
            f"Found: {len(self.status)} runs",
            status=listed(f"{count} {status}" for status, count in counts.items()),
            columns=listed(self.columns),
            trajectories=f"{len(self.times)} times" if self.times.size else "",
        )


def collect(
    planned: Plan,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> Found:
    """Run a plan and return plain arrays: labels cost more to load than a model to run."""
    results = (executor or Serial()).map(partial(run_chunk, planned.study), planned.chunks())
    found: list[ChunkResult] = []
    for result in results:
        found.append(result)
        if progress:
            progress(len(result))
    found.sort(key=lambda result: result.start)
    status, reason = (
        np.concatenate([np.array(texts, dtype=object) for texts in each])
        for each in ((r.status for r in found), (r.reason for r in found))
    )
    columns = {name: np.concatenate([r.columns[name] for r in found]) for name in found[0].columns}
    if not planned.study.keep:
        return Found(status, reason, columns, np.empty(0), np.empty((len(status), 0, 0)))
    kept = np.concatenate([result.trajectories for result in found])
    given = {day for result in found for days in result.redoses for day in days}
    shown = planned.study.shown_rows(given)
    return Found(status, reason, columns, planned.study.kept_times()[shown], kept[:, shown])


def run(
    planned: Plan,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> xr.Dataset:
    """Run a plan and return labelled results.

    Parameters
    ----------
    planned
        From :func:`~harness.simulation.plan.plan`.
    executor
        Where the runs are made; by default in this process. It changes no bit of the results.
    progress
        Called with the number of runs that were just finished.

    Returns
    -------
    xarray.Dataset
        Dimension ``run``, in the order of the design, and ``time`` where trajectories are kept. One variable
        an endpoint or read-out, shape (runs,), or an observable, shape (runs, times), each with ``units``;
        ``status`` ('ok' or what went wrong) and ``reason`` of each run; the numbers of one that failed are
        NaN. The columns of the design are coordinates ``design_NAME``. The attribute ``engine`` says what ran
        them, ``notes`` what to know of the numbers, whatever the runs.

    Raises
    ------
    InputError
        When a worker dies or no scheduler answers. A run that fails raises nothing.
    """
    import xarray as xr

    found = collect(planned, executor, progress)
    data: dict[str, object] = {"status": ("run", found.status), "reason": ("run", found.reason)}
    for name, values in found.columns.items():
        data[name] = ("run", values, {"units": planned.unit(name)})
    coords: dict[str, object] = {"run": np.arange(len(planned))}
    if found.times.size:
        coords["time"] = ("time", found.times, {"units": planned.symbols.time_unit})
        for i, name in enumerate(planned.study.observables):
            symbol = planned.symbols[name]
            about = {"units": symbol.unit, "long_name": symbol.name}
            data[name] = (("run", "time"), found.trajectories[:, :, i], about)
    for name in planned.design.table.columns:
        coords[f"design_{name}"] = ("run", planned.design.table[name].to_numpy())
    attributes = {
        "model": planned.study.program.model,
        "engine": planned.study.engine,
        "notes": "; ".join(planned.notes),
    }
    return xr.Dataset(data, coords, attributes)


@dataclass(frozen=True)
class Summary:
    """How the runs of a study ended: number of runs by status; `damaged` kept chunks were run again."""

    runs: int
    by_status: dict[str, int]
    damaged: int = 0

    @classmethod
    def of(cls, results: xr.Dataset) -> Summary:
        """Summary of labelled results."""
        statuses, counts = np.unique(results["status"].to_numpy().astype(str), return_counts=True)
        return cls(results.sizes["run"], dict(zip(statuses.tolist(), counts.tolist(), strict=True)))

    @property
    def ok(self) -> int:
        """How many ended well."""
        return self.by_status.get(Status.OK, 0)

    def __str__(self) -> str:
        parts = [f"{count} {status}" for status, count in sorted(self.by_status.items(), key=lambda s: -s[1])]
        return f"{self.runs} runs: {', '.join(parts)}"


def stream(
    planned: Plan,
    out: str | Path,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
    resume: bool = False,
) -> Summary:
    """Run a plan and write one row a run to a csv or parquet file, in the order of the design.

    Finished chunks are kept beside the file until it is complete, so that an interrupted run goes on with
    `resume`. Memory does not grow with the number of runs.

    Parameters
    ----------
    planned, executor, progress
        As for :func:`run`; a plan that keeps no trajectories.
    out
        The file; its suffix says the format.
    resume
        Whether to go on with the chunks that an interrupted run has left.

    Returns
    -------
    Summary
        How many runs ended in which way.

    Raises
    ------
    InputError
        When the file cannot be written, unfinished work is there and `resume` is not given or it belongs to
        another study, or another process is at work on it.
    """
    if planned.study.keep:
        raise InputError("trajectories are kept in memory; write them as .nc")
    from harness.simulation.parts import Parts

    with Parts(Path(out), planned, resume) as parts:
        kept = {chunk.start: len(chunk) for chunk in planned.chunks() if parts.has(chunk.start)}
        if progress:
            progress(sum(kept.values()))
        waiting = (chunk for chunk in planned.chunks() if chunk.start not in kept)
        for result in (executor or Serial()).map(partial(run_chunk, planned.study), waiting):
            parts.add(result)
            if progress:
                progress(len(result))
        return Summary(len(planned), parts.merge(), parts.damaged)
