"""The objective of a fit: minus twice the (marginal) log-likelihood with priors, as a sum of squares.

Promise: it depends on the prepared fit and on the point alone. A simulation that fails gives large finite
residuals and is counted. Derivatives are central differences on the scale of the coordinates: between runs,
or, where the engine gives derivatives of a run, between what these foretell (harness.fitting.simulations).

Random effects are integrated out by Laplace's approximation. With u standard normal, b = omega u a random
effect of one group, S(u) the sum of squares of its residuals and of u itself, the group's part is
S(u^) + ln det H(u^), where u^ minimises S and H = I + J'J is half the (expected) Hessian of S.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from harness.fitting.likelihood import TINY, Model, constant, residuals
from harness.fitting.prepared import Prepared
from harness.fitting.simulations import Near, Simulations

__all__ = ["Objective"]


class Objective:
    """The objective of one prepared fit.

    Parameters
    ----------
    prepared
        The fit.
    simulations
        What gives the observables of its arms; by default runs of their own.

    Attributes
    ----------
    step
        Step of the differences, in ln units.
    """

    def __init__(self, prepared: Prepared, simulations: Simulations | Near | None = None) -> None:
        self.prepared = prepared
        self.simulations = simulations or Simulations(prepared)
        shape = (max(len(prepared.groups), 1), len(prepared.effects))
        self._effects = np.zeros(shape)
        self._parameters = prepared.places("parameter").tolist()
        self._every = tuple(range(len(prepared.arms)))

    @property
    def runs(self) -> int:
        """Simulations made so far."""
        return self.simulations.runs

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return self.simulations.failed

    @property
    def step(self) -> float:
        """Step of differences, in ln units: as small as what the simulations hold of their engine allows."""
        return self.simulations.step

    @property
    def accuracy(self) -> float:
        """Error of d ln f/d ln p of predictions f by differences of that step."""
        return self.simulations.accuracy

    def near(
        self,
        x: np.ndarray,
        effects: np.ndarray,
        twice: bool = False,
        at: Mapping[int, np.ndarray] | None = None,
        by: Sequence[int] | None = None,
    ) -> Objective:
        """The objective near a point and its effects, where simulations cost nothing; itself where they do.

        Parameters
        ----------
        twice
            Whether derivatives are to be differentiated once more, by the effects.
        at
            Times by arm that can be read out there; by default those of all observations.
        by
            Places of the parameters that can change there; by default all that are fitted.
        """
        if isinstance(self.simulations, Near):
            return self
        wanted = {i: arm.times for i, arm in enumerate(self.prepared.arms)} if at is None else at
        by = [self._parameters.index(place) for place in (self._parameters if by is None else by)]
        acted_on = [self._parameters.index(place) for place in self._acted_on if twice]
        found = {}
        for i, point in self._points(tuple(wanted), x, effects).items():
            expansion = self.simulations.expansion(i, wanted[i], point, by, acted_on)
            if expansion is None:
                return self
            found[i, wanted[i].tobytes()] = expansion
        near = Objective(self.prepared, Near(by, found))
        near._effects = effects.copy()
        return near

    def rows(self, x: np.ndarray) -> np.ndarray:
        """Residuals at a point, on the scale of the coordinates.

        First one an observation, then those of the standard deviations, of the priors, of the random effects
        and of ln det H.
        """
        return self._rows_at(x, self.effects(x))

    def jacobian(self, x: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Derivatives of :meth:`rows` by the coordinates at the places `free`; shape (rows, free).

        With random effects the chain rule: derivatives at fixed effects, and those by the effects times how
        the best effects move, which follows from their being stationary (implicit function theorem).
        """
        effects = self.effects(x)
        by = [place for place in self._parameters if place in free or place in self._acted_on]
        near = self.near(x, effects, twice=bool(self.prepared.effects), by=by)
        if not self.prepared.effects:
            return self._by_chain(near, x, effects, free)
        count = effects.size

        def with_gradients(at: np.ndarray, shifted: np.ndarray) -> np.ndarray:
            return np.concatenate([near._rows_at(at, shifted), near._gradients(at, shifted).ravel()])

        by_x = near.differences(lambda at: with_gradients(at, effects), x, free)
        by_u = _slope(
            lambda u: with_gradients(x, effects + u), np.zeros(effects.shape[1]), near._effect_steps(x)
        )
        moves = np.stack([
            -np.linalg.solve(by_u[-count:].reshape(*effects.shape, -1)[g], part)
            for g, part in enumerate(by_x[-count:].reshape(*effects.shape, -1))
        ])  # fmt: skip
        total = by_x[:-count].copy()
        for g, rows in enumerate(self._rows_of_groups(total.shape[0])):
            total[rows] += by_u[:-count][rows] @ moves[g]
        return total

    def _by_chain(self, near: Objective, x: np.ndarray, effects: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Derivatives of the rows of a fit without random effects; those by parameters through predictions.

        A residual depends on its own prediction alone, so that one difference gives its derivatives for all.
        """
        if near is self:
            return self.differences(lambda at: self._rows_at(at, effects), x, free)
        seen, predicted = self.prepared.joined(self._every), near.predict(self._every, x, effects)
        model = Model.of(self.prepared, seen, self.prepared.natural(x))
        least = np.where(model.logarithmic, TINY, model.spread(predicted))
        step = near.step * np.maximum(np.abs(predicted), least)
        above, below = (residuals(seen, model, predicted + side * step) for side in (1, -1))
        by_prediction = [(up - down) / (2 * step) for up, down in zip(above, below, strict=True)]
        parameter = np.isin(free, self._parameters)
        found = np.zeros((2 * predicted.size + self._priors(x).size, free.size))
        found[:, ~parameter] = self.differences(lambda at: near._rows_at(at, effects), x, free[~parameter])
        slopes = self.differences(lambda at: near.predict(self._every, at, effects), x, free[parameter])
        found[:, parameter] = np.concatenate([
            *(row[:, np.newaxis] * slopes for row in by_prediction),
            self.differences(self._priors, x, free[parameter]),
        ])  # fmt: skip
        return found

    def value(self, x: np.ndarray) -> float:
        """Minus twice the log-likelihood (of the marginal one with random effects), priors not counted."""
        priors = self._priors(x)
        return self.penalised(x) - float(priors @ priors)

    def penalised(self, x: np.ndarray) -> float:
        """What is minimised: minus twice the log-likelihood, and the squares of the priors."""
        rows = self.rows(x)
        return float(rows @ rows) + self.constant

    @property
    def constant(self) -> float:
        """What the sum of squares lacks of minus twice the log-likelihood."""
        natural = self.prepared.natural(self.prepared.start)
        seen = self.prepared.joined(self._every)
        return constant(seen, Model.of(self.prepared, seen, natural))

    def differences(
        self, function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, free: np.ndarray
    ) -> np.ndarray:
        """Central differences of a function of a point, kept within the bounds; shape (values, free)."""
        low, high = self.prepared.bounds
        columns = []
        for i in free:
            step = self.step * self.prepared.coordinates[i].size(x[i])
            above, below = x.copy(), x.copy()
            above[i] = min(x[i] + step, max(high[i], x[i]))
            below[i] = max(x[i] - step, min(low[i], x[i]))
            columns.append((function(above) - function(below)) / (above[i] - below[i]))
        return np.stack(columns, axis=-1) if columns else np.empty((function(x).size, 0))

    def predict(self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Predictions of the observations of some arms, shape (n,); NaN where the run failed."""
        found = []
        for i, point in self._points(arms, x, effects).items():
            data = self.prepared.arms[i]
            values = self.simulations.values(i, data.times, point)
            found.append(values[data.time_index, data.observable_index])
        return np.concatenate(found)

    def curve(self, arm: int, times: np.ndarray, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The observables of an arm at any times, shape (times, observables)."""
        return self.simulations.values(arm, times, self.point(arm, x, effects))

    def point(self, arm: int, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The parameters of an arm, random effects among them, on their scales; shape (parameters,)."""
        return self._points((arm,), x, effects)[arm]

    def effects(self, x: np.ndarray) -> np.ndarray:
        """Random effects that minimise the sum of squares at a point: standard normal, (groups, effects)."""
        if self.prepared.effects:
            for group in range(len(self.prepared.groups)):
                self._effects[group] = self._best_effects(group, x, self._effects[group])
        return self._effects.copy()

    def information_rows(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray, at: Model, spread: np.ndarray
    ) -> np.ndarray:
        """Rows whose differences give the expected information of some arms: two an observation.

        Prediction over its standard deviation (held at `spread`), or the residual of a censored one; then
        sqrt(2) ln of that deviation, 0 for one censored on one side. `at` gives the scale. NaN when the run
        failed: a difference to a run that failed is no information.
        """
        seen, predicted = self.prepared.joined(arms), self.predict(arms, x, effects)
        model = Model.of(self.prepared, seen, self.prepared.natural(x))
        mean = at.on_scale(predicted) / spread
        if seen.censored.any():
            mean = np.where(seen.censored, residuals(seen, model, predicted)[0], mean)
        one_sided = seen.censored & ~seen.between
        level = np.where(one_sided, 0.0, np.sqrt(2) * np.log(model.breadth(seen, predicted)))
        return np.where(np.isfinite(predicted), [mean, level], np.nan).ravel()

    def _points(self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray) -> dict[int, np.ndarray]:
        points = dict.fromkeys(arms, x[self._parameters])
        natural = self.prepared.natural(x) if self.prepared.effects else x
        for k, effect in enumerate(self.prepared.effects):
            place, size = self._parameters.index(effect.place), effect.omega.at(natural)
            for i in arms:
                points[i] = points[i].copy()
                shift = size * effects[self.prepared.arms[i].group, k]
                if self.prepared.coordinates[effect.place].log:
                    points[i][place] += shift
                else:
                    points[i][place] *= np.exp(shift)
        return points

    def _residuals(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        seen = self.prepared.joined(arms)
        model = Model.of(self.prepared, seen, self.prepared.natural(x))
        return residuals(seen, model, self.predict(arms, x, effects))

    def _rows_at(self, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The rows at a point, with given random effects."""
        parts = [*self._residuals(self._every, x, effects), self._priors(x)]
        if self.prepared.effects:
            parts += [effects.ravel(), self._roots_of_determinants(x, effects)]
        return np.concatenate(parts)

    def _rows_of_groups(self, count: int) -> list[np.ndarray]:
        """Which of `count` rows belong to each group."""
        shape = self._effects.shape
        arms = np.concatenate([np.full(arm.value.size, arm.group) for arm in self.prepared.arms])
        priors = np.full(count - 2 * arms.size - self._effects.size - shape[0], -1)
        groups = np.arange(shape[0])
        belongs = np.concatenate([arms, arms, priors, np.repeat(groups, shape[1]), groups])
        return [np.flatnonzero(belongs == group) for group in groups]

    def _gradients(self, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Half the gradient of each group's sum of squares by its effects, shape (groups, effects)."""
        steps = self._effect_steps(x)
        found = []
        for group, u in enumerate(effects):
            slope = _slope(partial(self._group_rows, group, x), u, steps)
            found.append(slope.T @ self._group_rows(group, x, u))
        return np.stack(found)

    def _priors(self, x: np.ndarray) -> np.ndarray:
        priors = [(x[i], c.prior) for i, c in enumerate(self.prepared.coordinates) if c.prior]
        return np.array([(value - mean) / sd for value, (mean, sd) in priors])

    def _near_group(self, group: int, x: np.ndarray, u: np.ndarray) -> Objective:
        """The objective near a point, for one group and its random effects alone."""
        effects = self._effects.copy()
        effects[group] = u
        at = {i: self.prepared.arms[i].times for i in self.prepared.members(group)}
        return self.near(x, effects, at=at, by=self._acted_on)

    @property
    def _acted_on(self) -> list[int]:
        """Places of the parameters that have random effects."""
        return [effect.place for effect in self.prepared.effects]

    def _group_rows(self, group: int, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Residuals of a group's observations and of its random effects u, shape (effects,)."""
        effects = self._effects.copy()
        effects[group] = u
        return np.concatenate([*self._residuals(self.prepared.members(group), x, effects), u])

    def _group_information(self, group: int, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """H of a group at u, shape (effects, effects)."""
        arms, effects = self.prepared.members(group), self._effects.copy()

        def with_effects(v: np.ndarray) -> np.ndarray:
            effects[group] = v
            return effects

        model = Model.of(self.prepared, self.prepared.joined(arms), self.prepared.natural(x))
        spread = model.spread(self.predict(arms, x, with_effects(u)))
        slope = _slope(
            lambda v: self.information_rows(arms, x, with_effects(v), model, spread), u, self._effect_steps(x)
        )
        slope = np.nan_to_num(slope)
        return np.eye(u.size) + slope.T @ slope

    def _effect_steps(self, x: np.ndarray) -> np.ndarray:
        """Steps of standard normal effects that move their parameters by the step."""
        natural = self.prepared.natural(x)
        return np.array([self.step / effect.omega.at(natural) for effect in self.prepared.effects])

    def _best_effects(self, group: int, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Effects of a group that minimise its sum of squares, by Fisher scoring from `u` on."""
        rows = self._group_rows(group, x, u)
        for _ in range(40):
            near = self._near_group(group, x, u)
            slope = _slope(partial(near._group_rows, group, x), u, near._effect_steps(x))
            step = -np.linalg.solve(near._group_information(group, x, u), slope.T @ rows)
            step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
            u, rows, moved = self._downhill(group, x, u, rows, step)
            if moved < 1e-3:
                break
        return u

    def _downhill(
        self, group: int, x: np.ndarray, u: np.ndarray, rows: np.ndarray, step: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """The first of the step, its half, its quarter... that does not raise the sum of squares."""
        for _ in range(12):
            tried = self._group_rows(group, x, u + step)
            if tried @ tried <= rows @ rows:
                return u + step, tried, float(np.abs(step).max())
            if np.abs(step).max() < 1e-4:
                break
            step = step / 2
        return u, rows, 0.0

    def _roots_of_determinants(self, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Root of ln det H of each group, which is not negative: H is never below the unit matrix."""
        determinants = [
            np.linalg.slogdet(self._near_group(group, x, u)._group_information(group, x, u))[1]
            for group, u in enumerate(effects)
        ]
        return np.sqrt(np.maximum(determinants, 0.0))


def _slope(function: Callable[[np.ndarray], np.ndarray], u: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Central differences of a function of the random effects of a group; shape (values, effects)."""
    sides = [np.where(np.arange(u.size) == k, steps[k], 0.0) for k in range(u.size)]
    return np.stack(
        [(function(u + d) - function(u - d)) / (2 * steps[k]) for k, d in enumerate(sides)], axis=-1
    )
