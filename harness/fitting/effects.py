"""Random effects: how they spread between groups, and what they make of a parameter.

Promise: with u standard normal and independent, b = L u has the standard deviations and correlations of the
coordinates of the fit; b moves a parameter on the logarithm (log-normal), on the logit between two bounds, or
as it is (normal). Any value of the coordinates gives a covariance that is positive definite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.fitting.sizes import Size

__all__ = ["EffectPlace", "Pair", "correlations", "factor", "moved", "of_size"]

TINY = 1e-300


@dataclass(frozen=True)
class EffectPlace:
    """A random effect of a parameter.

    Attributes
    ----------
    name
        The parameter.
    position
        Its place in the point of an arm: free parameters first, then those that are fixed otherwise.
    omega
        Standard deviation; in the unit of the parameter for a normal one.
    kind
        ``log-normal``, ``logit`` or ``normal``.
    low, high
        Between which a logit one stays.
    """

    name: str
    position: int
    omega: Size
    kind: str = "log-normal"
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Pair:
    """Effects at two places, the first before the second, and their correlation; in a block of more than two
    the partial one, given those before the first."""

    first: int
    second: int
    size: Size


def factor(effects: Sequence[EffectPlace], pairs: Sequence[Pair], natural: np.ndarray) -> np.ndarray:
    """L, lower triangular, shape (effects, effects), given the natural values of all coordinates.

    Its rows are standard deviations times those of the Cholesky factor of the correlations, which follows
    from partial correlations whatever these are (Lewandowski, Kurowicka and Joe 2009).
    """
    count = len(effects)
    found = np.eye(count)
    for pair in pairs:  # of one row in the order of their columns
        left = np.sqrt(
            max(1.0 - float(found[pair.second, : pair.first] @ found[pair.second, : pair.first]), 0.0)
        )
        found[pair.second, pair.first] = pair.size.at(natural) * left
    for row in {pair.second for pair in pairs}:
        found[row, row] = np.sqrt(max(1.0 - float(found[row, :row] @ found[row, :row]), TINY))
    return np.array([effect.omega.at(natural) for effect in effects])[:, np.newaxis] * found


def correlations(root: np.ndarray) -> np.ndarray:
    """Correlations of the effects, shape (effects, effects), from L."""
    covariance = root @ root.T
    spread = np.sqrt(np.diag(covariance))
    return covariance / np.outer(spread, spread)


def moved(effect: EffectPlace, log: bool, value: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Values of a parameter on the scale of its coordinate (`log` or not) with effects b of the same shape.

    What a normal effect makes of a parameter on a logarithmic scale stays above 0.
    """
    if effect.kind == "log-normal":
        return value + b if log else value * np.exp(b)
    natural = np.exp(value) if log else value
    if effect.kind == "normal":
        found = natural + b
    else:
        share = np.clip((natural - effect.low) / (effect.high - effect.low), 1e-12, 1 - 1e-12)
        odds = np.log(share / (1 - share)) + b
        found = effect.low + (effect.high - effect.low) / (1 + np.exp(-odds))
    return np.log(np.maximum(found, TINY)) if log else found


def moved_by(effect: EffectPlace, log: bool, found: np.ndarray) -> np.ndarray:
    """Derivatives by b of what :func:`moved` gives, `found`."""
    if effect.kind == "log-normal":
        return np.ones(found.shape) if log else found
    natural = np.exp(found) if log else found
    slope = np.ones(found.shape)
    if effect.kind == "logit":
        slope = (natural - effect.low) * (effect.high - natural) / (effect.high - effect.low)
    return slope / natural if log else slope


def of_size(effect: EffectPlace, log: bool, value: float, size: float) -> float:
    """What steps of b are parts of; those of its parameter, at a value on its scale, are parts of `size`."""
    if effect.kind != "normal":
        return 1.0
    return float(np.exp(value)) if log else size
