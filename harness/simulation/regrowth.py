"""How far pools have grown again in one run: whether their errors may have grown with them.

Promise: looks at pools at times of its own, which are the model's or depend on the length of the run alone,
so that what it says does not depend on what is read out. A pool of the catalogue that is a logarithm is
followed through every rise; of a user's own model, amounts are, and a pool is lost when it has fallen so far
below what it was that its tolerance says nothing of it. States that a model declares a floor of, its markers,
are followed above that.

An error of the integration grows where a pool regrows from next to nothing, each time anew: in a patient
whose tumour and cells chase each other for ten years, ten thousandfold. Counted is every rise between two
looks, in e-folds, but for that before the first look after a dose. Of a long course of doses only a few are
taken to explain what rises after them: a cell every 30 days resets nothing, and errors go on. A marker that
follows a high power of the tumour has the error of the tumour's logarithm times that power, and rises by so
many times its e-folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

__all__ = ["DOSES", "Regrowth", "even_looks"]

DOSES = 3
"""How many doses after the start explain the rise that follows them; after more, every rise counts."""

LOOKS = 48
"""How often a run is looked at whose model does not say."""

MOST_LOOKS = 100_000
"""How often the longest run is looked at."""

NOTHING = 1e-300
"""An amount that counts as none, in a logarithm."""

GONE, LOW, BACK = 1e1, 1e6, 1e8
"""Amounts, over their absolute tolerance: below the first nothing holds a pool to its course; below the
second the errors of many steps may add up to 0.1 %, which tells when it is back at the third."""


class Regrowth:
    """Rises of pools in a run, looked at the times `looks`, ascending and after 0.

    Parameters
    ----------
    tolerances
        Absolute tolerance of each pool, where they are amounts; none where there is one logarithm.
    floors
        Of each marker, the smallest value that counts.

    Attributes
    ----------
    risen
        Sum of the rises of the first pool so far, in e-folds; of an amount, up to what it had been before.
    steep
        The largest such sum of a marker.
    lost
        Places of the pools that were lost at a look, or low at one and back at another. One that changes
        there at a pace that its tolerance sees well passes through 0 or is filled, and is not lost.
    hidden
        Those of them whose rate says that they grow where they are lost, by an e-fold a look or more: an
        implicit method may damp that growth, at any tolerance that does not see the pool.
    unknown
        Places of those whose rate was asked for and not known.
    """

    _last: np.ndarray
    _most: np.ndarray
    _present: np.ndarray
    _low: np.ndarray

    def __init__(
        self, looks: np.ndarray, tolerances: Sequence[float] = (), floors: Sequence[float] = ()
    ) -> None:
        self._least = np.array([NOTHING, *floors])
        self._rises = np.zeros(len(self._least))
        self.lost: set[int] = set()
        self.hidden: set[int] = set()
        self.unknown: set[int] = set()
        self._looks = looks
        self._tolerances = np.asarray(tolerances, float)
        self._begun = -1
        self.begin([0.0] * len(tolerances))

    def looks(self, start: float, stop: float) -> np.ndarray:
        """Times after `start` and not after `stop` at which to look."""
        return self._looks[slice(*self._looks.searchsorted((start, stop), "right"))]

    @property
    def risen(self) -> float:
        return float(self._rises[0])

    @property
    def steep(self) -> float:
        return float(self._rises[1:].max(initial=0.0))

    def note(self, amounts: np.ndarray, rates: np.ndarray, markers: np.ndarray) -> None:
        """Take note of the next looks.

        Parameters
        ----------
        amounts, rates
            Amounts of the pools, shape (looks, pools), and how fast they change, of those with a tolerance;
            NaN for a rate that is not known.
        markers
            Values of the markers, shape (looks, markers).
        """
        if not amounts.size:
            return
        followed = np.maximum(np.column_stack([amounts[:, 0], markers]), self._least)
        last = np.vstack([self._last, followed])
        most = np.maximum.accumulate(np.vstack([self._most, followed]))
        regained = np.minimum(followed, most[:-1])
        self._rises += np.log(np.maximum(regained / last[:-1], 1.0)).sum(axis=0)
        self._last, self._most = last[-1], most[-1]
        if len(self._tolerances):
            self._note_lost(amounts, rates)

    def _note_lost(self, amounts: np.ndarray, rates: np.ndarray) -> None:
        sizes = np.abs(amounts)
        present = self._present | (sizes.max(axis=0) > BACK * self._tolerances)
        low = sizes.min(axis=0) <= LOW * self._tolerances
        places = np.flatnonzero(self._low | (present & low))
        sizes = sizes[:, places]
        back = sizes > BACK * self._tolerances[places]
        some_low = (sizes <= LOW * self._tolerances[places]).any(axis=1)
        for look in range(len(amounts) if places.size else 0):
            if some_low[look] or self._low[places].any():
                growth = rates[look, places] * np.where(amounts[look, places] < 0, -1, 1)
                self._note_look(places, sizes[look], growth)
            else:
                self._present[places] |= back[look]
        self._present = present

    def _note_look(self, places: np.ndarray, amount: np.ndarray, growth: np.ndarray) -> None:
        """Take note of some pools at one look."""
        tolerance, present = self._tolerances[places], self._present[places]
        back, low = amount > BACK * tolerance, amount <= LOW * tolerance
        near = present & (np.abs(growth) * self._looks[0] <= LOW * tolerance)
        gone = near & (amount <= GONE * tolerance)
        self.unknown |= set(places[present & low & np.isnan(growth)].tolist())
        self.lost |= set(places[gone | (back & self._low[places])].tolist())
        self.hidden |= set(places[gone & (growth * self._looks[0] > amount)].tolist())
        self._low[places] = (self._low[places] | (near & low)) & ~back
        self._present[places] = present | back

    def begin(self, amounts: Sequence[float] | np.ndarray) -> None:
        """Begin from the amounts at the start, or anew after a dose: what it makes rise has not regrown."""
        self._begun += 1
        if self._begun <= 1 + DOSES:
            self._last = np.full(len(self._least), np.inf)
            self._most = self._last.copy()
            if len(self._tolerances):
                self._most[0] = abs(amounts[0])
        if not len(self._tolerances):
            return
        self._present = np.abs(amounts) > BACK * self._tolerances
        self._low = np.zeros(len(self._tolerances), bool)


@lru_cache(maxsize=64)
def even_looks(end: float, every: float | None) -> np.ndarray:
    """Times at which to look at pools in a run to `end`: every so often, or `LOOKS` times."""
    if every is None or end / every > MOST_LOOKS:
        return np.linspace(0.0, end, (LOOKS if every is None else MOST_LOOKS) + 1)[1:]
    return every * np.arange(1, int(end / every) + 1)
