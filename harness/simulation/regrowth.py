"""How far a pool has grown again in one run: whether its errors may have grown with it.

Promise: looks at the pool at times of its own, which depend on the length of the run alone, so that what it
says does not depend on what is read out.

An error of the integration grows where a pool regrows from next to nothing, each time anew: in a patient
whose tumour and cells chase each other for ten years, ten thousandfold. Counted is every rise between two
looks, in e-folds, but for that before the first look after a dose.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["Regrowth"]

NOTHING = 1e-300
"""An amount that counts as none, in a logarithm."""


class Regrowth:
    """Rises of one pool in a run from 0 to `end`; `risen` is their sum so far, in e-folds.

    It is looked at `looks` times, evenly.
    """

    def __init__(self, end: float, looks: int) -> None:
        self.risen = 0.0
        self._looks = _even(end, looks)
        self._last: float | None = None

    def looks(self, start: float, stop: float) -> np.ndarray:
        """Times after `start` and not after `stop` at which to look."""
        return self._looks[(self._looks > start) & (self._looks <= stop)]

    def note(self, amounts: np.ndarray) -> None:
        """Take note of the amounts at the next looks."""
        before = [] if self._last is None else [self._last]
        logarithms = np.array([*before, *np.log(np.maximum(amounts, NOTHING))])
        self.risen += float(np.maximum(np.diff(logarithms), 0.0).sum())
        if len(logarithms):
            self._last = logarithms[-1]

    def dosed(self) -> None:
        """A dose makes the pool rise; that is no regrowth."""
        self._last = None


@lru_cache(maxsize=64)
def _even(end: float, looks: int) -> np.ndarray:
    return np.linspace(0.0, end, looks + 1)[1:]
