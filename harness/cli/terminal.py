"""What the commands show on a terminal: tables, progress, and what an interruption left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["if_interrupted", "interruption", "is_wide", "plain_table", "print_table", "progress_bar"]


MOST = 100_000
"""Columns of a table on a terminal: beyond any."""

WIDE = 120
"""Columns of a terminal from which on whole sentences are shown."""


def _console() -> Console:
    """Console on standard output: 180 columns where there is no terminal to ask, and never below 100."""
    found = Console()
    found.width = max(found.width, 100) if found.is_terminal else 180
    return found


def is_wide() -> bool:
    """Whether whole sentences have a place beside the columns of a table."""
    return _console().width >= WIDE


def print_table(table: Table) -> None:
    """Print a table on standard output: a terminal that is narrower wraps its lines; nothing is cut."""
    out = _console()
    if all(column.no_wrap for column in table.columns):
        out.width = max(out.width, Measurement.get(out, out.options.update(width=MOST), table).maximum)
    out.print(table)


def plain_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without frame, whose columns are not folded; those in `right` are numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right" if column in right else "left")
    return table


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and remaining time on standard error; silent where that is no terminal.

    It writes to a descriptor of its own, because the engine silences the usual ones while it integrates.
    """
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as stream:
        shown = Console(file=stream, force_terminal=sys.stderr.isatty() or None)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=shown, transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(label, total=total, rate="")
            started = time.monotonic()

            def advance(count: int) -> None:
                bar.advance(task, count)
                spent = max(time.monotonic() - started, 1e-9)
                bar.update(task, rate=f"{bar.tasks[0].completed / spent:.0f}/s")

            yield advance


_interruption = ""


@contextmanager
def if_interrupted(say: Callable[[], str]) -> Iterator[None]:
    """Within it, Ctrl-C is told together with what `say` returns then."""
    global _interruption
    try:
        yield
    except KeyboardInterrupt:
        _interruption = say()
        raise


def interruption() -> str:
    """What is to be said of an interruption; empty when there is nothing to add."""
    return _interruption
