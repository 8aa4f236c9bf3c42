"""The ledger of discrepancies: where the article, its table, its code and its figures disagree.

Promise: ``validation/ledger.yaml`` holds one row a discrepancy, and an id that anything cites is in it.
"""

from __future__ import annotations

from harness.declarations import Declaration, read_often
from harness.models.card import repository

__all__ = ["Discrepancy", "read_ledger"]


class Discrepancy(Declaration):
    """One row: what disagrees, what is done here, and why.

    `topic` is what it is about in a few words, as they stand within a sentence; `readings` are names for
    ``--reading``, model by model; `scored` are the targets whose scores tell what each way of reading gives.
    """

    topic: str
    statement: str
    choice: str
    reason: str
    readings: dict[str, tuple[str, ...]] = {}
    scored: dict[str, tuple[str, ...]] = {}


class Ledger(Declaration):
    """The whole file."""

    discrepancies: dict[str, Discrepancy]


def read_ledger() -> dict[str, Discrepancy]:
    """All rows, by id."""
    return read_often(repository() / "validation" / "ledger.yaml", Ledger).discrepancies
