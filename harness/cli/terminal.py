"""What the commands show on a terminal: tables, progress, and what an interruption left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from harness.errors import InputError

__all__ = [
    "if_interrupted",
    "interruption",
    "is_wide",
    "plain_table",
    "print_table",
    "progress_bar",
    "task_progress",
]


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


PAUSE = 5.0
"""Seconds between two lines on what is done, and before the first."""


class _Tasks:
    """Tasks of known names and of about known lengths: what is done of them, and how long the rest takes."""

    def __init__(self, label: str, seconds: Mapping[str, float], workers: int, after: float) -> None:
        self.label, self.seconds, self.workers, self.after = label, seconds, workers, after
        self.shares = dict.fromkeys(seconds, 0.0)
        self.total = sum(seconds.values()) + after
        self.started = time.monotonic()
        self.last = ""

    def tell(self, name: str, share: float) -> None:
        """Note how much of a task is done."""
        self.shares[name] = share
        self.last = name

    def left(self) -> float:
        """Seconds that are left: by what is known beforehand, the less the longer it runs."""
        spent = time.monotonic() - self.started
        done = sum(self.seconds[name] * share for name, share in self.shares.items())
        prior = self.total / 4
        rate = (done + prior) / (spent + prior / self.workers) if prior else 1.0
        return (self.total - done) / rate

    def line(self) -> str:
        """How many are done, how long the rest takes, and what was done last."""
        done = sum(share >= 1 for share in self.shares.values())
        said = f"{done}/{len(self.shares)} {self.label}, about {_clock(self.left())} left"
        return f"{said}; {self.last}" if self.last else said


@contextmanager
def task_progress(
    label: str, seconds: Mapping[str, float], workers: int, after: float = 0.0
) -> Iterator[Callable[[str, float], None]]:
    """What is being done, and how long it will take, on standard error, by the seconds that each task takes.

    A line that changes on a terminal; elsewhere a line now and then, and none when all is done in a moment.
    `after` are the seconds of what follows.
    """
    tasks = _Tasks(label, seconds, workers, after)
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1) as stream:
        if sys.stderr.isatty():
            yield from _on_terminal(tasks, stream)
        else:
            yield from _in_lines(tasks, stream)


def _on_terminal(tasks: _Tasks, stream: TextIO) -> Iterator[Callable[[str, float], None]]:
    console = Console(file=stream, force_terminal=True)
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task(tasks.line(), total=tasks.total)

        def tell(name: str, share: float) -> None:
            tasks.tell(name, share)
            done = sum(tasks.seconds[each] * part for each, part in tasks.shares.items())
            bar.update(shown, completed=done, description=tasks.line())

        yield tell


def _in_lines(tasks: _Tasks, stream: TextIO) -> Iterator[Callable[[str, float], None]]:
    said = tasks.started
    if tasks.total > PAUSE * tasks.workers:
        print(f"cart: {tasks.line()}", file=stream)

    def tell(name: str, share: float) -> None:
        nonlocal said
        tasks.tell(name, share)
        now = time.monotonic()
        if now - said >= PAUSE:
            said = now
            print(f"cart: {tasks.line()}", file=stream)

    yield tell


def _clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


_interruption = ""


@contextmanager
def if_interrupted(say: Callable[[], str]) -> Iterator[None]:
    """Within it, Ctrl-C is told together with what `say` returns then, and an error that it leads to."""
    global _interruption
    try:
        yield
    except (KeyboardInterrupt, InputError):
        _interruption = say()
        raise


def interruption() -> str:
    """What is to be said of an interruption; empty when there is nothing to add."""
    return _interruption
