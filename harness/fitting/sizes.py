"""A number of a fit that is given, or that coordinates estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Size"]


@dataclass(frozen=True)
class Size:
    """A number that is given, or `factor` times the coordinate at place `place` that estimates it.

    What only a PEtab problem says: also times the coordinates at the places `times`, and `plus` others.
    """

    value: float = 0.0
    place: int | None = None
    factor: float = 1.0
    times: tuple[int, ...] = ()
    plus: tuple[Size, ...] = ()

    def at(self, natural: np.ndarray) -> float:
        """Its value, given the natural values of all coordinates."""
        own = self.value if self.place is None else self.factor * float(natural[self.place])
        if not self.times and not self.plus:
            return own
        return own * float(np.prod(natural[list(self.times)])) + sum(each.at(natural) for each in self.plus)

    @property
    def plain(self) -> bool:
        """Whether it is a number, or a coordinate as it is."""
        return self.factor == 1 and not self.times and not self.plus

    @property
    def places(self) -> set[int]:
        """Places of all coordinates that have a part in it."""
        own = set(self.times) if self.place is None else {self.place, *self.times}
        return own.union(*(each.places for each in self.plus))
