"""Fit a prepared problem: starts, Table 1's point, uncertainty, profiles, predictions.

Promise: the result depends on the prepared fit alone, whatever the executor; a lower point that a profile
over one or two parameters comes across becomes the new optimum; what the data do not determine is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.fitting.information import Uncertainty, information, quantile, uncertainty
from harness.fitting.kept import Kept, Nothing
from harness.fitting.objective import Objective
from harness.fitting.optimise import minimise, starting_points
from harness.fitting.parts import MapRow, Side, Start, run_parts
from harness.fitting.predictions import prediction_table, residual_table
from harness.fitting.prepared import Prepared
from harness.fitting.profile import DETERMINED, NOT_DETERMINED, ONE_SIDED, Walk, crossing, verdict
from harness.fitting.result import FitResult, as_columns, plain_numbers, versions
from harness.simulation.execute import Executor, Serial

__all__ = ["VERDICTS", "fit", "number_names", "steps"]

VERDICTS = {DETERMINED: 1.0, ONE_SIDED: 0.5, NOT_DETERMINED: 0.0}

LOWER = 0.05
"""Fall of the objective below the optimum at which a profile has found a better one."""

ATTEMPTS = 4
"""Times that the profiles are followed, at most: each but the first from a lower point on one of them."""

NEAR = 0.1
"""Distance from the lowest objective within which a start counts as having found it."""

MAP = 9
"""Points on each axis of the profile over two parameters."""


def number_names(coordinates: list[str]) -> tuple[str, ...]:
    """Names of the numbers of a fit with these coordinates."""
    each = ("estimate", "rse", "low", "high", "verdict")
    return (
        "objective", "AIC", "BIC", "n", "k", "objective_table_1", "AIC_table_1", "BIC_table_1", "starts",
        "starts_at_best", "failed_runs", "condition_number",
        *(f"{kind}_{name}" for name in coordinates for kind in each),
    )  # fmt: skip


def steps(prepared: Prepared, profile: bool) -> int:
    """Parts of a fit, for a progress bar."""
    return (
        prepared.starts + 1 + profile * 2 * prepared.places("parameter").size + (MAP if prepared.ridge else 0)
    )


@dataclass(frozen=True)
class _Found:
    """The optimum, the profiles around it by place of coordinate, and the map over two of them.

    `lowest` is the lowest value on profiles and map.
    """

    x: np.ndarray
    penalised: float
    known: Uncertainty
    sides: dict[int, tuple[Walk, Walk]]
    ridge: pd.DataFrame
    lowest: float


def fit(
    prepared: Prepared,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
    *,
    profile: bool = True,
    kept: Kept | Nothing | None = None,
    problem: dict | None = None,
) -> FitResult:
    """Fit.

    Parameters
    ----------
    prepared
        From :func:`~harness.fitting.prepare.prepare`.
    profile
        Whether the profile likelihood of each parameter is followed, which takes most of the time.
    kept
        Where finished parts are kept.
    problem
        The declared problem, to be stored with the result.
    """
    work = _Work(prepared, executor or Serial(), progress or (lambda _: None), kept or Nothing())
    starts = work.starts()
    found = work.optimum(min(starts, key=lambda start: start["penalised"]), profile)
    table_1 = work.at_table_1()
    objective = Objective(prepared)
    tables = {
        "estimates": _estimates(objective, found, profile),
        "effects": _effects(objective, found.x),
        "correlation": _matrix(prepared, found.known.correlation),
        "eigenvalues": _eigenvalues(prepared, found.known),
        "waterfall": _waterfall(starts),
        "profiles": _profiles(prepared, found),
        "ridge": found.ridge,
        "predictions": prediction_table(objective, found.x, found.known.covariance),
        "residuals": residual_table(objective, found.x),
    }
    best = objective.value(found.x)
    work.failed += objective.failed
    work.runs += objective.runs
    numbers = _numbers(prepared, tables["estimates"], starts, best, table_1, found, work.failed)
    return FitResult(
        title=prepared.title,
        problem=problem or {},
        checksum=prepared.checksum,
        seed=prepared.seed,
        time_unit=prepared.time_unit,
        versions=versions(),
        synthetic=prepared.synthetic,
        runs=work.runs,
        failed=work.failed,
        numbers=plain_numbers(numbers),
        tables={name: as_columns(table) for name, table in tables.items()},
        notes=_notes(prepared, tables, numbers, found),
    )


class _Work:
    """The parts of one fit, on one executor; counts the simulations."""

    def __init__(
        self, prepared: Prepared, executor: Executor, progress: Callable[[int], object], kept: Kept | Nothing
    ) -> None:
        self.prepared, self.executor, self.progress, self.kept = prepared, executor, progress, kept
        self.runs = self.failed = 0

    def run(self, parts: list) -> list[dict]:
        found = run_parts(self.prepared, parts, self.executor, self.progress, self.kept)
        self.runs += sum(part["runs"] for part in found)
        self.failed += sum(part["failed"] for part in found)
        return found

    def starts(self) -> list[dict]:
        every = tuple(range(len(self.prepared.coordinates)))
        points = starting_points(self.prepared, self.prepared.starts)
        return self.run([Start(f"start_{i:04d}", tuple(x), every) for i, x in enumerate(points.tolist())])

    def at_table_1(self) -> dict:
        """The model's own values, with the sizes of errors and omegas estimated."""
        x = self.prepared.start
        for place in self.prepared.places("parameter"):
            coordinate = self.prepared.coordinates[place]
            if np.isfinite(coordinate.declared):
                x[place] = coordinate.scaled(coordinate.declared)
        free = tuple(self.prepared.places("error", "omega").tolist())
        return self.run([Start("table_1", tuple(x.tolist()), free)])[0]

    def optimum(self, best: dict, profile: bool) -> _Found:
        """The optimum, its profiles and its map; begun anew from a lower point on one of them."""
        x, value = np.array(best["x"]), best["penalised"]
        for attempt in range(ATTEMPTS):
            objective = Objective(self.prepared)
            known = uncertainty(information(objective, x))
            sides = self.profiles(x, known, attempt) if profile else {}
            ridge, walks = self.ridge(x, attempt)
            walks += [side for pair in sides.values() for side in pair]
            lowest = min((float(walk.values.min()) for walk in walks), default=value)
            if lowest > value - LOWER or attempt == ATTEMPTS - 1:
                break
            start = next(walk.points[walk.values.argmin()] for walk in walks if walk.values.min() == lowest)
            better = minimise(objective, start, np.arange(x.size), "least_squares")
            x, value = better.x, better.value
            self.runs += objective.runs
            self.failed += objective.failed
        return _Found(x, value, known, sides, ridge, lowest)

    def profiles(self, x: np.ndarray, known: Uncertainty, attempt: int) -> dict[int, tuple[Walk, Walk]]:
        places = self.prepared.places("parameter").tolist()
        parts = [
            Side(
                f"profile_{self.prepared.names[place]}_{'up' if sign > 0 else 'down'}_{attempt}",
                tuple(x.tolist()), place, sign, float(known.error[place]),
            )
            for place in places
            for sign in (-1, 1)
        ]  # fmt: skip
        found = self.run(parts)
        walks = [_as_walk(part) for part in found]
        return {place: (walks[2 * i], walks[2 * i + 1]) for i, place in enumerate(places)}

    def ridge(self, x: np.ndarray, attempt: int) -> tuple[pd.DataFrame, list[Walk]]:
        """The profile over two parameters, between their bounds and through the optimum; and its rows."""
        if self.prepared.ridge is None:
            return pd.DataFrame(), []
        low, high = self.prepared.bounds
        places = [self.prepared.names.index(name) for name in self.prepared.ridge]
        axes = [np.linspace(low[p], high[p], MAP) for p in places]
        for axis, place in zip(axes, places, strict=True):
            axis[np.abs(axis - x[place]).argmin()] = x[place]
        parts = [
            MapRow(
                f"ridge_{i:02d}_{attempt}",
                tuple(x.tolist()),
                places[0],
                float(at),
                places[1],
                tuple(axes[1].tolist()),
            )
            for i, at in enumerate(axes[0])
        ]
        found = self.run(parts)
        first, second = (self.prepared.coordinates[place] for place in places)
        rows = [
            (first.natural(at), second.natural(along), value)
            for at, part in zip(axes[0], found, strict=True)
            for along, value in zip(axes[1], part["values"], strict=True)
        ]
        table = pd.DataFrame(rows, columns=[first.name, second.name, "objective"])
        return table, [_as_walk(part) for part in found]


def _as_walk(part: dict) -> Walk:
    return Walk(np.array(part["points"]), np.array(part["values"]), part["runs"], part["failed"])


def _estimates(objective: Objective, found: _Found, profile: bool) -> pd.DataFrame:
    prepared = objective.prepared
    low, high = prepared.bounds
    rows = []
    for i, c in enumerate(prepared.coordinates):
        error, x = found.known.error[i], found.x[i]
        natural = c.natural(x)
        reach = quantile(objective, i) * error
        sides = found.sides.get(i)
        ends = (None, None) if sides is None else tuple(crossing(i, s, found.penalised) for s in sides)
        said = ("no profile" if profile else "no profile asked for") if sides is None else verdict(ends)
        span = high[i] - low[i]
        rows.append({
            "parameter": c.name, "kind": c.kind, "unit": c.unit, "table_1": c.declared, "start": c.start,
            "estimate": natural,
            "rse": 100 * (error if c.log else error / abs(natural) if natural else np.nan),
            "low": c.natural(x - reach), "high": c.natural(x + reach),
            "profile_low": np.nan if ends[0] is None else c.natural(ends[0]),
            "profile_high": np.nan if ends[1] is None else c.natural(ends[1]),
            "verdict": said,
            "at_bound": bool(min(x - low[i], high[i] - x) < 1e-4 * span),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _effects(objective: Objective, x: np.ndarray) -> pd.DataFrame:
    prepared = objective.prepared
    effects, natural = objective.effects(x), prepared.natural(x)
    rows = [
        (group, prepared.names[effect.place], effects[g, k],
         natural[effect.place] * np.exp(effect.omega.at(natural) * effects[g, k]))
        for k, effect in enumerate(prepared.effects)
        for g, group in enumerate(prepared.groups)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["group", "parameter", "effect_in_sd", "value"])


def _matrix(prepared: Prepared, matrix: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(matrix, columns=prepared.names)
    frame.insert(0, "parameter", prepared.names)
    return frame


def _eigenvalues(prepared: Prepared, known: Uncertainty) -> pd.DataFrame:
    frame = pd.DataFrame(known.eigenvectors.T, columns=prepared.names)
    frame.insert(0, "eigenvalue", known.eigenvalues)
    return frame


def _waterfall(starts: list[dict]) -> pd.DataFrame:
    rows = [
        {"start": i, "objective": s["value"], "converged": s["converged"], "runs": s["runs"],
         "failed_runs": s["failed"], "said": s["said"]}
        for i, s in enumerate(starts)
    ]  # fmt: skip
    return pd.DataFrame(rows).sort_values("objective", ignore_index=True)


def _profiles(prepared: Prepared, found: _Found) -> pd.DataFrame:
    """One row a point, ascending in the profiled parameter; the columns of the others are the path."""
    frames = []
    for place, (down, up) in found.sides.items():
        points = np.concatenate([down.points[:0:-1], up.points])
        natural = np.array([prepared.natural(point) for point in points])
        frame = pd.DataFrame(natural, columns=prepared.names)
        frame.insert(0, "profiled", prepared.names[place])
        frame.insert(1, "value", natural[:, place])
        frame.insert(2, "rise", np.concatenate([down.values[:0:-1], up.values]) - found.penalised)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _numbers(
    prepared: Prepared,
    estimates: pd.DataFrame,
    starts: list[dict],
    best: float,
    table_1: dict,
    found: _Found,
    failed: int,
) -> dict[str, float]:
    n, k = prepared.observations, len(prepared.coordinates)
    sizes = prepared.places("error", "omega").size
    lowest = min(start["penalised"] for start in starts)
    values = np.maximum(found.known.eigenvalues, 1e-300)
    numbers = {
        "objective": best, "AIC": best + 2 * k, "BIC": best + k * np.log(n), "n": n, "k": k,
        "objective_table_1": table_1["value"],
        "AIC_table_1": table_1["value"] + 2 * sizes,
        "BIC_table_1": table_1["value"] + sizes * np.log(n),
        "starts": len(starts),
        "starts_at_best": sum(start["penalised"] < min(lowest, found.penalised) + NEAR for start in starts),
        "failed_runs": failed,
        "condition_number": values[0] / values[-1],
    }  # fmt: skip
    for row in estimates.itertuples():
        numbers[f"estimate_{row.parameter}"] = row.estimate
        numbers[f"rse_{row.parameter}"] = row.rse
        numbers[f"low_{row.parameter}"] = row.low
        numbers[f"high_{row.parameter}"] = row.high
        numbers[f"verdict_{row.parameter}"] = VERDICTS.get(row.verdict, np.nan)
    return numbers


def _notes(
    prepared: Prepared, tables: dict[str, pd.DataFrame], numbers: dict[str, float], found: _Found
) -> tuple[str, ...]:
    estimates = tables["estimates"]
    notes = [f"Synthetic data: {prepared.synthetic}"] if prepared.synthetic else []
    lost = estimates.parameter[estimates.rse.isna()].tolist()
    if lost:
        notes.append(f"Not determined by these data (no standard error): {', '.join(lost)}.")
    open_ended = estimates[estimates.verdict.isin([ONE_SIDED, NOT_DETERMINED])]
    if len(open_ended):
        said = ", ".join(f"{row.parameter} ({row.verdict})" for row in open_ended.itertuples())
        notes.append(f"Profiles that stay below the 95 % threshold within the bounds: {said}.")
    bound = estimates.parameter[estimates.at_bound].tolist()
    if bound:
        notes.append(
            f"Estimated at a bound: {', '.join(bound)}; errors by the Fisher information do not hold there."
        )
    if numbers["failed_runs"]:
        notes.append(f"{numbers['failed_runs']:.0f} simulations failed and counted as large residuals.")
    if numbers["starts_at_best"] <= 1 < numbers["starts"]:
        notes.append("At most one start reached the lowest objective: it may not be the global one.")
    if found.lowest < found.penalised - LOWER:
        notes.append("A profile lies below the optimum still; more starts are needed.")
    return tuple(notes)
