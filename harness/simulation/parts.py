"""Finished chunks of a long run, kept beside its result until that is complete.

Promise: a chunk is kept whole or not at all; unfinished work is never overwritten silently, and never mixed
with that of another study; the result is put together in the order of the design, in constant memory.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import InputError
from harness.identity import key_of
from harness.simulation.files import check_path, write_whole
from harness.simulation.study import ChunkResult

if TYPE_CHECKING:
    from harness.simulation.plan import Plan

__all__ = ["STREAMED", "Parts"]

STREAMED = (".csv", ".parquet")


class Parts:
    """The folder ``NAME.parts`` beside the result NAME."""

    def __init__(self, out: Path, planned: Plan, resume: bool) -> None:
        check_path(out, STREAMED)
        self._out = out
        self._plan = planned
        self.folder = out.with_name(out.name + ".parts")
        fingerprint = key_of(planned)
        if self.folder.exists():
            self._take_over(fingerprint, resume)
            return
        try:
            self.folder.mkdir()
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be made: {error.strerror or error}") from None
        try:
            write_whole(self.folder / "study.txt", lambda p: p.write_text(fingerprint, encoding="utf-8"))
        except InputError:
            shutil.rmtree(self.folder)
            raise

    def has(self, start: int) -> bool:
        """Whether the chunk that starts at a row is kept already."""
        return self._path(start).exists()

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
            }
        )
        write_whole(self._path(result.start), lambda p: pq.write_table(rows, p))

    def merge(self) -> dict[str, int]:
        """Write the result in the order of the design, remove the folder, and return runs by status."""
        paths = [self._path(start) for start in range(0, len(self._plan), self._plan.chunk)]
        counts: Counter[str] = Counter()

        def tables() -> Iterator[pa.Table]:
            for part in paths:
                rows = pq.read_table(part)
                counts.update(rows.column("status").to_pylist())
                yield rows

        def write(path: Path) -> None:
            if self._out.suffix.lower() == ".csv":
                with path.open("w", newline="", encoding="utf-8") as file:
                    for i, rows in enumerate(tables()):
                        rows.to_pandas().to_csv(file, index=False, header=i == 0)
                return
            with pq.ParquetWriter(path, pq.read_schema(paths[0])) as writer:
                for rows in tables():
                    writer.write_table(rows)

        write_whole(self._out, write)
        shutil.rmtree(self.folder)
        return dict(counts)

    @staticmethod
    def left_beside(out: Path, planned: Plan) -> str:
        """What an interruption left: how many chunks are kept, and how to go on."""
        folder = out.with_name(out.name + ".parts")
        kept = len(list(folder.glob("*.parquet")))
        total = -(-len(planned) // planned.chunk)
        return f"with {kept} of {total} chunks kept in {folder}; --resume goes on with them"

    def _take_over(self, fingerprint: str, resume: bool) -> None:
        kept = len(list(self.folder.glob("*.parquet")))
        if not resume:
            raise InputError(
                f"{self.folder}: {kept} chunks of an unfinished run; go on with --resume or remove the folder"
            )
        try:
            found = (self.folder / "study.txt").read_text(encoding="utf-8")
        except OSError:
            found = ""
        if found != fingerprint:
            raise InputError(f"{self.folder}: belongs to another study; remove the folder to start anew")

    def _path(self, start: int) -> Path:
        return self.folder / f"{start:09d}.parquet"
