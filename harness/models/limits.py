"""Values that a symbol can have at all: a share is from 0 to 1, what divides is above 0.

Promise: a value outside its limits means nothing in its model, and is refused wherever one is given. The
sensible ranges of harness.models.attributes are another thing: a value outside of those is told, and run.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import model_validator

from harness.declarations import Declaration

__all__ = ["NOT_NEGATIVE", "POSITIVE", "Limits"]


class Limits(Declaration):
    """From `least`, or from `above` a number, to `most`, in the unit of the model; either end may be open."""

    least: float | None = None
    above: float | None = None
    most: float | None = None

    @model_validator(mode="after")
    def _leaves_values(self) -> Limits:
        if self.least is not None and self.above is not None:
            raise ValueError("give least or above, not both")
        low = self.least if self.above is None else self.above
        if low is None and self.most is None:
            raise ValueError("give least, above or most")
        if low is not None and self.most is not None and not low < self.most:
            raise ValueError(f"leave no value between {low:g} and {self.most:g}")
        return self

    def beyond(self, values: np.ndarray) -> np.ndarray:
        """Which values are outside, shape of `values`; NaN is not."""
        found = np.zeros(np.shape(values), bool)
        for bad, end in ((np.less, self.least), (np.less_equal, self.above), (np.greater, self.most)):
            if end is not None:
                found |= bad(values, end)
        return found

    def excludes(self, value: float) -> bool:
        """Whether one value is outside."""
        return not math.isnan(value) and bool(self.beyond(np.array(value)))

    def times(self, factor: float) -> Limits:
        """The same limits in another unit."""
        ends = {name: end * factor for name, end in self.model_dump(exclude_none=True).items()}
        return Limits(**ends)

    @property
    def said(self) -> str:
        """What a value must be, in words."""
        if self.above is not None:
            low = "positive" if self.above == 0 else f"above {self.above:g}"
            return f"must be {low}" + ("" if self.most is None else f", at most {self.most:g}")
        if self.least is None:
            return f"must be at most {self.most:g}"
        if self.most is not None:
            return f"must be from {self.least:g} to {self.most:g}"
        return "must not be negative" if self.least == 0 else f"must be at least {self.least:g}"


NOT_NEGATIVE, POSITIVE = Limits(least=0), Limits(above=0)
