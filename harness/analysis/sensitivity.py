"""Global sensitivity: Sobol indices that stand failures, and partial rank correlations.

Promise: plain functions of arrays. A failed run is NaN in `y`; it is handled by the named rule and counted,
and where too little is left, or the result does not vary, the indices are NaN. Numbers depend on the
arguments alone, the seed among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from SALib.analyze import sobol
from SALib.sample import sobol as saltelli
from scipy.stats import norm, rankdata

from harness.errors import InputError

__all__ = ["FAILURES", "Indices", "base_rows", "prcc", "prcc_interval", "saltelli_sample", "sobol_indices"]

FAILURES = ("drop", "impute")
"""What becomes of failures: the whole block of a failed run is left out, or the median takes its place."""

FEWEST = 16
"""Blocks below which no index is given."""


def _problem(count: int) -> dict:
    return {"num_vars": count, "names": [f"x{i}" for i in range(count)], "bounds": [[0.0, 1.0]] * count}


def saltelli_sample(count: int, n: int, seed: int) -> np.ndarray:
    """Saltelli's sample of the unit cube for first and total order: n blocks of count + 2 rows.

    A block holds a row of the first base sample, that row with one column after the other from the second,
    and the row of the second (Saltelli 2010). Scrambled Sobol points.

    Raises
    ------
    InputError
        When `n` is not a power of two, which the balance of the points needs.
    """
    if n < FEWEST or n & (n - 1):
        raise InputError(f"n: {n} is not a power of two of at least {FEWEST}")
    return saltelli.sample(_problem(count), n, calc_second_order=False, seed=seed)


def base_rows(count: int, n: int) -> np.ndarray:
    """Numbers of the rows that are independent of each other: first and last of each of `n` blocks."""
    starts = np.arange(n) * (count + 2)
    return np.sort(np.concatenate([starts, starts + count + 1]))


@dataclass(frozen=True)
class Indices:
    """Sobol indices of each parameter, shape (d,), with the half width of their bootstrap interval.

    `blocks` is how many blocks they rest on, `failed` how many runs had no value.
    """

    total: np.ndarray
    total_half: np.ndarray
    first: np.ndarray
    first_half: np.ndarray
    blocks: int
    failed: int


def sobol_indices(
    y: np.ndarray,
    count: int,
    failures: str = "drop",
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Indices:
    """First and total order of `count` parameters from results of Saltelli's sample, shape (n (count + 2),).

    Leaving out a whole block keeps the sample one of Saltelli's, over the part of the space that can be
    simulated. A median in place of a failure keeps all blocks and draws the indices towards 0.
    """
    bad = ~np.isfinite(y)
    blocks = y.reshape(-1, count + 2)
    if failures == "drop":
        kept = blocks[~bad.reshape(blocks.shape).any(axis=1)]
    else:
        kept = np.where(np.isfinite(blocks), blocks, np.median(y[~bad]) if not bad.all() else np.nan)
    spread = kept.std() if kept.size else 0.0
    if len(kept) < FEWEST or not spread > 1e-12 * np.abs(kept).max():
        none = np.full(count, np.nan)
        return Indices(none, none, none, none, len(kept), int(bad.sum()))
    found = sobol.analyze(
        _problem(count),
        kept.ravel(),
        calc_second_order=False,
        num_resamples=resamples,
        conf_level=level,
        seed=seed,
    )
    return Indices(found["ST"], found["ST_conf"], found["S1"], found["S1_conf"], len(kept), int(bad.sum()))


def prcc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Partial rank correlation of `y`, (n,), with each column of `x`, (n, d), the others held (Marino 2008).

    Rows with NaN in `y` are left out; NaN when fewer than d + 3 are left, or `y` does not vary.
    """
    known = np.isfinite(y)
    x, y = x[known], y[known]
    count = x.shape[1]
    if len(y) < count + 3 or np.ptp(y) == 0:
        return np.full(count, np.nan)
    ranks, rank_y = rankdata(x, axis=0), rankdata(y)
    found = np.empty(count)
    for j in range(count):
        others = np.column_stack([np.ones(len(y)), np.delete(ranks, j, axis=1)])
        pair = np.column_stack([ranks[:, j], rank_y])
        rest = pair - others @ np.linalg.lstsq(others, pair, rcond=None)[0]
        lengths = np.linalg.norm(rest, axis=0)
        explained = lengths <= 1e-9 * np.linalg.norm(pair, axis=0)  # nothing is left to correlate
        found[j] = 0.0 if explained.any() else rest[:, 0] @ rest[:, 1] / lengths.prod()
    return found


def prcc_interval(r: np.ndarray, rows: int, count: int, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Confidence interval of partial rank correlations from `rows` rows of `count` columns, after Fisher."""
    width = norm.ppf(0.5 + level / 2) / np.sqrt(max(rows - count - 2, 1))
    centre = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    return np.tanh(centre - width), np.tanh(centre + width)
