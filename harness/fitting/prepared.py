"""A prepared fit: everything that an objective needs, as plain data that travels to any worker.

Promise: numbers are in the model's own units, names are resolved to places, and nothing is left to check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from harness.fitting.effects import EffectPlace, Pair, factor, moved, moved_by
from harness.fitting.equilibrium import Equilibrium
from harness.fitting.sizes import Size
from harness.identity import key_of
from harness.shown import in_lines, listed
from harness.simulation.engines import ROADRUNNER
from harness.simulation.program import Program
from harness.simulation.regimen import Regimen

__all__ = ["ArmData", "Coordinate", "ErrorSizes", "Observations", "Prepared"]

SMALL = 1e-2
"""Part of its start below which a coordinate on a linear scale counts as next to 0."""


@dataclass(frozen=True)
class Coordinate:
    """One coordinate of the fit; `low`, `high`, `start` and `declared` are natural values, in `unit`.

    `kind` is parameter (of the model), error (a size of an error model), omega (of a random effect) or
    correlation (of two of them); held for a parameter that has a random effect alone, which is no coordinate.
    `declared` is the model's own value, such as Table 1's, NaN for what no model declares. `prior` is mean
    and sd on the scale of the coordinate.
    """

    name: str
    unit: str
    kind: str
    log: bool
    low: float
    high: float
    start: float
    declared: float
    prior: tuple[float, float] | None = None

    def scaled(self, value: float) -> float:
        """A natural value on the scale of the coordinate."""
        return float(np.log(value)) if self.log else float(value)

    def natural(self, x: float) -> float:
        """A value on the scale of the coordinate as a natural one."""
        return float(np.exp(min(x, 709.0))) if self.log else float(x)

    def size(self, x: float) -> float:
        """What steps are parts of, at a value on the scale of the coordinate: 1 in ln units.

        On a linear scale it is the value itself, but not less than SMALL of where the coordinate starts or of
        what is declared. The bounds have no part in it, however wide: they say where the optimum is looked
        for, not how far a prediction is straight. What starts at 0 has its unit, or the width if that is
        less.
        """
        if self.log:
            return 1.0
        known = max(abs(self.start), 0.0 if np.isnan(self.declared) else abs(self.declared))
        return max(abs(x), SMALL * (known or min(1.0, self.high - self.low)))


@dataclass(frozen=True)
class ErrorSizes:
    """The error model of one observable: on logarithms or not, and its two sizes, 0 where it has none.

    With `straight` a standard deviation is their sum, a + b f, as PEtab problems have it, in place of the
    root of the sum of their squares. `reference` is a size in the observable's unit (1 for logarithms) below
    a billionth of which no standard deviation is taken.
    """

    observable: str
    logarithmic: bool
    additive: Size
    relative: Size
    reference: float
    straight: bool = False


@dataclass(frozen=True)
class Observations:
    """n observations: arrays of shape (n,).

    A censored observation lies between `lower` and `limit`, either of which may be infinite. `own` is a
    standard deviation that the observation brings itself, 0 where it brings none, and `error` the place of
    its error model.
    """

    error: np.ndarray
    value: np.ndarray
    censored: np.ndarray
    lower: np.ndarray
    limit: np.ndarray
    own: np.ndarray

    @property
    def between(self) -> np.ndarray:
        """Which observations are known to lie between two limits, shape (n,)."""
        return self.censored & np.isfinite(self.lower) & np.isfinite(self.limit)


@dataclass(frozen=True)
class ArmData(Observations):
    """One simulation and its n observations; `times` are those of its output, and each observation has the
    places of its time and of its observable among them, shape (n,). `before` is the steady state in which the
    simulation begins, None for one that begins as the model says."""

    name: str
    group: int
    program: Program
    fixed: Mapping[str, float]
    regimen: Regimen | None
    times: np.ndarray
    observables: tuple[str, ...]
    time_index: np.ndarray
    observable_index: np.ndarray
    before: Equilibrium | None = None


@dataclass(frozen=True)
class Prepared:
    """A checked fit. `key` is the same for the same content; `checksum` is that of the data alone.

    `held` are parameters that have a random effect and are not estimated; `pairs` the correlations of
    effects. `engine` runs the simulations. `left_out` counts the rows of the table that are not fitted, by
    arm and observable of the table.
    """

    title: str
    coordinates: tuple[Coordinate, ...]
    arms: tuple[ArmData, ...]
    errors: tuple[ErrorSizes, ...]
    units: Mapping[str, str]
    time_unit: str
    checksum: str
    effects: tuple[EffectPlace, ...] = ()
    held: tuple[Coordinate, ...] = ()
    pairs: tuple[Pair, ...] = ()
    groups: tuple[str, ...] = ()
    method: str = "least_squares"
    loss: str = "linear"
    starts: int = 1
    seed: int = 1
    synthetic: str = ""
    ridge: tuple[str, str] | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    engine: str = ROADRUNNER

    def __repr__(self) -> str:
        return in_lines(
            f"Prepared: {self.title}",
            arms=listed(arm.name for arm in self.arms),
            data=listed(f"{count} {kind}" for kind, count in self.rows.items()),
            synthetic=self.synthetic,
            coordinates=listed(self.names),
            starts=self.starts,
            engine=self.engine,
        )

    @property
    def names_of_parameters(self) -> list[str]:
        """Names of the parameters of the model that change from run to run."""
        return [c.name for c in self.varied]

    @property
    def names(self) -> list[str]:
        return [coordinate.name for coordinate in self.coordinates]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest point, on the scale of each coordinate."""
        low = np.array([c.scaled(c.low) for c in self.coordinates])
        return low, np.array([c.scaled(c.high) for c in self.coordinates])

    @property
    def start(self) -> np.ndarray:
        """The declared start, on the scale of each coordinate."""
        return np.array([c.scaled(c.start) for c in self.coordinates])

    def at_bounds(self, x: np.ndarray) -> np.ndarray:
        """Which coordinates of a point lie on a bound, within 1e-4 of what is between their bounds.

        On a linear scale within 1e-4 of their size, if that is less.
        """
        low, high = self.bounds
        return np.minimum(x - low, high - x) < 1e-4 * self.spans(x)

    def sizes(self, x: np.ndarray) -> np.ndarray:
        """What steps are parts of at a point, by coordinate."""
        return np.array([c.size(value) for c, value in zip(self.coordinates, x, strict=True)])

    def spans(self, x: np.ndarray) -> np.ndarray:
        """How far apart values of each coordinate can be: from bound to bound, on a linear scale not more
        than its size."""
        low, high = self.bounds
        return np.where(self._logs, high - low, np.minimum(self.sizes(x), high - low))

    @property
    def observations(self) -> int:
        """Number of observations, censored ones among them."""
        return sum(arm.value.size for arm in self.arms)

    @property
    def rows(self) -> dict[str, int]:
        """How many observations are used, how many of these are censored, and how many rows are left out."""
        censored = sum(int(arm.censored.sum()) for arm in self.arms)
        return {"used": self.observations, "censored": censored, "left_out": sum(self.left_out.values())}

    def natural(self, x: np.ndarray) -> np.ndarray:
        """Natural values of a point."""
        return np.where(self._logs, np.exp(np.minimum(x, 709.0)), x)

    @cached_property
    def _logs(self) -> np.ndarray:
        return np.array([c.log for c in self.coordinates], bool)

    @cached_property
    def varied(self) -> tuple[Coordinate, ...]:
        """What the point of an arm holds: the free parameters, then those that have an effect alone."""
        return (*(self.coordinates[i] for i in self.places("parameter")), *self.held)

    def factor(self, x: np.ndarray) -> np.ndarray:
        """L of the random effects at a point: b = L u, shape (effects, effects)."""
        key = x.tobytes()
        if key not in self._factors:
            self._factors.clear()  # one point is asked for many times in a row
            self._factors[key] = factor(self.effects, self.pairs, self.natural(x))
        return self._factors[key]

    @cached_property
    def _factors(self) -> dict[bytes, np.ndarray]:
        return {}

    def points(self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Parameters of some arms on their scales, with their random effects; shape (arms, varied).

        `effects` are standard normal and independent, shape (groups, effects).
        """
        places, own = self._of_arms
        found = np.empty((len(arms), len(self.varied)))
        found[:, : places.size] = x[places]
        if self.held:
            found[:, places.size :] = own[list(arms)]
        if self.effects:
            b = (effects @ self.factor(x).T)[self._groups_of(arms)]
            for k, effect in enumerate(self.effects):
                at, log = effect.position, self.varied[effect.position].log
                found[:, at] = moved(effect, log, found[:, at], b[:, k])
        return found

    def points_by_effects(self, arms: tuple[int, ...], x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Derivatives of :meth:`points` by the effects; shape (arms, varied, effects)."""
        points, root = self.points(arms, x, effects), self.factor(x)
        found = np.zeros((*points.shape, len(self.effects)))
        for k, effect in enumerate(self.effects):
            at, log = effect.position, self.varied[effect.position].log
            found[:, at] = moved_by(effect, log, points[:, at])[:, np.newaxis] * root[k]
        return found

    def _groups_of(self, arms: tuple[int, ...]) -> np.ndarray:
        if arms not in self._groups:
            self._groups[arms] = np.array([self.arms[i].group for i in arms], int)
        return self._groups[arms]

    @cached_property
    def _groups(self) -> dict[tuple[int, ...], np.ndarray]:
        return {}

    @cached_property
    def _of_arms(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the free parameters, and values of those that are held on their scales, (arms, held)."""
        own = [[c.scaled(arm.fixed.get(c.name, c.start)) for c in self.held] for arm in self.arms]
        return self.places("parameter"), np.array(own, float).reshape(len(self.arms), len(self.held))

    def belongs(self, arms: tuple[int, ...]) -> np.ndarray:
        """Groups of the observations of some arms, shape (n,)."""
        if arms not in self._belongs:
            parts = [np.full(self.arms[i].value.size, self.arms[i].group) for i in arms]
            self._belongs[arms] = np.concatenate(parts)
        return self._belongs[arms]

    @cached_property
    def _belongs(self) -> dict[tuple[int, ...], np.ndarray]:
        return {}

    def members(self, group: int) -> tuple[int, ...]:
        """Places of the arms of a group."""
        return tuple(i for i, arm in enumerate(self.arms) if arm.group == group)

    def joined(self, arms: tuple[int, ...]) -> Observations:
        """The observations of some arms, one arm after the other."""
        if arms not in self._joined:
            parts = [self.arms[i] for i in arms]
            names = [each.name for each in fields(Observations)]
            self._joined[arms] = Observations(
                **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
            )
        return self._joined[arms]

    @cached_property
    def _joined(self) -> dict[tuple[int, ...], Observations]:
        return {}

    @cached_property
    def in_sizes(self) -> np.ndarray:
        """Places of the coordinates that sizes of errors follow from, in PEtab problems of the model too."""
        every = set().union(*(e.additive.places | e.relative.places for e in self.errors))
        return np.array(sorted(every), int)

    def places(self, *kinds: str) -> np.ndarray:
        """Places of the coordinates of some kinds."""
        return np.array([i for i, c in enumerate(self.coordinates) if c.kind in kinds], int)

    @property
    def key(self) -> str:
        """A name for the fit that is the same for the same content, in any process."""
        return key_of(self)
