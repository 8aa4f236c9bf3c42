"""A number of a fit that is given, or that a coordinate estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Size"]


@dataclass(frozen=True)
class Size:
    """A number that is given, or `factor` times the coordinate at place `place` that estimates it."""

    value: float = 0.0
    place: int | None = None
    factor: float = 1.0

    def at(self, natural: np.ndarray) -> float:
        """Its value, given the natural values of all coordinates."""
        return self.value if self.place is None else self.factor * float(natural[self.place])
