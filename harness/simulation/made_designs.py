"""Designs that are worked out: one run, a grid of axes, a sample of ranges, random effects.

Promise: rows keep their place: row i of random effects depends on the seed and on i alone, whatever the
number of rows; the same seed gives the same sample. Values are in the model's units.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from harness.declarations import Seed
from harness.errors import InputError
from harness.models.symbols import SymbolTable
from harness.simulation.design import MOST, Design, of_columns

if TYPE_CHECKING:
    from scipy.stats import qmc

__all__ = ["grid", "latin_hypercube", "parse_axis", "random_effects", "single", "sobol"]

FEW = 10_000
"""Rows of random effects whose deviates are kept: less than a megabyte."""


def single(**values: float) -> Design:
    """A design of one run, with or without columns, in the model's units."""
    return of_columns({name: [value] for name, value in values.items()}, 1) if values else Design()


def grid(**axes: Sequence[float] | np.ndarray) -> Design:
    """All combinations of the values of each axis, in the model's units; the last axis varies fastest.

    Raises
    ------
    InputError
        When there is no axis, one has no points, or there are more than ten million combinations.
    """
    for name, values in axes.items():
        if len(values) == 0:
            raise InputError(f"grid: axis {name} has no points")
    if not axes:
        raise InputError("grid: no axes")
    rows = math.prod(len(values) for values in axes.values())
    if rows > MOST:
        raise InputError(f"grid: {rows} combinations; at most {MOST} are allowed")
    import pandas as pd

    index = pd.MultiIndex.from_product([np.asarray(v, float) for v in axes.values()], names=list(axes))
    return Design(index.to_frame(index=False))


def latin_hypercube(
    ranges: Mapping[str, tuple[float, float]], count: int, seed: Seed, log: bool = False
) -> Design:
    """Latin hypercube sample of `count` rows within (low, high) of each column, evenly or in logarithms.

    The ends are in the model's units; the same seed gives the same rows.

    Raises
    ------
    InputError
        When a range is empty, or not positive for logarithms, or no row is asked for.
    """
    from scipy.stats import qmc  # takes longer to load than a model to run

    return _sampled(qmc.LatinHypercube(len(ranges), rng=seed), ranges, count, log)


def sobol(ranges: Mapping[str, tuple[float, float]], count: int, seed: Seed, log: bool = False) -> Design:
    """Scrambled Sobol sample of `count` rows, a power of two, as :func:`latin_hypercube` takes its ranges.

    Raises
    ------
    InputError
        When `count` is no power of two, which would lose the balance of the sample, or a range is empty, or
        not positive for logarithms.
    """
    if count & (count - 1):
        raise InputError(f"sobol: {count} is not a power of two")
    from scipy.stats import qmc

    return _sampled(qmc.Sobol(len(ranges), rng=seed), ranges, count, log)


def _sampled(
    sampler: qmc.QMCEngine, ranges: Mapping[str, tuple[float, float]], count: int, log: bool
) -> Design:
    if count < 1:
        raise InputError(f"design: {count} rows asked for; at least one is needed")
    low, high = (np.array([ends[i] for ends in ranges.values()], float) for i in (0, 1))
    for name, (a, b) in ranges.items():
        if not (np.isfinite(a) and np.isfinite(b) and a < b) or (log and a <= 0):
            raise InputError(
                f"design: column {name}: range {a:g} to {b:g} is empty, or not positive for logarithms"
            )
    if log:
        low, high = np.log(low), np.log(high)
    points = low + (high - low) * sampler.random(count)
    return of_columns(dict(zip(ranges, (np.exp(points) if log else points).T, strict=True)), count)


def _standard_normal(seed: int, count: int, columns: int) -> np.ndarray:
    """Normal deviates, shape (count, columns), each row from its own stream."""
    streams = (np.random.Generator(np.random.Philox(key=[seed, i])) for i in range(count))
    return np.array([stream.standard_normal(columns) for stream in streams])


_drawn_once = lru_cache(maxsize=4)(_standard_normal)
"""The same, kept: at every draw of the parameters a study has the same patients."""


def random_effects(
    typical: Mapping[str, float | np.ndarray],
    omega: Mapping[str, float | np.ndarray],
    count: int,
    seed: Seed,
) -> Design:
    """Log-normal random effects: typical * exp(omega * z), z standard normal, independent between columns.

    Row i comes from a stream of its own, keyed by the seed and i. Typical values are in the model's units,
    each omega is a standard deviation of the logarithm; both are one number for all rows, or one a row.

    Raises
    ------
    InputError
        When an omega has no typical value, is negative or not finite, or no row is asked for.
    """
    missing = sorted(set(omega) - set(typical))
    if missing:
        raise InputError(f"random effects: no typical value for {', '.join(missing)}")
    if count < 1:
        raise InputError(f"design: {count} rows asked for; at least one is needed")
    if any(not (np.isfinite(w) & (np.asarray(w) >= 0)).all() for w in omega.values()):
        raise InputError("random effects: omega must be finite and not negative")
    z = (_drawn_once if count <= FEW else _standard_normal)(seed, count, len(omega))
    with np.errstate(over="ignore"):  # what is beyond all numbers is told with its row
        columns = {
            name: typical[name] * np.exp(z[:, i] * spread) for i, (name, spread) in enumerate(omega.items())
        }
    return replace(of_columns(columns, count), drawn=tuple(columns))


def parse_axis(text: str, symbols: SymbolTable) -> tuple[str, np.ndarray]:
    """Read an axis: ``dose=50e6:800e6:log:40``, ``K_12=0.5:3:linear:6``, ``tau=1,2,3 day``.

    Raises
    ------
    InputError
        When the name is unknown, a number is none, or the axis has no points.
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not (equals and name and rest):
        raise InputError(
            f"grid '{text}': write NAME=low:high:log:count, NAME=low:high:linear:count or NAME=a,b,c"
        )
    symbols.require_settable(name)
    if ":" not in rest:
        return name, np.array([symbols.parse(name, value) for value in _with_unit(rest)])
    parts = rest.split(":")
    if len(parts) != 4 or parts[2].strip() not in ("log", "linear"):
        raise InputError(f"grid '{text}': a range is low:high:log:count or low:high:linear:count")
    low, high = symbols.parse(name, parts[0]), symbols.parse(name, parts[1])
    count = re.fullmatch(r"\s*([0-9]{1,12})\s*", parts[3])
    if count is None or not 1 <= int(count[1]) <= MOST:
        raise InputError(f"grid '{text}': the number of points must be at least 1 and at most {MOST}")
    if int(count[1]) == 1 and low != high:
        raise InputError(f"grid '{text}': one point cannot be at both ends; write NAME=value, or 2 points")
    if parts[2].strip() == "linear":
        return name, np.linspace(low, high, int(count[1]))
    if low <= 0 or high <= 0:
        raise InputError(f"grid '{text}': a logarithmic range must be positive")
    return name, np.geomspace(low, high, int(count[1]))


def _with_unit(text: str) -> list[str]:
    """Values of a list; a unit behind the last one holds for all."""
    values = [value.strip() for value in text.split(",")]
    unit = re.sub(r"^[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?", "", values[-1]).strip()
    return [value if value.endswith(unit) else f"{value} {unit}" for value in values]
