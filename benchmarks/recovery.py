"""Recovery: synthetic data sets of each scale are fitted, and the estimates held against what made the data.

Usage: ``python -m benchmarks.recovery [DATA_SETS] [PROBLEM ...]``, 100 data sets unless told, because the
share of intervals that hold the truth has an error of 5 points by chance with 20. For each coordinate it
prints the bias of mean and median of ln(estimate/truth), the scale it is estimated on; for sizes of
errors and omegas that of the root mean square and of the median of the restricted estimate, because it is
a variance that can be without bias; the Monte Carlo error of the first; and the share of 95-percent
intervals that hold the truth, those by standard error and those by profile likelihood. A profile interval
holds the truth when the best fit with the coordinate held there lies above the optimum by less than what
bounds its interval; it is not made with random effects, where it takes minutes. Each fit starts a third
above or below the truth, by turns. All in percent. Aims: bias below 10, coverage between 85 and 100.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from harness.fitting.fit import fit
from harness.fitting.objective import Objective
from harness.fitting.optimise import minimise
from harness.fitting.prepare import prepare
from harness.fitting.prepared import Prepared
from harness.fitting.problem import find_problem, read_problem
from harness.simulation.execute import choose_executor

PROBLEMS = (
    "fig2a/synthetic",
    "fig2b/synthetic",
    "fig2b/synthetic_sizes",
    "fig2b/synthetic_scatter",
    "fig3/synthetic",
)


def recover(name: str, seed: int) -> pd.DataFrame:
    """Fit one data set; one row a parameter: ln(estimate/truth) and whether the interval holds the truth."""
    path = find_problem(name)
    problem = read_problem(path)
    synthetic = problem.synthetic.model_copy(update={"seed": seed})
    prepared = prepare(problem.model_copy(update={"synthetic": synthetic}), path.parent)
    found = fit(replace(_moved(prepared), starts=1), profile=False).table("estimates")
    found["truth"] = [c.declared if c.kind == "parameter" else c.start for c in prepared.coordinates]
    found["seed"] = seed
    found["held"] = (found["low"] <= found["truth"]) & (found["truth"] <= found["high"])
    found["held_by_profile"] = np.nan if prepared.effects else _held_by_profile(prepared, found)
    return found


def _held_by_profile(prepared: Prepared, found: pd.DataFrame) -> list[float]:
    """Whether the likelihood ratio of each truth, the other coordinates fitted, is within 95 %."""
    objective = Objective(prepared)
    rows = list(
        zip(prepared.coordinates, found["estimate"], found["truth"], found["profile_rise"], strict=True)
    )
    best = np.array([c.scaled(estimate) for c, estimate, *_ in rows])
    held: list[float] = []
    for place, (coordinate, _, truth, rise) in enumerate(rows):
        if np.isnan(rise):  # a size has no profile
            held.append(np.nan)
            continue
        start = best.copy()
        start[place] = coordinate.scaled(truth)
        others = np.delete(np.arange(best.size), place)
        at_truth = minimise(objective, start, others, "least_squares").value
        held.append(float(at_truth - objective.penalised(best) < rise))
    return held


def _moved(prepared: Prepared) -> Prepared:
    """The fit with every parameter started away from the truth."""
    moved = [
        replace(c, start=c.start * (4 / 3 if i % 2 else 3 / 4)) for i, c in enumerate(prepared.coordinates)
    ]
    return replace(prepared, coordinates=tuple(moved))


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Bias, its Monte Carlo error and both coverages by coordinate, all in percent."""
    return pd.DataFrame(
        {
            name: {
                **(_bias(mine) if (mine["kind"] == "parameter").all() else _bias_of_size(mine)),
                "coverage": 100 * mine["held"].mean(),
                "coverage_by_profile": 100 * mine["held_by_profile"].mean(),
            }
            for name, mine in found.groupby("parameter", sort=False)
        }
    ).T


def _bias(mine: pd.DataFrame) -> dict[str, float]:
    error = np.log(mine["estimate"] / mine["truth"])
    return {
        "bias": 100 * np.expm1(error.mean()),
        "bias_of_median": 100 * np.expm1(error.median()),
        "error_of_bias": 100 * error.std() / np.sqrt(len(error)),
    }


def _bias_of_size(mine: pd.DataFrame) -> dict[str, float]:
    square = (mine["restricted"] / mine["truth"]) ** 2
    root = np.sqrt(square.mean())
    return {
        "bias": 100 * (root - 1),
        "bias_of_median": 100 * (np.sqrt(square.median()) - 1),
        "error_of_bias": 100 * square.std() / np.sqrt(len(square)) / (2 * root),
    }


def main(count: int, names: list[str]) -> None:
    for name in names:
        results = list(choose_executor().map(partial(recover, name), range(1, count + 1)))
        found = pd.concat(sorted(results, key=lambda r: r["seed"].iloc[0]))
        print(f"{name}: {count} data sets", flush=True)
        print(summary(found).round(1).to_string(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, sys.argv[2:] or list(PROBLEMS))
