"""The record that a command leaves in a folder of its results: itself as it was typed, and what it read."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path

__all__ = ["TYPED", "leave_record"]

TYPED: ContextVar[Sequence[str]] = ContextVar("TYPED", default=())
"""The arguments of the command that runs."""


def leave_record(folder: Path, read: Iterable[Path], written: Iterable[str]) -> None:
    """Say in a folder what made its files, once they are there."""
    from harness.models.card import repository
    from harness.records import make_record

    there = [path for path in read if path.is_file()]
    command = shlex.join(["cart", *TYPED.get()])
    make_record(folder, command, there, written, repository()).save(folder)
