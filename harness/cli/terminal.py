"""How the commands print tables: as wide as the terminal, and wide enough for any column elsewhere."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

__all__ = ["console", "plain_table"]


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
