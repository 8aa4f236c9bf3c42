"""The likelihood of observations, as residuals whose squares add up to it.

Promise: for n observations with predictions f, minus twice the log-likelihood is the sum of the squares of
:func:`residuals` plus :func:`constant`. It is that of the observations themselves, so error models compare.

- An observation y with standard deviation s(f) gives (y - f)/s, on natural logarithms for a log error, and
  sqrt(OFFSET + 2 ln(s/reference)), whose square brings ln s^2 in; the offset keeps the root real.
- One below the limit L gives sqrt(-2 ln Phi((L - f)/s)): the probability of a value below L (method M3 of
  Beal, 2001), Phi the Gaussian distribution function; one above it that of a value above.
- One between L and U has the probability p of that. It gives r = (m - f)/w and sqrt(OFFSET - 2 ln p - r^2),
  with m the middle and w^2 = s^2 + (U - L)^2/12: the narrower it is, the more it is an observation of m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from harness.fitting.prepared import Observations, Prepared

__all__ = ["LARGE", "OFFSET", "TINY", "Model", "constant", "information_rows", "residuals"]

OFFSET = 50.0
"""Keeps the root of the logarithm real down to a standard deviation of a billionth of its reference."""

LARGE = 1e3
"""Residual of each observation of a run that failed."""

TINY = 1e-300
"""Below it a value counts as this in a logarithm."""

SMALLEST = 1e-9
"""Smallest standard deviation, over its reference."""


@dataclass(frozen=True)
class Model:
    """Error model of each of n observations: arrays of shape (n,)."""

    logarithmic: np.ndarray
    additive: np.ndarray
    relative: np.ndarray
    reference: np.ndarray
    straight: np.ndarray

    @classmethod
    def of(cls, prepared: Prepared, seen: Observations, natural: np.ndarray) -> Model:
        """Error models of n observations, given the natural values of all coordinates."""
        errors = prepared.errors
        logarithmic, additive, relative, reference, straight = (
            np.array(column)[seen.error]
            for column in (
                [error.logarithmic for error in errors],
                [error.additive.at(natural) for error in errors],
                [error.relative.at(natural) for error in errors],
                [error.reference for error in errors],
                [error.straight for error in errors],
            )
        )
        return cls(logarithmic, np.hypot(additive, seen.own), relative, reference, straight)

    def on_scale(self, value: np.ndarray) -> np.ndarray:
        """Values on the scale of their error: logarithms, or as they are."""
        return np.where(self.logarithmic, np.log(np.maximum(value, TINY)), value)

    def spread(self, predicted: np.ndarray) -> np.ndarray:
        """Standard deviations around predictions, on that scale."""
        share = self.relative * predicted
        natural = np.sqrt(self.additive**2 + share**2)
        if self.straight.any():
            natural = np.where(self.straight, self.additive + share, natural)
        return np.maximum(np.where(self.logarithmic, self.relative, natural), SMALLEST * self.reference)

    def bounds(self, seen: Observations) -> tuple[np.ndarray, np.ndarray]:
        """Limits of censored observations on that scale, shape (n,); -1 and 1 for others."""
        low, high = np.where(seen.censored, [seen.lower, seen.limit], [[-1.0], [1.0]])
        return np.where(np.isfinite(low), self.on_scale(low), low), self.on_scale(high)

    def breadth(self, seen: Observations, predicted: np.ndarray) -> np.ndarray:
        """Those standard deviations, wider by the interval that an observation is only known to lie in."""
        lower, upper = self.bounds(seen)
        width = np.subtract(upper, lower, where=seen.between, out=np.zeros(upper.size))
        return np.hypot(self.spread(predicted), width / np.sqrt(12))


def residuals(seen: Observations, model: Model, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residuals of n observations, and those that bring their standard deviations in.

    Both have shape (n,); the second is 0 for one censored on one side. Where the run failed (NaN) the first
    is LARGE.
    """
    spread, found = model.spread(predicted), model.on_scale(predicted)
    apart = (model.on_scale(seen.value) - found) / spread
    level = OFFSET + 2 * np.log(spread / model.reference)
    if seen.censored.any():
        lower, upper = model.bounds(seen)
        surprise = -2 * _log_within((lower - found) / spread, (upper - found) / spread)
        near = (np.where(seen.between, (lower + upper) / 2, 0.0) - found) / model.breadth(seen, predicted)
        apart = np.where(seen.censored, np.where(seen.between, near, np.sqrt(surprise)), apart)
        level = np.where(seen.censored, np.where(seen.between, OFFSET + surprise - near**2, 0.0), level)
    ran = np.isfinite(predicted)
    return np.where(ran, apart, LARGE), np.sqrt(np.where(ran | (level == 0), level, OFFSET))


def _log_within(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Logarithm of the probability of a standard normal value between a and b, which may be infinite."""
    other = a + b > 0  # of the tail in which both are small
    a, b = np.where(other, -b, a), np.where(other, -a, b)
    above = log_ndtr(b)
    return above + np.log(np.maximum(-np.expm1(np.minimum(log_ndtr(a) - above, 0.0)), TINY))


def information_rows(
    seen: Observations, model: Model, predicted: np.ndarray, at: Model, spread: np.ndarray
) -> np.ndarray:
    """Rows of n predictions whose differences give the expected information of their observations; (2, n).

    The prediction over its standard deviation (held at `spread`), or the residual of a censored one; then
    sqrt(2) ln of that deviation, 0 for one censored on one side. `at` gives the scale. NaN where the run
    failed: a difference to a run that failed is no information.
    """
    mean = at.on_scale(predicted) / spread
    if seen.censored.any():
        mean = np.where(seen.censored, residuals(seen, model, predicted)[0], mean)
    one_sided = seen.censored & ~seen.between
    level = np.where(one_sided, 0.0, np.sqrt(2) * np.log(model.breadth(seen, predicted)))
    return np.where(np.isfinite(predicted), [mean, level], np.nan)


def constant(seen: Observations, model: Model) -> float:
    """What is to be added to the sum of squares for minus twice the log-likelihood of n observations.

    With a log error it holds the Jacobian, 2 ln y, so that the density is that of y.
    """
    quantified = ~seen.censored
    each = np.log(2 * np.pi) - OFFSET + 2 * np.log(model.reference)
    jacobian = np.where(model.logarithmic & quantified, 2 * model.on_scale(seen.value), 0.0)
    return float((each + jacobian)[quantified].sum() - OFFSET * seen.between.sum())
