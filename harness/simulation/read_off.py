"""What is read off the runs of a chunk: endpoints and values at given times.

Promise: what is read off a run depends on that run alone, and on no time that is merely shown. An endpoint
for which nothing vouches that the output times resolve it is read until it stands still: when it moves by
more than :data:`STILL` as the times are halved, it is read again off a run with the finer ones; when it still
moves after :data:`HALVINGS`, it is NaN, and the reason of the row says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from harness.analysis.moments import SAME, jumps, nearly_in, pieces
from harness.simulation.study import Chunk, Study
from harness.simulation.trajectory import Status, Trajectory

__all__ = ["HALVINGS", "STILL", "end_of", "read_endpoints", "read_values"]

Rows = Callable[[Study, Chunk], list[Trajectory]]
"""What runs the rows of a chunk."""

STILL = 5e-4
"""Relative change, on halving the output times, below which an endpoint stands still. What is left is less
than that wherever a halving makes the error smaller by half or more: less than 0.1 %, with room to spare."""

NOTHING = 1e-6
"""Share of the largest value of an observable below which a change of a value of it is nothing."""

TOGETHER = 256
"""Runs that endpoints read at once: enough that a call costs little beside what it does, few enough that what
they work with stays near a core."""

HALVINGS = 6
"""How often output times are halved for an endpoint that moves."""


def end_of(study: Study, chunk: Chunk, row: int) -> float:
    """End of one run, as its endpoints see it."""
    return study.end if chunk.days is None else float(chunk.days[row])


def read_endpoints(
    study: Study, chunk: Chunk, runs: list[Trajectory], rerun: Rows
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Endpoints by name, one number a run, NaN for a run that failed; and what there is to say of each run.

    Parameters
    ----------
    rerun
        Gives the trajectories of a chunk anew, for a study with other times.
    """
    found = _read(study, chunk, runs)
    said = [""] * len(runs)
    if not study.moving:
        return found, said
    moves = _moves(study, _read(study, chunk, runs, every=2), found, runs)
    for _ in range(HALVINGS):
        rows = np.flatnonzero(moves.any(axis=0))
        if not rows.size:
            return found, said
        study = replace(study, endpoint_times=_halved(study.endpoint_times))
        part = chunk.rows(rows)
        finer = rerun(study, part)
        after = _read(study, part, finer)
        before = {name: values[rows] for name, values in found.items()}
        moves[:, rows] = _moves(study, before, after, finer)
        for name in study.moving:
            found[name][rows] = after[name]
    for place, row in np.argwhere(moves):
        name = study.moving[place]
        found[name][row] = np.nan
        said[row] = f"{name} does not stand still, whatever the output times"
    return found, said


def read_values(study: Study, chunk: Chunk, runs: list[Trajectory]) -> dict[str, np.ndarray]:
    """Values at given times, by column; NaN after the end of a run, and for one that failed."""
    at = np.array(study.at)
    found = {f"{name}_{t:g}": np.full(len(runs), np.nan) for name in study.at_observables for t in study.at}
    for row, run in enumerate(runs):
        inside = at[at <= end_of(study, chunk, row) * (1 + SAME)]
        values = run.at(inside)
        for name in study.at_observables:
            place = study.observables.index(name)
            for time, value in zip(inside, values[:, place], strict=True):
                found[f"{name}_{time:g}"][row] = value
    return found


def _read(study: Study, chunk: Chunk, runs: list[Trajectory], every: int = 1) -> dict[str, np.ndarray]:
    """Endpoints off the times of a study, or every second; of runs of the same times and doses at once."""
    found = {call.name: np.full(len(runs), np.nan) for call in study.endpoints}
    alike: dict[tuple[bytes, float, tuple[tuple[float, float], ...]], list[int]] = {}
    for row, run in enumerate(runs):
        if study.endpoints and run.status is Status.OK:
            end = end_of(study, chunk, row)
            spans = tuple((d.time, d.time + d.duration) for d in run.doses if d.time <= end)
            alike.setdefault((run.times.tobytes(), end, spans), []).append(row)
    for (_, end, spans), same in alike.items():
        times = runs[same[0]].times
        used = _used(times, study.endpoint_times, end, every)
        for rows in (same[start : start + TOGETHER] for start in range(0, len(same), TOGETHER)):
            values = np.stack([runs[row].values[used] for row in rows])
            by_name = {name: values[:, :, i] for i, name in enumerate(study.observables)}
            for call in study.endpoints:
                found[call.name][rows] = call(times[used], by_name, np.array(spans).reshape(-1, 2))
    return found


def _used(times: np.ndarray, own: np.ndarray, end: float, every: int) -> np.ndarray:
    """Places of the times that endpoints see: their own, again from every moment; the moments; the end.

    Of the times between two moments it is every one, or every second.
    """
    moment = jumps(times)
    wanted = own + np.append(0.0, times[moment + 1])[:, np.newaxis]
    used = nearly_in(times, np.unique([*wanted.ravel(), end]))
    used[moment] = used[moment + 1] = True
    places = np.flatnonzero(used & (times <= end * (1 + SAME)))
    parts = [places[part] for part in pieces(times[places])]
    return np.concatenate([np.union1d(part[::every], part[-1:]) for part in parts])


def _moves(
    study: Study, before: dict[str, np.ndarray], after: dict[str, np.ndarray], runs: list[Trajectory]
) -> np.ndarray:
    """Which endpoints moved in which run, shape (moving, runs)."""
    moved = []
    for call in study.endpoints:
        if call.name not in study.moving:
            continue
        a, b = before[call.name], after[call.name]
        place = study.observables.index(call.observable)
        reached = np.array([np.abs(run.values[:, place]).max(initial=0.0) for run in runs])
        nothing = NOTHING * reached if call.of_values else 0.0
        with np.errstate(invalid="ignore"):
            still = np.abs(a - b) <= np.maximum(STILL * np.maximum(np.abs(a), np.abs(b)), nothing)
        moved.append(~(still | (a == b) | (np.isnan(a) & np.isnan(b))))
    return np.array(moved)


def _halved(times: np.ndarray) -> np.ndarray:
    """Times with those halfway between them."""
    return np.sort(np.append(times, times[:-1] + np.diff(times) / 2))
