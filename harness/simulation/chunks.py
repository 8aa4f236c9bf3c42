"""The rows of a study run, chunk by chunk.

Promise: :func:`run_chunk` is the one function that every executor calls. Its result depends on the study
and on the rows of the chunk alone, so it is bitwise the same in any order, chunk or process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from harness.analysis.moments import SAME, jumps, nearly_in
from harness.shown import shortest
from harness.simulation.engines import KERNEL, engine_of
from harness.simulation.read_off import read_endpoints, read_values
from harness.simulation.regimen import Regimen
from harness.simulation.study import HELD, REDOSES, Chunk, ChunkResult, Study
from harness.simulation.trajectory import Status, Stopped, Trajectory

__all__ = ["run_beside", "run_chunk", "run_rows"]


def run_chunk(study: Study, chunk: Chunk) -> ChunkResult:
    """Run the rows of a chunk."""
    runs = run_rows(study, chunk)
    endpoints, said = read_endpoints(study, chunk, runs, run_rows)
    columns = {**endpoints, **read_values(study, chunk, runs)}
    shown = _shown(study, chunk, runs) if study.keep else runs
    if study.rules:
        columns |= _days(REDOSES, [[dose.time for dose in run.redoses] for run in runs])
    if study.holds:
        columns |= _days(HELD, [run.held for run in runs])
    return ChunkResult(
        chunk.start,
        [str(run.status) for run in runs],
        ["; ".join(filter(None, (run.reason, more))) for run, more in zip(runs, said, strict=True)],
        columns,
        [tuple(dose.time for dose in run.redoses) for run in shown],
        _trajectories(study, shown) if study.keep else np.empty((len(chunk), 0, 0)),
    )


def _days(names: tuple[str, str], times: Sequence[Sequence[float]]) -> dict[str, np.ndarray]:
    """Columns of how often something was in each run, and when."""
    said = [" ".join(map(shortest, each)) for each in times]
    return dict(zip(names, (np.array([len(each) for each in times]), np.array(said, object)), strict=True))


def run_rows(study: Study, chunk: Chunk, engine: str = "") -> list[Trajectory]:
    """Trajectories of the rows of a chunk, by the engine of the study or another, as they are read off.

    Times that are shown are among theirs only when nothing else is wanted: an integration depends on its
    output times within its tolerance, and what is read off a run is not to depend on what is shown of it.
    """
    return _run(study, chunk, _asked(study) if study.reads else _kept(study), engine)


def run_beside(study: Study, chunk: Chunk) -> np.ndarray:
    """Trajectories of the rows of a chunk whose parameters are all next to those of its first one.

    By the kernel on the steps of that run, so that differences hold nothing of the error control. Shape
    (rows, times, observables), at the times that are kept; rows of failed runs are NaN.
    """
    if study.engine == KERNEL:
        settings = [_settings(study, chunk, row) for row in range(len(chunk))]
        kept, names = _kept(study), list(settings[0][0])
        others = np.array([[values[name] for name in names] for values, _ in settings])[1:]
        kernel = engine_of(study.program, KERNEL)
        with contextlib.suppress(Stopped):
            times, first, rest = kernel.follow(settings[0], names, others, kept, study.observables)
            values = [first, *rest]
            return _trajectories(study, [Trajectory(times, each, Status.OK) for each in values])
    return run_chunk(study, chunk).trajectories


def _shown(study: Study, chunk: Chunk, runs: list[Trajectory]) -> list[Trajectory]:
    """Trajectories at the times that are kept: those read off where they have them, or of their own runs."""
    kept = _kept(study)
    return runs if not study.reads or nearly_in(kept, _asked(study)).all() else _run(study, chunk, kept, "")


def _asked(study: Study) -> np.ndarray:
    """Times at which a run is read off."""
    return np.unique([*study.endpoint_times, *study.at, study.end])


def _kept(study: Study) -> np.ndarray:
    """Times at which a run is kept, but for those before doses."""
    kept = study.kept_times()
    return np.delete(kept, jumps(kept))


def _run(study: Study, chunk: Chunk, times: np.ndarray, engine: str) -> list[Trajectory]:
    """Runs of the rows of a chunk with output at `times`, each to its end."""
    ends = np.full(len(chunk), times[-1]) if chunk.days is None else chunk.days
    asked = {end: np.append(times[times < end * (1 - SAME)], end) for end in np.unique(ends).tolist()}
    each = [asked[end] for end in ends.tolist()]
    rows = [row for row in range(len(chunk)) if row not in chunk.beyond]
    settings = [_settings(study, chunk, row) for row in rows]
    found = engine_of(study.program, engine or study.engine).run_many(
        settings, [each[row] for row in rows], study.observables, study.endpoint_times
    )
    if not chunk.beyond:
        return found
    ran = iter(found)
    return [
        _not_run(each[row], study, chunk.beyond[row]) if row in chunk.beyond else next(ran)
        for row in range(len(chunk))
    ]


def _not_run(times: np.ndarray, study: Study, why: str) -> Trajectory:
    """A run of a value that the model cannot have."""
    return Trajectory(times, np.full((times.size, len(study.observables)), np.nan), Status.BEYOND, why)


def _settings(study: Study, chunk: Chunk, row: int) -> tuple[dict[str, float], Regimen | None]:
    """Parameters of one row, and its regimen in absolute amounts."""
    settings = {**study.fixed, **dict(zip(study.columns, chunk.values[row].tolist(), strict=True))}
    regimen = study.regimens[chunk.regimens[row]] if chunk.regimens else study.regimen
    if regimen is None:
        return settings, None
    dose = settings.pop(study.program.target.parameter, study.default_dose)
    return settings, regimen.absolute(dose)


def _trajectories(study: Study, runs: list[Trajectory]) -> np.ndarray:
    """Rows of every run at the times that are kept; NaN after its end."""
    kept = study.kept_times()
    found = np.full((len(runs), kept.size, len(study.observables)), np.nan)
    before = jumps(kept)
    for row, run in enumerate(runs):
        inside = kept <= run.times[-1] * (1 + SAME)
        found[row, inside] = run.at(kept[inside])
        earlier = before[inside[before]]
        found[row, earlier] = run.before(kept[earlier])
    return found
