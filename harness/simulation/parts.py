"""Finished chunks of a long run, kept beside its result until that is complete.

Promise: unfinished work is never overwritten silently, and never mixed with that of another study; the result
is put together in the order of the design, in constant memory, from chunks that are whole (see
:mod:`harness.simulation.kept`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import InputError
from harness.files import check_path, write_whole
from harness.identity import key_of
from harness.simulation.kept import KeptParts, count_in
from harness.simulation.study import ChunkResult

if TYPE_CHECKING:
    from harness.simulation.plan import Plan

__all__ = ["STREAMED", "Parts"]

STREAMED = (".csv", ".parquet")


class Parts:
    """The folder ``NAME.parts`` beside the result NAME; to be entered, so that another run can follow."""

    def __init__(self, out: Path, planned: Plan, resume: bool) -> None:
        check_path(out, STREAMED)
        self._out = out
        self._plan = planned
        self._kept = KeptParts(_folder(out), key_of(planned), resume, work="run", parts="chunks")

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_error: object) -> None:
        self._kept.close()

    @property
    def damaged(self) -> int:
        """How many chunks were there and not whole."""
        return self._kept.damaged

    def has(self, start: int) -> bool:
        """Whether the chunk that starts at a row is kept already, whole."""
        return self._kept.get(_name(start)) is not None

    def add(self, result: ChunkResult) -> None:
        """Keep one chunk."""
        design = self._plan.design.table.iloc[result.start : result.start + len(result)]
        rows = pa.table(
            {
                "run": pa.array(range(result.start, result.start + len(result)), pa.int64()),
                "status": pa.array(result.status, pa.string()),
                **{name: pa.array(design[name]) for name in self._plan.shown},
                **{name: pa.array(values, from_pandas=True) for name, values in result.columns.items()},
                "reason": pa.array(result.reason, pa.string()),
                "engine": pa.array([self._plan.study.engine] * len(result), pa.string()),
            }
        )
        content = pa.BufferOutputStream()
        pq.write_table(rows, content)
        self._kept.put(_name(result.start), content.getvalue().to_pybytes())

    def merge(self) -> dict[str, int]:
        """Write the result in the order of the design, remove the folder, and return runs by status.

        Raises
        ------
        InputError
            When the file cannot be written, or a chunk is not whole any more.
        """
        counts: Counter[str] = Counter()
        write_whole(self._out, lambda path: self._write(path, counts))
        self._kept.clear()
        return dict(counts)

    def _write(self, path: Path, counts: Counter[str]) -> None:
        if self._out.suffix.lower() == ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                for i, rows in enumerate(self._tables(counts)):
                    rows.to_pandas().to_csv(file, index=False, header=i == 0)
            return
        tables = self._tables(counts)
        first = next(tables)
        with pq.ParquetWriter(path, first.schema) as writer:
            writer.write_table(first)
            for rows in tables:
                writer.write_table(rows)

    def _tables(self, counts: Counter[str]) -> Iterator[pa.Table]:
        """Every chunk in the order of the design; `counts` counts the runs by status."""
        for start in range(0, len(self._plan), self._plan.chunk):
            content = self._kept.get(_name(start))
            if content is None:
                where = f"{self._kept.folder}: the chunk of row {start}"
                raise InputError(f"{where} was damaged meanwhile; go on with --resume")
            rows = pq.read_table(pa.BufferReader(content))
            counts.update(rows.column("status").to_pylist())
            yield rows

    @staticmethod
    def left_beside(out: Path, planned: Plan) -> str:
        """What an interruption left: how many chunks are kept, and how to go on."""
        total = -(-len(planned) // planned.chunk)
        folder = _folder(out)
        return f"with {count_in(folder)} of {total} chunks kept in {folder}; --resume goes on with them"


def _folder(out: Path) -> Path:
    return out.with_name(out.name + ".parts")


def _name(start: int) -> str:
    return f"{start:09d}"
