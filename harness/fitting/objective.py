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

import numpy as np

from harness.fitting.effects import of_size
from harness.fitting.likelihood import TINY, Model, constant, information_rows, residuals
from harness.fitting.prepared import Prepared
from harness.fitting.scoring import lowest
from harness.fitting.simulations import Near, Simulations

__all__ = ["Objective"]

MODELS = 64
"""Error models that are kept."""


class Objective:
    """The objective of one prepared fit.

    Parameters
    ----------
    prepared
        The fit.
    simulations
        What gives the observables of its arms; by default runs of their own.
    threads
        On how many threads these are made; no number depends on it.

    Attributes
    ----------
    step
        Step of the differences, in ln units.
    """

    def __init__(
        self, prepared: Prepared, simulations: Simulations | Near | None = None, threads: int = 1
    ) -> None:
        self.prepared = prepared
        self.simulations = simulations or Simulations(prepared, threads)
        self._effects = np.zeros((max(len(prepared.groups), 1), len(prepared.effects)))
        self._parameters = prepared.places("parameter").tolist()
        self._every = tuple(range(len(prepared.arms)))
        self._models: dict[tuple, Model] = {}

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
            Places in the point of an arm of what can change there; by default all.
        """
        if isinstance(self.simulations, Near):
            return self
        wanted = {i: arm.times for i, arm in enumerate(self.prepared.arms)} if at is None else at
        by = list(range(len(self.prepared.varied))) if by is None else by
        arms = tuple(wanted)
        asked = [(i, wanted[i], point) for i, point in zip(arms, self._points(arms, x, effects), strict=True)]
        found = {}
        for i, expansion in zip(
            arms, self.simulations.expansions(asked, by, self._acted_on if twice else ()), strict=True
        ):
            if expansion is None:
                return self
            found[i, wanted[i].tobytes()] = expansion
        near = Objective(self.prepared, Near(by, found, self.prepared))
        near._effects, near._models = effects.copy(), self._models
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
        by = {i for i, place in enumerate(self._parameters) if place in free} | set(self._acted_on)
        near = self.near(x, effects, twice=bool(self.prepared.effects), by=sorted(by))
        if not self.prepared.effects:
            return self._by_chain(near, x, effects, free)
        count, shape = effects.size, effects.shape

        def with_gradients(at: np.ndarray, shifted: np.ndarray) -> np.ndarray:
            rows, gradients, informations = near._local(self._every, at, shifted)
            roots = _roots_of_determinants(informations)
            return np.concatenate([rows, self._priors(at), shifted.ravel(), roots, gradients.ravel()])

        by_x = near.differences(lambda at: with_gradients(at, effects), x, free)
        by_u = _slope(lambda u: with_gradients(x, effects + u), near._effect_steps(x))
        moves = -np.linalg.solve(by_u[-count:].reshape(*shape, -1), by_x[-count:].reshape(*shape, -1))
        belongs = self.groups_of_rows(by_x.shape[0] - count)
        total, own = by_x[:-count].copy(), belongs >= 0
        total[own] += np.einsum("rk,rkf->rf", by_u[:-count][own], moves[belongs[own]])
        return total

    def _by_chain(self, near: Objective, x: np.ndarray, effects: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Derivatives of the rows of a fit without random effects; those by parameters through predictions.

        A residual depends on its own prediction alone, so that one difference gives its derivatives for all.
        """
        if not isinstance(near.simulations, Near):
            return self.differences(lambda at: self._rows_at(at, effects), x, free)
        seen, predicted = self.prepared.joined(self._every), near.predict(self._every, x, effects)
        model = self._model(self._every, x)
        by_prediction = near._by_predictions(lambda at: residuals(seen, model, at), model, predicted)
        parameter, sized = (np.isin(free, places) for places in (self._parameters, self.prepared.in_sizes))
        found = np.zeros((2 * predicted.size + self._priors(x).size, free.size))
        points = self._points(self._every, x, effects)
        moves = np.zeros((*points.shape, np.count_nonzero(parameter)))
        moves[:, : len(self._parameters)] = np.equal.outer(self._parameters, free[parameter])
        slopes = near.simulations.slopes(self._every, points, moves)
        found[: 2 * predicted.size, parameter] = np.concatenate(
            [row[:, np.newaxis] * slopes for row in by_prediction]
        )
        found[: 2 * predicted.size, sized] += self.differences(
            lambda at: np.concatenate(residuals(seen, self._model(self._every, at), predicted)),
            x,
            free[sized],
        )
        found[2 * predicted.size :] = self.differences(self._priors, x, free)
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
        return constant(self.prepared.joined(self._every), self._model(self._every, self.prepared.start))

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
        return self.simulations.observations(arms, self._points(arms, x, effects))

    def curve(self, arm: int, times: np.ndarray, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The observables of an arm at any times, shape (times, observables)."""
        return self.simulations.values(arm, times, self.point(arm, x, effects))

    def point(self, arm: int, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The parameters of an arm, random effects among them, on their scales; shape (varied,)."""
        return self._points((arm,), x, effects)[0]

    def effects(self, x: np.ndarray) -> np.ndarray:
        """Random effects that minimise the sum of squares at a point: standard normal, (groups, effects)."""
        if self.prepared.effects:
            self._effects = self._best_effects(x, self._effects)
        return self._effects.copy()

    def information_rows(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray, at: Model, spread: np.ndarray
    ) -> np.ndarray:
        """Rows whose differences give the expected information of some arms, two an observation, in a row.

        Those of :func:`~harness.fitting.likelihood.information_rows`.
        """
        seen, predicted = self.prepared.joined(arms), self.predict(arms, x, effects)
        return information_rows(seen, self._model(arms, x), predicted, at, spread).ravel()

    def by_effects(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray, at: Model, spread: np.ndarray
    ) -> np.ndarray:
        """Derivatives of the first of the information rows by the effects of the groups; (n, effects)."""
        if not self.prepared.effects:
            return np.empty((spread.size, 0))
        found = _slope(
            lambda u: self.information_rows(arms, x, effects + u, at, spread), self._effect_steps(x)
        )
        return found[: spread.size]

    def _points(self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        return self.prepared.points(arms, x, effects)

    def _residuals(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return residuals(self.prepared.joined(arms), self._model(arms, x), self.predict(arms, x, effects))

    def _model(self, arms: tuple[int, ...], x: np.ndarray) -> Model:
        """Error models of the observations of some arms; a point is asked for many times in a row."""
        key = arms, x.tobytes()
        if key not in self._models:
            if len(self._models) >= MODELS:
                self._models.clear()
            self._models[key] = Model.of(self.prepared, self.prepared.joined(arms), self.prepared.natural(x))
        return self._models[key]

    def _rows_at(self, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The rows at a point, with given random effects."""
        parts = [*self._residuals(self._every, x, effects), self._priors(x)]
        if self.prepared.effects:
            near = self.near(x, effects, by=self._acted_on)
            parts += [effects.ravel(), _roots_of_determinants(near._local(self._every, x, effects)[2])]
        return np.concatenate(parts)

    def groups_of_rows(self, count: int) -> np.ndarray:
        """Group of each of `count` rows, -1 for those of priors."""
        groups, effects = self._effects.shape
        of_arms = self.prepared.belongs(self._every)
        priors = np.full(count - 2 * of_arms.size - self._effects.size - groups, -1)
        every = np.arange(groups)
        return np.concatenate([of_arms, of_arms, priors, np.repeat(every, effects), every])

    def _priors(self, x: np.ndarray) -> np.ndarray:
        priors = [(x[i], c.prior) for i, c in enumerate(self.prepared.coordinates) if c.prior]
        return np.array([(value - mean) / sd for value, (mean, sd) in priors])

    @property
    def _acted_on(self) -> list[int]:
        """Places, in the point of an arm, of the parameters that have random effects."""
        return sorted({effect.position for effect in self.prepared.effects})

    def _of_observations(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both residuals of each observation of some arms in a row, and the group of each."""
        belongs = self.prepared.belongs(arms)
        return np.concatenate(self._residuals(arms, x, effects)), np.concatenate([belongs, belongs])

    def _squares(self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Sum of squares of each group, its effects among them; shape (groups,), of groups of these arms."""
        rows, belongs = self._of_observations(arms, x, effects)
        return _by_group(rows**2, belongs, len(effects)) + (effects**2).sum(axis=1)

    def _local(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the effects of the groups of some arms see at a point.

        Both residuals of each observation in a row, (2 n,); half the gradient of each group's sum of squares
        by its effects, (groups, effects); and H, (groups, effects, effects). Residuals depend on predictions
        and these on effects: the chain rule.
        """
        seen, model = self.prepared.joined(arms), self._model(arms, x)
        predicted, belongs = self.predict(arms, x, effects), self.prepared.belongs(arms)
        by_effects, spread = self._predictions_by_effects(arms, x, effects), model.spread(predicted)
        rows = np.array(residuals(seen, model, predicted))
        slopes, expected = (
            np.nan_to_num(self._by_predictions(function, model, predicted)[..., np.newaxis] * by_effects)
            for function in (
                lambda at: residuals(seen, model, at),
                lambda at: information_rows(seen, model, at, model, spread),
            )
        )
        downhill = (slopes * rows[..., np.newaxis]).sum(axis=0)
        squares = (expected[..., np.newaxis] * expected[..., np.newaxis, :]).sum(axis=0)
        groups = len(effects)
        return (
            rows.ravel(),
            effects + _by_group(downhill, belongs, groups),
            np.eye(effects.shape[1]) + _by_group(squares, belongs, groups),
        )

    def _by_predictions(
        self,
        function: Callable[[np.ndarray], np.ndarray | tuple[np.ndarray, ...]],
        model: Model,
        predicted: np.ndarray,
    ) -> np.ndarray:
        """Derivatives of rows, (rows, n), that depend on a prediction each; shape as these."""
        least = np.where(model.logarithmic, TINY, model.spread(predicted))
        step = self.step * np.maximum(np.abs(predicted), least)
        above, below = (np.array(function(predicted + side * step)) for side in (1, -1))
        found: np.ndarray = (above - below) / (2 * step)
        return found

    def _predictions_by_effects(
        self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray
    ) -> np.ndarray:
        """Derivatives of predictions by the effects of their group, shape (n, effects)."""
        if isinstance(self.simulations, Near):
            moves = self.prepared.points_by_effects(arms, x, effects)
            return self.simulations.slopes(arms, self._points(arms, x, effects), moves)
        return _slope(lambda u: self.predict(arms, x, effects + u), self._effect_steps(x))

    def _effect_steps(self, x: np.ndarray) -> np.ndarray:
        """Steps of standard normal effects that move their parameters by the step."""
        natural, varied = self.prepared.natural(x), self.prepared.varied
        found = []
        for effect in self.prepared.effects:
            coordinate = varied[effect.position]
            at = effect.position
            value = (
                x[self._parameters[at]] if at < len(self._parameters) else coordinate.scaled(coordinate.start)
            )
            size = of_size(effect, coordinate.log, value, coordinate.size(value))
            found.append(self.step * size / effect.omega.at(natural))
        return np.array(found)

    def _best_effects(self, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Effects of every group that minimise its sum of squares, from where they are."""

        def near_there(at: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            arms = self._arms_of(groups)
            near = self.near(x, at, at={i: self.prepared.arms[i].times for i in arms}, by=self._acted_on)
            _, gradients, informations = near._local(arms, x, at)
            return gradients, informations

        return lowest(effects, lambda at, groups: self._squares(self._arms_of(groups), x, at), near_there)

    def _arms_of(self, groups: np.ndarray) -> tuple[int, ...]:
        """The arms of some groups, given which, shape (groups,)."""
        return tuple(i for i in self._every if groups[self.prepared.arms[i].group])


def _roots_of_determinants(informations: np.ndarray) -> np.ndarray:
    """Root of ln det H of each group, which is not negative: H is never below the unit matrix."""
    return np.sqrt(np.maximum(np.linalg.slogdet(informations)[1], 0.0))


def _by_group(rows: np.ndarray, belongs: np.ndarray, groups: int) -> np.ndarray:
    """Sums of rows by group, shape (groups, ...)."""
    found = np.zeros((groups, *rows.shape[1:]))
    np.add.at(found, belongs, rows)
    return found


def _slope(function: Callable[[np.ndarray], np.ndarray], steps: np.ndarray) -> np.ndarray:
    """Central differences of a function of a shift of random effects, which every group has alike.

    Shape (values, effects).
    """
    sides = np.diag(steps)
    return np.stack(
        [(function(side) - function(-side)) / (2 * step) for side, step in zip(sides, steps, strict=True)],
        axis=-1,
    )
