"""What the commands show on a terminal: tables, progress, and what an interruption left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["console", "if_interrupted", "interruption", "plain_table", "progress_bar"]


def console() -> Console:
    """Console on standard output: 180 columns where there is no terminal to ask, and never below 100.

    A terminal that is narrower wraps the lines; nothing is cut.
    """
    found = Console()
    found.width = max(found.width, 100) if found.is_terminal else 180
    return found


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
