"""The command lines of the pages: each is one that `cart` takes.

Promise: every line of a block that begins with `cart` is read by its command, with all its options; one that
the command would refuse is told. Nothing is run here: notebooks and tests do that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from docs.site.commands import all_commands
from docs.site.compose import pages_of_project

__all__ = ["commands_of", "refused_lines"]

LINE = re.compile(r"^(?: {4}|\$ )?(cart .+)$")


def commands_of(text: str) -> Iterator[str]:
    """Command lines of a page, in its blocks of code, each in one piece."""
    for line in text.replace("\\\n", " ").splitlines():
        found = LINE.match(line)
        if found and (line[0] in " $" or "`" not in line):
            yield re.split(r" +# ", found[1])[0]


def refused_lines(root: Path) -> Iterator[str]:
    """Each line that its command does not take, with its page and why."""
    commands = all_commands()
    for page in (*pages_of_project(root), Path("README.md")):
        for line in commands_of((root / page).read_text("utf-8")):
            told = _refusal(line, commands)
            if told:
                yield f"{page}: {line}: {told}"


def _refusal(line: str, commands: dict[str, Any]) -> str:
    _, *words = shlex.split(line)
    name = words[0] if words else ""
    if name not in commands:
        return f"there is no command {name}"
    try:
        commands[name].make_context(name, words[1:])
    except typer.TyperException as error:
        return error.format_message()
    return ""
