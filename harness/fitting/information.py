"""The Fisher information at the optimum: errors, intervals, correlations, eigenvalues.

Promise: a coordinate that the data do not determine has no standard error (NaN), not a large one by chance:
information counts where it is more than what the derivatives are uncertain by. And few data or few groups
make intervals wider, as Student's t does for a mean.

The information is the expected one of observations that are Gaussian on the scale of their error, with the
model linearised around the estimates and the random effects there. With mean m, covariance V = Z Z' + R of
a group, where Z are derivatives by its standard normal effects and R the variances of the errors,
I_ij = m_i' V^-1 m_j + tr(P V_i P V_j)/2. A censored observation stands with the derivative of its residual
in place of that of its mean; a prior adds 1/sd^2. A parameter or an error on a bound counts
as known there.

Maximum likelihood takes the sizes (of errors, and omegas) as if the parameters were known, hence low: the
variance of a sample by (n - 1)/n. Errors take restricted ones, from one step of restricted maximum likelihood
(Patterson and Thompson, Biometrika 1971, 58:545): P = V^-1 - V^-1 X F^-1 X' V^-1 stands for V^-1, with X the
derivatives of the mean by the parameters and F = X' V^-1 X. Degrees of freedom are those of Satterthwaite
(Biometrics Bulletin 1946, 2:110).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.fitting.likelihood import Model
from harness.fitting.objective import Objective
from harness.fitting.prepared import Prepared

__all__ = ["RISE", "Uncertainty", "uncertainty"]

RISE = float(stats.chi2.ppf(0.95, 1))
"""Rise of minus twice the log-likelihood that bounds a 95 % interval when all sizes are known, 3.84."""

SINGULAR = 1e-8
"""Eigenvalue, over the largest one, at which a direction counts as without information: differences are
accurate to 1e-4, their squares to 1e-8."""

INVOLVED = 1e-2
"""Component of such a direction from which on a coordinate counts as part of it."""

LARGEST = 1e6
"""Ratio of a restricted variance to that of maximum likelihood from which on a size counts as spent: as many
parameters as observations leave no residuals over that could tell it."""

FEWEST = 0.1
"""Degrees of freedom of a size below which it is not determined: its error, in ln units, is above 2.2. The
chi-squared interval of a variance means nothing there, as for a spread that the fit makes vanish."""

KNOWN = 2e12
"""Degrees of freedom of a size that is given."""


@dataclass(frozen=True)
class Uncertainty:
    """What the information says of k coordinates, on their own scale.

    Attributes
    ----------
    error
        Standard errors, shape (k,); NaN where the information is singular or nothing at all, where it
        rests on a size that is spent, and for a size that less than FEWEST degrees of freedom tell.
    covariance
        Shape (k, k); directions without information are left out of it.
    restricted
        Restricted over maximum likelihood estimate of each size, shape (k,); 1 for parameters, NaN for a size
        that is spent.
    sizes
        Places of the sizes that are estimated, shape (s,).
    spent
        Which of these sizes the data leave nothing over for, shape (s,).
    by_sizes
        Derivatives of `covariance` by the logarithms of the sizes, shape (s, k, k).
    inflation
        Variance of each parameter over that with the sizes of maximum likelihood, shape (k,); 1 for sizes.
    """

    error: np.ndarray
    covariance: np.ndarray
    restricted: np.ndarray
    sizes: np.ndarray
    spent: np.ndarray
    by_sizes: np.ndarray
    inflation: np.ndarray

    def correlation(self) -> np.ndarray:
        """Correlations of the estimates, shape (k, k); NaN with a coordinate that has no error."""
        spread = np.where(np.isfinite(self.error), np.sqrt(np.diag(self.covariance)), np.nan)
        return self.covariance / np.outer(spread, spread)

    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues of the correlations, descending, and vectors in columns, shape (k, values).

        Those of the coordinates with an error; the others have 0 in every vector.
        """
        told = np.flatnonzero(np.isfinite(self.error))
        values, within = np.linalg.eigh(self.correlation()[np.ix_(told, told)])
        vectors = np.zeros((self.error.size, told.size))
        vectors[told] = within
        return values[::-1], vectors[:, ::-1]

    def variance(self, slope: np.ndarray) -> np.ndarray:
        """Variances of linear combinations of the coordinates, `slope` of shape (n, k); shape (n,)."""
        return np.maximum(np.einsum("ni,ij,nj->n", slope, self.covariance, slope), 0.0)

    def freedom(self, slope: np.ndarray) -> np.ndarray:
        """Degrees of freedom of these variances, which are uncertain as the sizes are; shape (n,).

        Twice the square of a variance over the variance of it, at least 1; KNOWN where no size is estimated.
        """
        variance = self.variance(slope)
        change = self._change(slope)
        among = self.covariance[np.ix_(self.sizes, self.sizes)]
        doubt = np.einsum("nv,vw,nw->n", change, among, change)
        return np.maximum(2 * variance**2 / np.maximum(doubt, 2 / KNOWN * variance**2 + 1e-300), 1.0)

    def reach(self, slope: np.ndarray) -> np.ndarray:
        """Half-widths of 95 % intervals of linear combinations, by Student's t; shape (n,).

        NaN for those that rest on a size that is spent.
        """
        reach = stats.t.ppf(0.975, self.freedom(slope)) * np.sqrt(self.variance(slope))
        return np.where(self.rests_on_spent(slope), np.nan, reach)

    def rests_on_spent(self, slope: np.ndarray) -> np.ndarray:
        """Whether the variances of linear combinations change with a size that is spent; shape (n,)."""
        change = np.abs(self._change(slope)[:, self.spent])
        return (change > INVOLVED * self.variance(slope)[:, np.newaxis]).any(axis=1)

    def rise(self, place: int) -> float:
        """Rise of minus twice the log-likelihood that bounds the 95 % interval of a parameter.

        With v degrees of freedom and an inflation r it is v r ln(1 + t^2/v): exact for a linear model with
        one unknown variance, where v r is the number of observations, and RISE for known ones. Without an
        error it is the largest rise of the others, or else that of the least certain size; nothing is far
        enough with a size that is spent.
        """
        slope = np.eye(len(self.error))[[place]]
        freedom, inflation = float(self.freedom(slope)[0]), float(self.inflation[place])
        if not np.isfinite(self.error[place]):
            if self.spent.any():
                return np.inf
            known = np.setdiff1d(np.flatnonzero(np.isfinite(self.error)), self.sizes)
            if known.size:
                return max(self.rise(other) for other in known)
            told = self.sizes[np.isfinite(self.error[self.sizes])]
            freedom = max(float((0.5 / self.error[told] ** 2).min(initial=KNOWN)), 1.0)
            inflation = float((self.restricted[told] ** 2).max(initial=1.0))
        quantile = float(stats.t.ppf(0.975, freedom))
        return freedom * inflation * float(np.log1p(quantile**2 / freedom))

    def interval(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """95 % intervals of the coordinates at their estimates `x`, shape (k,) each, on their own scale.

        That of a size is the one of a variance, by chi-squared around its restricted estimate; NaN where
        there is no standard error.
        """
        reach = np.where(np.isfinite(self.error), self.reach(np.eye(x.size)), np.nan)
        low, high = x - reach, x + reach
        freedom = 0.5 / self.error[self.sizes] ** 2
        centre = x[self.sizes] + np.log(self.restricted[self.sizes])
        for side, probability in ((low, 0.975), (high, 0.025)):
            side[self.sizes] = centre - 0.5 * np.log(
                np.maximum(stats.chi2.ppf(probability, freedom) / freedom, 1e-300)
            )
        return low, high

    def _change(self, slope: np.ndarray) -> np.ndarray:
        """Derivatives of the variances of linear combinations by the sizes' logarithms, shape (n, s)."""
        return np.einsum("ni,vij,nj->nv", slope, self.by_sizes, slope)


@dataclass(frozen=True)
class _Group:
    """Linearised observations of one group, each in units of its standard deviation s.

    `mean` is m_i/s, shape (n, k), and `doubt` what errors of the derivatives make of it, (n, k); `weight`
    V^-1 s^2, (n, n); `changes` V_i/s^2, (k, n, n).
    """

    mean: np.ndarray
    doubt: np.ndarray
    weight: np.ndarray
    changes: np.ndarray


def uncertainty(objective: Objective, x: np.ndarray) -> Uncertainty:
    """What the expected information at a point says."""
    prepared = objective.prepared
    sizes = prepared.places("error", "omega")
    effects = objective.effects(x)
    at_bounds = prepared.at_bounds(x)
    held = at_bounds.copy()
    held[sizes] = False
    before = _linearised(objective, x, effects, held)
    ratios = _variance_ratios(prepared, before)
    spent = np.isinf(ratios)
    errors = prepared.places("error")
    held[errors] = at_bounds[errors]
    held[sizes[spent]] = False
    at = x.copy()
    at[sizes] += 0.5 * np.log(np.where(spent, 1.0, ratios))
    at[sizes[spent]] = prepared.bounds[1][sizes[spent]]  # what still rests on them then has no error
    groups = _linearised(objective, at, _rescaled(prepared, effects, x, at), held)
    information = _mean_part(prepared, groups) + _variance_part(prepared, groups)
    without = np.concatenate([sizes[spent], np.flatnonzero(held)])
    information[without] = information[:, without] = 0.0
    error, covariance = _inverse(information, _doubt(prepared, groups))
    restricted = np.exp(at - x)
    restricted[sizes[spent]] = np.nan
    inflation = np.ones(x.size)
    parameters = prepared.places("parameter")
    narrow, wide = (np.diag(_of_means(prepared, each)) for each in (before, groups))
    inflation[parameters] = np.divide(wide, narrow, out=np.ones(parameters.size), where=narrow > 0)
    by_sizes = np.zeros((sizes.size, x.size, x.size))
    location = np.ix_(parameters, parameters)
    for v, place in enumerate(sizes):
        by_sizes[v][location] = _sandwich(prepared, groups, place)
    known = Uncertainty(
        error=error,
        covariance=covariance,
        restricted=restricted,
        sizes=sizes,
        spent=spent,
        by_sizes=covariance @ by_sizes @ covariance,
        inflation=inflation,
    )
    error[known.rests_on_spent(np.eye(x.size))] = np.nan
    error[sizes[0.5 / error[sizes] ** 2 < FEWEST]] = np.nan
    return known


def _variance_ratios(prepared: Prepared, groups: list[_Group]) -> np.ndarray:
    """Variance of each size by restricted over that by maximum likelihood, shape (sizes,); infinite if spent.

    The one solves tr(P V_v) = r' V^-1 V_v V^-1 r for residuals r, the other has V^-1 in place of P.
    """
    covariance = _of_means(prepared, groups)
    found = []
    for place in prepared.places("error", "omega"):
        whole = sum(_trace(group.weight, group.changes[place]) for group in groups)
        taken = _trace(covariance, _sandwich(prepared, groups, place))
        left = whole - taken
        found.append(1.0 if whole <= 0 else whole / left if left > whole / LARGEST else np.inf)
    return np.array(found)


def _mean_part(prepared: Prepared, groups: list[_Group]) -> np.ndarray:
    """Sum of m_i' V^-1 m_j, and priors; shape (k, k)."""
    priors = [0.0 if c.prior is None else c.prior[1] ** -2 for c in prepared.coordinates]
    return np.diag(priors) + sum(group.mean.T @ group.weight @ group.mean for group in groups)


def _of_means(prepared: Prepared, groups: list[_Group]) -> np.ndarray:
    """Covariance of the parameters for known sizes, F^-1."""
    location = prepared.places("parameter")
    part = _mean_part(prepared, groups)[np.ix_(location, location)]
    return _inverse(part, _doubt(prepared, groups)[location])[1]


def _doubt(prepared: Prepared, groups: list[_Group]) -> np.ndarray:
    """What information about each coordinate errors of the derivatives alone would give, shape (k,)."""
    total = np.zeros(len(prepared.coordinates))
    for group in groups:
        total += np.diag(group.weight) @ group.doubt**2
    return total


def _variance_part(prepared: Prepared, groups: list[_Group]) -> np.ndarray:
    """tr(P V_i P V_j)/2, shape (k, k); P is never made, because it is not zero between groups."""
    count = len(prepared.coordinates)
    location = prepared.places("parameter")
    covariance = _of_means(prepared, groups)
    taken = [covariance @ _sandwich(prepared, groups, i) for i in range(count)]
    found = np.zeros((count, count))
    for i in range(count):
        for j in range(i, count):
            total = _trace(taken[i], taken[j])
            for group in groups:
                first, second = group.weight @ group.changes[i], group.weight @ group.changes[j]
                mean = group.mean[:, location]
                total += _trace(first, second)
                total -= 2 * _trace(covariance, mean.T @ first @ second @ group.weight @ mean)
            found[i, j] = found[j, i] = 0.5 * total
    return found


def _sandwich(prepared: Prepared, groups: list[_Group], place: int) -> np.ndarray:
    """X' V^-1 V_i V^-1 X of the coordinate at `place`, shape (parameters, parameters)."""
    location = prepared.places("parameter")
    total = np.zeros((location.size, location.size))
    for group in groups:
        weighted = group.weight @ group.mean[:, location]
        total += weighted.T @ group.changes[place] @ weighted
    return total


def _trace(first: np.ndarray, second: np.ndarray) -> float:
    """Trace of a product."""
    return float((first * second.T).sum())


def _inverse(found: np.ndarray, doubt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors and covariance from an information matrix; NaN and left out where it is singular.

    `doubt` is what information the errors of the derivatives feign, shape (k,).
    """
    told = np.diag(found) > doubt
    found = np.where(np.outer(told, told), found, 0.0)
    size = np.sqrt(np.diag(found))
    scale = np.where(told, size, 1.0)
    values, vectors = np.linalg.eigh(found / np.outer(scale, scale))
    known = values > SINGULAR * max(values.max(initial=0.0), 1e-300)
    known &= values > (doubt / scale**2) @ vectors**2
    covariance = (vectors[:, known] / values[known]) @ vectors[:, known].T / np.outer(scale, scale)
    covariance[size == 0] = covariance[:, size == 0] = 0.0
    lost = (np.abs(vectors[:, ~known]) > INVOLVED).any(axis=1) | (size == 0)
    return np.where(lost, np.nan, np.sqrt(np.maximum(np.diag(covariance), 0.0))), covariance


def _linearised(objective: Objective, x: np.ndarray, effects: np.ndarray, held: np.ndarray) -> list[_Group]:
    """The observations of each group around a point and its random effects, standard normal ones.

    Coordinates that are `held`, shape (k,), change nothing.
    """
    objective = objective.near(x, effects)
    prepared = objective.prepared
    every, arms = np.arange(x.size), tuple(range(len(prepared.arms)))
    parameters = np.isin(every, prepared.places("parameter"))
    model = Model.of(prepared, prepared.joined(arms), prepared.natural(x))
    predicted = objective.predict(arms, x, effects)
    spread = model.spread(predicted)

    def rows(at: np.ndarray) -> np.ndarray:
        return objective.information_rows(arms, at, _rescaled(prepared, effects, x, at), model, spread)

    mean, level = np.split(np.nan_to_num(objective.differences(rows, x, every)) * ~held, 2)
    slope = np.nan_to_num(objective.by_effects(arms, x, effects, model, spread))
    size = np.where(model.logarithmic, 1.0, np.abs(np.nan_to_num(predicted)))
    doubt = np.outer(objective.accuracy * size / spread, parameters / prepared.sizes(x)) * ~held
    belongs, spreads = prepared.belongs(arms), _spread_changes(prepared, x)
    found = []
    for group in dict.fromkeys(belongs.tolist()):
        own = belongs == group
        found.append(_group(mean[own], doubt[own], level[own], slope[own], spreads))
    return found


def _group(
    mean: np.ndarray, doubt: np.ndarray, level: np.ndarray, slope: np.ndarray, spreads: dict[int, np.ndarray]
) -> _Group:
    """One group from m_i/s and from the derivatives of sqrt(2) ln s, both (n, k), and Z/s, (n, effects)."""
    changes = np.stack([np.diag(np.sqrt(2) * column) for column in level.T])  # dV = 2 s^2 d ln s, over s^2
    for place, change in spreads.items():
        changes[place] += slope @ change @ slope.T
    return _Group(mean, doubt, np.linalg.inv(np.eye(len(mean)) + slope @ slope.T), changes)


def _spread_changes(prepared: Prepared, x: np.ndarray) -> dict[int, np.ndarray]:
    """Derivatives of the covariance of the effects by omegas and correlations, in units of independent ones.

    By place of coordinate, each of shape (effects, effects): 2 at one place for an omega alone.
    """
    found, step = {}, 1e-5
    root = prepared.factor(x) if prepared.effects else np.empty((0, 0))
    for place in prepared.places("omega", "correlation"):
        moved = np.where(np.arange(x.size) == place, step, 0.0)
        up, down = (prepared.factor(x + side * moved) for side in (1, -1))
        half = np.linalg.solve(root, (up @ up.T - down @ down.T) / (2 * step))
        found[int(place)] = np.linalg.solve(root, half.T).T
    return found


def _rescaled(prepared: Prepared, effects: np.ndarray, x: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Standard normal effects that leave L u as it is where L changes from `x` to `at`."""
    if not prepared.effects:
        return effects
    return effects @ np.linalg.solve(prepared.factor(at), prepared.factor(x)).T
