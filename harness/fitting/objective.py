"""The objective of a fit: minus twice the (marginal) log-likelihood with priors, as a sum of squares.

Promise: it depends on the prepared fit and on the point alone. A simulation that fails gives large finite
residuals and is counted. Derivatives are central differences on the scale of the coordinates.

Random effects are integrated out by Laplace's approximation. With u standard normal, b = omega u a random
effect of one group, S(u) the sum of squares of its residuals and of u itself, the group's part is
S(u^) + ln det H(u^), where u^ minimises S and H = I + J'J is half the (expected) Hessian of S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from harness.fitting.likelihood import Model, constant, residuals
from harness.fitting.prepared import ArmData, Prepared
from harness.simulation.engine import Trajectory
from harness.simulation.engines import engine_of
from harness.simulation.program import Program

__all__ = ["STEP", "TOLERANCE", "Objective", "smooth"]

TOLERANCE = 1e-8
"""Relative tolerance of the integrator within a fit. See STEP."""

STEP = 5e-3
"""Step of the differences, in ln units. Measured against a tolerance of 1e-12: with TOLERANCE, derivatives of
the logarithm of an observable are off by 1e-4 of the largest one; at 1e-7 no step brings that below 4e-4."""

KEPT = 20_000


def smooth(program: Program) -> Program:
    """A program with the tolerance of fits."""
    return replace(program, solver=program.solver.model_copy(update={"relative_tolerance": TOLERANCE}))


class Objective:
    """The objective of one prepared fit.

    Attributes
    ----------
    runs, failed
        Simulations made so far, and how many of them failed.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.runs = self.failed = 0
        self.programs = [smooth(arm.program) for arm in prepared.arms]
        self._kept: dict[tuple, np.ndarray] = {}
        shape = (max(len(prepared.groups), 1), len(prepared.effects))
        self._effects = np.zeros(shape)
        self._names = [(i, prepared.coordinates[i].name) for i in prepared.places("parameter")]

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
        if not self.prepared.effects:
            return self.differences(lambda at: self._rows_at(at, effects), x, free)
        count = effects.size

        def with_gradients(at: np.ndarray, shifted: np.ndarray) -> np.ndarray:
            return np.concatenate([self._rows_at(at, shifted), self._gradients(at, shifted).ravel()])

        by_x = self.differences(lambda at: with_gradients(at, effects), x, free)
        by_u = _slope(
            lambda u: with_gradients(x, effects + u), np.zeros(effects.shape[1]), self._effect_steps(x)
        )
        moves = np.stack([
            -np.linalg.solve(by_u[-count:].reshape(*effects.shape, -1)[g], part)
            for g, part in enumerate(by_x[-count:].reshape(*effects.shape, -1))
        ])  # fmt: skip
        total = by_x[:-count].copy()
        for g, rows in enumerate(self._rows_of_groups(total.shape[0])):
            total[rows] += by_u[:-count][rows] @ moves[g]
        return total

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
        models = [(arm, Model.of(self.prepared, arm, natural)) for arm in self.prepared.arms]
        return sum(constant(arm, model) for arm, model in models)

    def differences(
        self, function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, free: np.ndarray
    ) -> np.ndarray:
        """Central differences of a function of a point, kept within the bounds; shape (values, free)."""
        low, high = self.prepared.bounds
        columns = []
        for i in free:
            step = STEP if self.prepared.coordinates[i].log else STEP * (high[i] - low[i])
            above, below = x.copy(), x.copy()
            above[i] = min(x[i] + step, max(high[i], x[i]))
            below[i] = max(x[i] - step, min(low[i], x[i]))
            columns.append((function(above) - function(below)) / (above[i] - below[i]))
        return np.stack(columns, axis=-1)

    def predict(self, arm: int, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Predictions of the observations of an arm, shape (n,); NaN when the run failed."""
        data = self.prepared.arms[arm]
        values = self._simulate(arm, data.times, x, effects)
        return values[data.time_index, data.observable_index]

    def curve(self, arm: int, times: np.ndarray, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The observables of an arm at any times, shape (times, observables)."""
        return self._simulate(arm, times, x, effects)

    def effects(self, x: np.ndarray) -> np.ndarray:
        """Random effects that minimise the sum of squares at a point: standard normal, (groups, effects)."""
        if self.prepared.effects:
            for group in range(len(self.prepared.groups)):
                self._effects[group] = self._best_effects(group, x, self._effects[group])
        return self._effects.copy()

    def information_rows(
        self, arm: int, x: np.ndarray, effects: np.ndarray, at: Model, spread: np.ndarray
    ) -> np.ndarray:
        """Rows whose differences give the expected information of an arm: two an observation.

        Prediction over its standard deviation (held at `spread`), or the residual of a censored one; then
        sqrt(2) ln of that deviation, 0 for a censored one. `at` gives the scale. NaN when the run failed:
        a difference to a run that failed is no information.
        """
        data = self.prepared.arms[arm]
        predicted = self.predict(arm, x, effects)
        if not np.isfinite(predicted).all():
            return np.full(2 * predicted.size, np.nan)
        model = Model.of(self.prepared, data, self.prepared.natural(x))
        first, _ = residuals(data, model, predicted)
        mean = np.where(data.censored, first, at.on_scale(predicted) / spread)
        level = np.where(data.censored, 0.0, np.sqrt(2) * np.log(model.spread(predicted)))
        return np.concatenate([mean, level])

    def _simulate(self, arm: int, times: np.ndarray, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        data, program = self.prepared.arms[arm], self.programs[arm]
        settings = self._settings(data, x, effects)
        key = (program.key, data.regimen, times.tobytes(), data.observables, tuple(settings.items()))
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            run = self.trajectory(arm, times, x, effects)
            self.runs += 1
            self.failed += not np.isfinite(run.values).all()
            self._kept[key] = run.at(times)
        return self._kept[key]

    def trajectory(self, arm: int, times: np.ndarray, x: np.ndarray, effects: np.ndarray) -> Trajectory:
        """One simulation of an arm, made anew and not counted."""
        data = self.prepared.arms[arm]
        engine = engine_of(self.programs[arm], self.prepared.engine)
        run = self._settings(data, x, effects), data.regimen
        return engine.run_many([run], [times], data.observables)[0]

    def _settings(self, data: ArmData, x: np.ndarray, effects: np.ndarray) -> dict[str, float]:
        """What the engine is given for an arm: fixed values, parameters, and its group's random effects."""
        natural = self.prepared.natural(x)
        values = {name: natural[i] for i, name in self._names}
        for k, effect in enumerate(self.prepared.effects):
            name = self.prepared.coordinates[effect.place].name
            values[name] *= np.exp(effect.omega.at(natural) * effects[data.group, k])
        return {**data.fixed, **{name: float(value) for name, value in values.items()}}

    def _residuals(self, arm: int, x: np.ndarray, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        data = self.prepared.arms[arm]
        model = Model.of(self.prepared, data, self.prepared.natural(x))
        return residuals(data, model, self.predict(arm, x, effects))

    def _rows_at(self, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The rows at a point, with given random effects."""
        found = [self._residuals(i, x, effects) for i in range(len(self.prepared.arms))]
        parts = [np.concatenate([rows for rows, _ in found]), np.concatenate([rows for _, rows in found])]
        parts.append(self._priors(x))
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

    def _members(self, group: int) -> list[int]:
        return [i for i, arm in enumerate(self.prepared.arms) if arm.group == group]

    def _group_rows(self, group: int, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Residuals of a group's observations and of its random effects u, shape (effects,)."""
        effects = self._effects.copy()
        effects[group] = u
        found = [self._residuals(i, x, effects) for i in self._members(group)]
        return np.concatenate([*(part for pair in found for part in pair), u])

    def _group_information(self, group: int, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """H of a group at u, shape (effects, effects)."""
        base = self._effects.copy()
        base[group] = u
        total = np.eye(u.size)
        for arm in self._members(group):
            model = Model.of(self.prepared, self.prepared.arms[arm], self.prepared.natural(x))
            spread = model.spread(self.predict(arm, x, base))

            def rows(
                v: np.ndarray, arm: int = arm, model: Model = model, spread: np.ndarray = spread
            ) -> np.ndarray:
                effects = self._effects.copy()
                effects[group] = v
                return self.information_rows(arm, x, effects, model, spread)

            slope = np.nan_to_num(_slope(rows, u, self._effect_steps(x)))
            total += slope.T @ slope
        return total

    def _effect_steps(self, x: np.ndarray) -> np.ndarray:
        """Steps of standard normal effects that move their parameters by STEP."""
        natural = self.prepared.natural(x)
        return np.array([STEP / effect.omega.at(natural) for effect in self.prepared.effects])

    def _best_effects(self, group: int, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Effects of a group that minimise its sum of squares, by Fisher scoring from `u` on."""
        rows = self._group_rows(group, x, u)
        steps = self._effect_steps(x)
        for _ in range(40):
            slope = _slope(lambda v: self._group_rows(group, x, v), u, steps)
            step = -np.linalg.solve(self._group_information(group, x, u), slope.T @ rows)
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
            np.linalg.slogdet(self._group_information(group, x, effects[group]))[1]
            for group in range(len(self.prepared.groups))
        ]
        return np.sqrt(np.maximum(determinants, 0.0))


def _slope(function: Callable[[np.ndarray], np.ndarray], u: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Central differences of a function of the random effects of a group; shape (values, effects)."""
    sides = [np.where(np.arange(u.size) == k, steps[k], 0.0) for k in range(u.size)]
    return np.stack(
        [(function(u + d) - function(u - d)) / (2 * steps[k]) for k, d in enumerate(sides)], axis=-1
    )
