"""Sparse elimination without pivoting, planned once for a pattern of entries.

Promise: the order of the pivots keeps few entries (the smallest product of the entries beside a pivot, after
Markowitz), and depends on the pattern alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Elimination", "plan_elimination"]

Entry = tuple[int, int]


@dataclass(frozen=True)
class Elimination:
    """Plan for one pattern.

    Attributes
    ----------
    order
        Pivots, all on the diagonal.
    entries
        Every entry of the two factors, those of the pattern and those that fill in.
    """

    order: tuple[int, ...]
    entries: tuple[Entry, ...]

    def below(self, pivot: int) -> list[int]:
        """Rows from which a pivot is eliminated."""
        later = self.order[self.order.index(pivot) + 1 :]
        return [row for row in later if (row, pivot) in self._present]

    def right(self, pivot: int) -> list[int]:
        """Columns of a pivot's row that are eliminated after it."""
        later = self.order[self.order.index(pivot) + 1 :]
        return [column for column in later if (pivot, column) in self._present]

    @property
    def _present(self) -> frozenset[Entry]:
        return frozenset(self.entries)


def plan_elimination(size: int, pattern: Iterable[Entry]) -> Elimination:
    """Plan the elimination of a matrix with entries at `pattern` and on its whole diagonal."""
    present = {*pattern, *((i, i) for i in range(size))}
    left, order = set(range(size)), []

    def beside(pivot: int) -> tuple[int, int]:
        rows = sum((row, pivot) in present for row in left) - 1
        columns = sum((pivot, column) in present for column in left) - 1
        return rows * columns, pivot

    while left:
        pivot = min(left, key=beside)
        left.remove(pivot)
        order.append(pivot)
        rows = [row for row in left if (row, pivot) in present]
        present.update([(row, column) for row in rows for column in left if (pivot, column) in present])
    return Elimination(tuple(order), tuple(sorted(present)))
