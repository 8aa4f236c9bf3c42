"""Values of parameters that a fit found, carried to another run with what the data left open.

Promise: values have the units of their source and are converted where they go; draws come from the seed
alone, each row whole, so that parameters go together as they were found to. A parameter without an error
stays at its value, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from harness.declarations import Seed
from harness.errors import InputError, unknown_name
from harness.models.limits import Limits
from harness.models.units import parse_factor
from harness.offered import offered
from harness.shown import in_lines, listed
from harness.simulation.design import Design
from harness.simulation.draws import OMEGA, ParameterDraws

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Estimates", "middle", "set_by"]


MOST = 100_000
"""Draws at most."""

LEVELS = (2.5, 97.5)
"""Percentiles over the draws: their middle 95 %."""

TRIES = 1000
"""Times that a draw is made anew until it is one that its parameters can have."""


@offered
@dataclass(frozen=True)
class Estimates:
    """Estimates of k parameters, of spreads (``omega_NAME``) among them.

    Attributes
    ----------
    source
        What they were read from.
    names, units, values
        Of each; values are natural ones in that unit.
    logarithmic
        Whether a parameter is normal on its logarithm, shape (k,).
    covariance
        On these scales, shape (k, k); 0 for what has no error.
    rows
        Draws that the source holds, shape (draws, k), natural values; empty where there is a covariance.
    weights
        Of these rows, summing to 1, shape (draws,).
    limits
        What the model that they go to can have, by parameter, in these units.
    left
        Those of the source that are none of these, since they are set or varied where these go.
    """

    source: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: np.ndarray
    logarithmic: np.ndarray
    covariance: np.ndarray
    rows: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))
    limits: Mapping[str, Limits] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    def __repr__(self) -> str:
        told = [f"{n}={v:.4g} {u}" for n, v, u in zip(self.names, self.values, self.units, strict=True)]
        return in_lines(f"Estimates of {self.source}", values=listed(told), held=listed(self.held))

    @cached_property
    def held(self) -> tuple[str, ...]:
        """Those that have no error, which draws leave at their value."""
        if self.rows.size:
            return ()
        known = np.diag(self.covariance) > 0
        return tuple(name for name, told in zip(self.names, known, strict=True) if not told)

    def changes(self) -> dict[str, str]:
        """Values of the parameters, as every function takes ``changes``: 'VALUE UNIT' by name."""
        each = zip(self.names, self.values.tolist(), self.units, strict=True)
        return {name: f"{value!r} {unit}" for name, value, unit in each if not name.startswith(OMEGA)}

    def notes(self, spreads: bool) -> list[str]:
        """What whoever takes them must know; `spreads` says whether those between patients have a part."""
        notes = []
        if self.left:
            notes.append(f"{', '.join(self.left)}: set or varied, in place of the estimate of {self.source}")
        if self.held and len(self.held) < len(self.names):
            notes.append(
                f"{', '.join(self.held)}: without an error in {self.source}; draws leave the estimate"
            )
        if self.omegas() and not spreads:
            notes.append(f"spreads between patients in {self.source} have no part here")
        return notes

    def omegas(self) -> dict[str, float]:
        """Standard deviations of random effects, by parameter."""
        return {
            name.removeprefix(OMEGA): float(value)
            for name, value in zip(self.names, self.values, strict=True)
            if name.startswith(OMEGA)
        }

    def some(self, names: Sequence[str]) -> Estimates:
        """Some of them, in the order given.

        Raises
        ------
        InputError
            When one is not among them.
        """
        for name in names:
            if name not in self.names:
                raise unknown_name(f"estimate in {self.source}", name, self.names)
        at = [self.names.index(name) for name in names]
        return replace(
            self,
            names=tuple(names),
            units=tuple(self.units[i] for i in at),
            values=self.values[at],
            logarithmic=self.logarithmic[at],
            covariance=self.covariance[np.ix_(at, at)],
            rows=self.rows[:, at] if self.rows.size else self.rows,
        )

    def without(self, names: Sequence[str]) -> Estimates:
        """Those that are left without some."""
        return self.some([name for name in self.names if name not in set(names)])

    def under(self, changes: Mapping[str, str | float]) -> Estimates:
        """What changes leave of them: one such as ``2x`` is of the estimate, any other is in its place."""
        found = self.without(set_by(changes))
        factors = np.array([_factor(name, changes.get(name, "1x")) for name in found.names], float)
        on_scale = np.where(found.logarithmic, 1.0, factors)
        return replace(
            found,
            values=found.values * factors,
            covariance=found.covariance * np.outer(on_scale, on_scale),
            rows=found.rows * factors if found.rows.size else found.rows,
        )

    def draws(self, count: int, seed: Seed = 1) -> Design:
        """A design of as many rows, one draw each, a column a parameter; spreads have no column.

        Rows of the source are taken with the chance that their weights say; without them draws are normal on
        the scales of the parameters. A draw of what its parameter cannot have, or negative where it is not,
        is made anew.

        Raises
        ------
        InputError
            When no draw, or more than 100 000, are asked for, or nothing has an error.
        """
        table, units = self._drawn(count, seed), dict(zip(self.names, self.units, strict=True))
        of_model = [name for name in self.names if not name.startswith(OMEGA)]
        return Design(table[of_model], {name: units[name] for name in of_model})

    def each(self, count: int, seed: Seed = 1) -> list[Estimates]:
        """As many estimates, one a draw, each exact."""
        nothing = np.zeros_like(self.covariance)
        return [
            replace(self, values=row, covariance=nothing, rows=np.empty((0, 0)))
            for row in self._drawn(count, seed).to_numpy()
        ]

    def _drawn(self, count: int, seed: int) -> pd.DataFrame:
        if not 1 <= count <= MOST:
            raise InputError(f"uncertainty: from 1 to {MOST} draws, not {count}")
        if not self.rows.size and not self.covariance.any():
            raise InputError(f"uncertainty: {self.source} has no error of {', '.join(self.names)}")
        import pandas as pd

        names = list(self.names)
        if self.rows.size:
            return ParameterDraws(pd.DataFrame(self.rows, columns=names), self.weights).take(count, seed)
        return pd.DataFrame(self._normal(np.random.default_rng([seed, 7]), count), columns=names)

    def _normal(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draws from the covariance, shape (count, k), natural values."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        centre = np.where(self.logarithmic, np.log(np.where(self.logarithmic, self.values, 1.0)), self.values)
        left = np.arange(count)
        found = np.empty((count, len(self.names)))
        for _ in range(TRIES):
            drawn = centre + rng.standard_normal((left.size, len(self.names))) @ root.T
            found[left] = np.where(self.logarithmic, np.exp(np.minimum(drawn, 700.0)), drawn)
            left = left[self._impossible(found[left]).any(axis=1)]
            if not left.size:
                return found
        names = ", ".join(np.array(self.names)[self._impossible(found[left]).any(axis=0)])
        raise InputError(
            f"uncertainty: {self.source}: draws of {names} are what it cannot be; fit it on a log scale"
        )

    def _impossible(self, drawn: np.ndarray) -> np.ndarray:
        """Which of some draws are no values that their parameters can have, shape (rows, k)."""
        found = (drawn < 0) & (self.values >= 0)
        for place, name in enumerate(self.names):
            if name in self.limits:
                found[:, place] |= self.limits[name].beyond(drawn[:, place])
        return found


def set_by(changes: Mapping[str, str | float]) -> list[str]:
    """Names that changes give a value; one such as ``2x`` is of what there is, and leaves it in."""
    return [name for name, text in changes.items() if not _factor(name, text)]


def _factor(name: str, text: str | float) -> float | None:
    return parse_factor(str(text), "", name)


def middle(values: np.ndarray) -> np.ndarray:
    """Ends of the middle 95 % over the first axis, of those that are numbers; shape (2, ...).

    An end is one of the values, so that it may be infinite.
    """
    ordered = np.sort(values, axis=0)  # NaN last
    count = (~np.isnan(values)).sum(axis=0)
    found = []
    for level in LEVELS:
        place = np.clip(np.rint(level / 100 * (count - 1)), 0, None).astype(int)
        found.append(np.take_along_axis(ordered, place[np.newaxis], axis=0)[0])
    return np.array(found)
