"""How accurately a run is integrated: what error of each state is let pass, and what amount is none.

Promise: where a card gives absolute tolerances they hold; where it gives none, that of a state is a share of
the largest value that it reaches, so that a model in mol and one in cells are integrated alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.models.card import SolverSettings
from harness.models.solver_form import log_state

__all__ = ["LIMIT", "TIGHTER", "Accuracy", "relative_errors"]

TIGHTER = 0.01
"""How much tighter the tolerances of a run are that another one is held against."""

LIMIT = 1e-3
"""Largest difference between the two that is none, relative to the value."""

FLOOR = 1e-6
"""Values below this share of the largest one of an observable are compared with that share."""

SHARE = 1e-14
"""Absolute tolerance of a state, over the largest value that it reaches."""

LOWEST = -1e-8
"""Lowest amount that is an error of the integration and no result, over the largest that is reached."""

AGREE = 1e-3
"""Difference of two runs, over the largest value, up to which they agree about a negative amount."""

FAR = 1e3
"""A run whose states stay this far below what their tolerances were made for is run again with its own."""


@dataclass(frozen=True)
class Accuracy:
    """The error control of one try.

    Attributes
    ----------
    settings
        What the card declares.
    relative
        Relative tolerance.
    reach
        The largest value of each state, by id, for the tolerances that the card does not give.
    signed
        Species whose amount may be negative.
    share
        Absolute tolerance over `reach`.
    """

    settings: SolverSettings
    relative: float
    reach: Mapping[str, float] = field(default_factory=dict)
    signed: frozenset[str] = frozenset()
    share: float = SHARE

    def tighter(self, factor: float) -> Accuracy:
        """The same with all that follows from the model, and nothing that the card gives, tightened."""
        return replace(self, relative=self.relative * factor, share=self.share * factor)

    def absolute(self, state: str) -> float:
        """Absolute tolerance of a state."""
        settings = self.settings
        if state in map(log_state, settings.logarithms):  # an error of a logarithm is a relative one
            tightened = min(1.0, self.relative / settings.relative_tolerance)
            return settings.absolute_tolerance_logarithm * tightened
        given = settings.absolute_tolerance.get(state, settings.absolute_tolerance_default)
        return self.share * self.reach[state] if given is None else given

    def lowest(self, species: str) -> float:
        """Lowest amount of a species that is no failure."""
        if species in self.signed:
            return float("-inf")
        given = self.settings.lowest_amount
        return LOWEST * self.reach[species] if given is None else given

    def after(self, reached: Mapping[str, float]) -> Accuracy:
        """The accuracy for a run that reaches these values; a state that stays at 0 keeps what it had."""
        return replace(self, reach={n: reached.get(n, 0.0) or value for n, value in self.reach.items()})

    def is_far_from(self, reached: Mapping[str, float]) -> bool:
        """Whether the tolerances were made for states that reach far more."""
        return any(0 < value * FAR < self.reach[name] for name, value in reached.items())

    def with_signed(self, species: Collection[str]) -> Accuracy:
        """The same, with these species among those that may be negative."""
        return replace(self, signed=self.signed | frozenset(species))

    def meant_negative(
        self, names: Sequence[str], loose: np.ndarray, tight: np.ndarray
    ) -> tuple[str, ...] | None:
        """Species that two runs, the second at a tighter tolerance, find negative alike.

        Parameters
        ----------
        names
            Columns of the values, species and others.
        loose, tight
            Values of the two runs, shape (times, names).

        Returns
        -------
        tuple or None
            None when a species is negative in the second run and the two do not agree.
        """
        found = []
        for i, name in enumerate(names):
            if name in self.signed and tight[:, i].min() < replace(self, signed=frozenset()).lowest(name):
                if np.abs(loose[:, i] - tight[:, i]).max() > AGREE * self.reach[name]:
                    return None
                found.append(name)
        return tuple(found)


def relative_errors(loose: np.ndarray, tight: np.ndarray) -> np.ndarray:
    """Differences of two runs over the values of the second one, shape (times, observables).

    What is not finite is no size; it differs only from what is finite, or is so otherwise.
    """
    known = np.isfinite(loose) & np.isfinite(tight)
    if not known.all():
        same = known | (loose == tight) | (np.isnan(loose) & np.isnan(tight))
        found = relative_errors(np.where(known, loose, 0.0), np.where(known, tight, 0.0))
        return np.where(same, found, np.inf)
    size = np.abs(tight).max(axis=0)
    passes = (tight.min(axis=0) < -FLOOR * size) & (tight.max(axis=0) > FLOOR * size)
    floor = np.maximum(
        size * np.where(passes, 1.0, FLOOR), 1e-300
    )  # near a passage through 0, the whole size
    return np.abs(loose - tight) / np.maximum(np.abs(tight), floor)
