"""What the models of the article are for, and what not: one file, in words, with rows of the ledger.

Promise: a row that is named is there.
"""

from __future__ import annotations

from pathlib import Path

from harness.declarations import Declaration, read_declaration
from harness.errors import unknown_name
from harness.models.card import repository
from harness.validation.ledger import read_ledger

__all__ = ["IntendedUse", "Limit", "read_intended"]


class Limit(Declaration):
    """Something that the models do not give, and the row of the ledger that says more."""

    said: str
    ledger: str


class IntendedUse(Declaration):
    """What the models are for, what they are not for, and their limits, each in a sentence or two."""

    intended: tuple[str, ...]
    not_intended: tuple[str, ...]
    limits: tuple[Limit, ...]


def read_intended(path: Path | None = None) -> IntendedUse:
    """The file; by default ``validation/model_card.yaml``.

    Raises
    ------
    InputError
        When it is missing or broken, or names a row that the ledger does not have.
    """
    path = path or repository() / "validation" / "model_card.yaml"
    found, rows = read_declaration(path, IntendedUse), read_ledger()
    for limit in found.limits:
        if limit.ledger not in rows:
            raise unknown_name(f"row of the ledger in {path}", limit.ledger, rows)
    return found
