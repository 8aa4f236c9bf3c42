"""Thresholds of targets, and those that each claim asks for, fixed before anything was scored.

Promise: ``validation/claims.yaml`` holds what the claims ask for, and nothing else. A threshold that is not
there says why it is what it is.
"""

from __future__ import annotations

from pydantic import model_validator

from harness.declarations import Declaration, read_often
from harness.models.card import repository

__all__ = ["Threshold", "read_claims"]


class Threshold(Declaration):
    """The condition a score must meet: a bound, two bounds, or a value and how near it must be.

    `because` says why it is this one, where the claim does not ask for it as it stands.
    """

    at_least: float | None = None
    at_most: float | None = None
    near: float | None = None
    within: float | None = None
    within_percent: float | None = None
    because: str | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Threshold:
        bounds = self.at_least is not None or self.at_most is not None
        if (self.near is not None) == bounds:
            raise ValueError("give at_least and/or at_most, or near with within or within_percent")
        if self.near is not None and (self.within is None) == (self.within_percent is None):
            raise ValueError("near needs either within or within_percent")
        return self

    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score that meet it."""
        if self.near is not None:
            percent = self.within_percent or 0.0
            width = self.within if self.within is not None else abs(self.near) * percent / 100
            return self.near - width, self.near + width
        low = self.at_least if self.at_least is not None else float("-inf")
        high = self.at_most if self.at_most is not None else float("inf")
        return low, high

    def __str__(self) -> str:
        if self.near is not None:
            width = f"{self.within:g}" if self.within is not None else f"{self.within_percent:g} %"
            return f"{self.near:g} ± {width}"
        parts = [f"≥ {self.at_least:g}"] if self.at_least is not None else []
        parts += [f"≤ {self.at_most:g}"] if self.at_most is not None else []
        return " and ".join(parts)


class Claims(Declaration):
    """The whole file: by claim, the thresholds that it asks for; none for one that only shows numbers."""

    claims: dict[str, tuple[Threshold, ...]]


def read_claims() -> dict[str, tuple[Threshold, ...]]:
    """Thresholds by claim."""
    return read_often(repository() / "validation" / "claims.yaml", Claims).claims
