"""What a fit found, as tables, numbers and notes.

Promise: a table has one row a coordinate, start or point, with natural values in the model's units; a number
that does not exist is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.fitting.information import Uncertainty
from harness.fitting.objective import Objective
from harness.fitting.prepared import Prepared
from harness.fitting.profile import DETERMINED, NOT_DETERMINED, ONE_SIDED, Walk, crossing, verdict

__all__ = ["LOWER", "TABLES", "Reached", "number_names", "result_notes", "result_numbers", "result_tables"]

TABLES = (
    "estimates", "effects", "covariance", "correlation", "eigenvalues", "waterfall", "profiles", "ridge",
    "predictions", "residuals", "bootstrap",
)  # fmt: skip
"""Tables of a result, by name; a figure of some has the same name."""

VERDICTS = {DETERMINED: 1.0, ONE_SIDED: 0.5, NOT_DETERMINED: 0.0}

LOWER = 0.05
"""Fall of the objective below the optimum at which a profile has found a better one."""

NEAR = 0.1
"""Distance from the lowest objective within which a start counts as having found it."""


def number_names(coordinates: list[str]) -> tuple[str, ...]:
    """Names of the numbers of a fit with these coordinates."""
    each = ("estimate", "rse", "low", "high", "verdict")
    return (
        "objective", "AIC", "BIC", "n", "k", "objective_table_1", "AIC_table_1", "BIC_table_1", "starts",
        "starts_at_best", "failed_runs", "condition_number",
        *(f"{kind}_{name}" for name in coordinates for kind in each),
    )  # fmt: skip


@dataclass(frozen=True)
class Reached:
    """The optimum, the profiles around it by place of coordinate, and the map over two of them.

    `lowest` is the lowest value on profiles and map.
    """

    x: np.ndarray
    penalised: float
    known: Uncertainty
    sides: dict[int, tuple[Walk, Walk]]
    ridge: pd.DataFrame
    lowest: float


def result_tables(
    objective: Objective, found: Reached, starts: list[dict], profile: bool
) -> dict[str, pd.DataFrame]:
    """Estimates, effects, covariance, correlations, eigenvalues, waterfall, profiles and ridge."""
    prepared = objective.prepared
    return {
        "estimates": _estimates(prepared, found, profile),
        "effects": _effects(objective, found.x),
        "covariance": _matrix(prepared, _of_told(found.known)),
        "correlation": _matrix(prepared, found.known.correlation()),
        "eigenvalues": _eigenvalues(prepared, found.known),
        "waterfall": _waterfall(starts),
        "profiles": _profiles(prepared, found),
        "ridge": found.ridge,
    }


def _estimates(prepared: Prepared, found: Reached, profile: bool) -> pd.DataFrame:
    known = found.known
    at_bounds = prepared.at_bounds(found.x)
    lower, upper = known.interval(found.x)
    rows = []
    for i, c in enumerate(prepared.coordinates):
        natural = c.natural(found.x[i])
        error = np.nan if at_bounds[i] else known.error[i]
        sides = found.sides.get(i)
        rise = known.rise(i) if c.kind == "parameter" else np.nan
        ends: list[float | None] = [None, None]
        if sides is not None:
            ends = [crossing(i, side, found.penalised, rise) for side in sides]
        said = ("no profile" if profile else "no profile asked for") if sides is None else verdict(ends)
        rows.append({
            "parameter": c.name, "kind": c.kind, "unit": c.unit, "scale": "log" if c.log else "linear",
            "table_1": c.declared, "start": c.start,
            "estimate": natural,
            "restricted": natural * known.restricted[i],
            "rse": 100 * (error if c.log else error / abs(natural) if natural else np.nan),
            "low": np.nan if at_bounds[i] else c.natural(lower[i]),
            "high": np.nan if at_bounds[i] else c.natural(upper[i]),
            "profile_low": np.nan if ends[0] is None else c.natural(ends[0]),
            "profile_high": np.nan if ends[1] is None else c.natural(ends[1]),
            "profile_rise": rise,
            "verdict": said,
            "at_bound": bool(at_bounds[i]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _effects(objective: Objective, x: np.ndarray) -> pd.DataFrame:
    prepared = objective.prepared
    if not prepared.effects:
        return pd.DataFrame(columns=["group", "parameter", "effect_in_sd", "value"])
    effects, root = objective.effects(x), prepared.factor(x)
    in_sd = effects @ root.T / np.sqrt((root**2).sum(axis=1))
    rows = []
    for k, effect in enumerate(prepared.effects):
        for g, group in enumerate(prepared.groups):
            point = objective.point(prepared.members(g)[0], x, effects)
            value = prepared.varied[effect.position].natural(point[effect.position])
            rows.append((group, effect.name, in_sd[g, k], value))
    return pd.DataFrame(rows, columns=["group", "parameter", "effect_in_sd", "value"])


def _matrix(prepared: Prepared, matrix: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(matrix, columns=prepared.names)
    frame.insert(0, "parameter", prepared.names)
    return frame


def _of_told(known: Uncertainty) -> np.ndarray:
    """The covariance, NaN with a coordinate that has no error."""
    told = np.isfinite(known.error)
    return np.where(np.outer(told, told), known.covariance, np.nan)


def _eigenvalues(prepared: Prepared, known: Uncertainty) -> pd.DataFrame:
    values, vectors = known.eigen()
    frame = pd.DataFrame(vectors.T, columns=prepared.names)
    frame.insert(0, "eigenvalue", values)
    return frame


def _waterfall(starts: list[dict]) -> pd.DataFrame:
    rows = [
        {"start": i, "objective": s["value"], "converged": s["converged"], "runs": s["runs"],
         "failed_runs": s["failed"], "said": s["said"]}
        for i, s in enumerate(starts)
    ]  # fmt: skip
    return pd.DataFrame(rows).sort_values("objective", ignore_index=True)


def _profiles(prepared: Prepared, found: Reached) -> pd.DataFrame:
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


def result_numbers(
    prepared: Prepared,
    estimates: pd.DataFrame,
    starts: list[dict],
    best: float,
    table_1: dict,
    found: Reached,
    failed: int,
) -> dict[str, float]:
    """The numbers of :func:`number_names`, from the table of estimates and the objective at the optimum."""
    n, k = prepared.observations, len(prepared.coordinates)
    sizes = prepared.places("error", "omega", "correlation").size
    lowest = min(start["penalised"] for start in starts)
    values, _ = found.known.eigen()
    numbers = {
        "objective": best, "AIC": best + 2 * k, "BIC": best + k * np.log(n), "n": n, "k": k,
        "objective_table_1": table_1["value"],
        "AIC_table_1": table_1["value"] + 2 * sizes,
        "BIC_table_1": table_1["value"] + sizes * np.log(n),
        "starts": len(starts),
        "starts_at_best": sum(start["penalised"] < min(lowest, found.penalised) + NEAR for start in starts),
        "failed_runs": failed,
        "condition_number": values[0] / values[-1] if values.size else np.nan,
    }  # fmt: skip
    for row in estimates.itertuples():
        numbers[f"estimate_{row.parameter}"] = row.estimate
        numbers[f"rse_{row.parameter}"] = row.rse
        numbers[f"low_{row.parameter}"] = row.low
        numbers[f"high_{row.parameter}"] = row.high
        numbers[f"verdict_{row.parameter}"] = VERDICTS.get(row.verdict, np.nan)
    return numbers


def result_notes(
    prepared: Prepared,
    estimates: pd.DataFrame,
    numbers: dict[str, float],
    found: Reached,
    starts: list[dict],
    table_1: dict,
) -> tuple[str, ...]:
    """What a reader of the numbers has to know."""
    notes = [f"Synthetic data: {prepared.synthetic}"] if prepared.synthetic else []
    notes += dict.fromkeys(doubt for arm in prepared.arms for doubt in arm.program.doubts)
    if prepared.left_out:
        said = "; ".join(f"{name}: {count}" for name, count in prepared.left_out.items())
        notes.append(f"Rows left out, by the table or as the problem says: {said}.")
    spent = [prepared.names[place] for place in found.known.sizes[found.known.spent]]
    if spent:
        notes.append(
            f"Too few observations to tell {', '.join(spent)}: the parameters leave no residuals over. "
            "What rests on it has no error; give the size, or more data."
        )
    lost = estimates.parameter[estimates.rse.isna() & ~estimates.at_bound].tolist()
    if lost:
        notes.append(f"Not determined by these data (no standard error): {', '.join(lost)}.")
    open_ended = estimates[estimates.verdict.isin([ONE_SIDED, NOT_DETERMINED])]
    if len(open_ended):
        said = ", ".join(f"{row.parameter} ({row.verdict})" for row in open_ended.itertuples())
        notes.append(f"Profiles that stay below the 95 % threshold within the bounds: {said}.")
    bound = estimates.parameter[estimates.at_bound].tolist()
    if bound:
        notes.append(
            f"Estimated at a bound: {', '.join(bound)}; errors of the others hold within the bounds."
        )
    if numbers["failed_runs"]:
        notes.append(f"{numbers['failed_runs']:.0f} simulations failed and counted as large residuals.")
    notes += _of_censoring(prepared) + _of_starts(prepared, numbers, found, starts)
    if table_1["penalised"] < found.penalised - LOWER:
        notes.append(
            f"The model's own values do better than the fit, by {found.penalised - table_1['penalised']:.3g} "
            "in the objective: start from them, widen the bounds, or take more starts."
        )
    if found.lowest < found.penalised - LOWER:
        notes.append("A profile lies below the optimum still; more starts are needed.")
    return tuple(notes)


def _of_censoring(prepared: Prepared) -> list[str]:
    """Observables of which no value was quantified."""
    seen = prepared.joined(tuple(range(len(prepared.arms))))
    lost = [
        error.observable for i, error in enumerate(prepared.errors) if seen.censored[seen.error == i].all()
    ]
    if not lost:
        return []
    return [
        f"Every observation of {', '.join(lost)} is censored: they bound what is predicted, and tell neither "
        "its level nor the size of its error."
    ]


def _of_starts(
    prepared: Prepared, numbers: dict[str, float], found: Reached, starts: list[dict]
) -> list[str]:
    """Whether the starts came to one point, and where the others ended."""
    notes = []
    best, count = numbers["starts_at_best"], numbers["starts"]
    if best <= 1 < count:
        notes.append("At most one start reached the lowest objective: it may not be the global one.")
    lowest = min(found.penalised, *(start["penalised"] for start in starts))
    above = [start["penalised"] - lowest for start in starts if start["penalised"] >= lowest + NEAR]
    if above:
        notes.append(
            f"Starts disagree: {len(above)} of {count:.0f} ended {min(above):.3g} to {max(above):.3g} above "
            f"the lowest objective, {sum(start['converged'] for start in starts)} of all converged."
        )
    same = np.array([start["x"] for start in starts if start["penalised"] < lowest + NEAR])
    wide = np.ptp(same, axis=0) > found.known.error if len(same) else np.zeros(found.x.size, bool)
    apart = [name for name, is_wide in zip(prepared.names, wide, strict=True) if is_wide]
    if apart:
        notes.append(f"Starts with the same objective ended more than an error apart in {', '.join(apart)}.")
    return notes
