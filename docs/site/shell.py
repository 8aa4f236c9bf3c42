"""The command lines of the pages: what each page has a reader type, and what it gives for that.

Promise: every line that begins with `cart`, in a block or between backticks in a sentence, is read by its
command, with all its options; one that the command would refuse is told. Nothing is run here: `lines.py`,
notebooks and tests do that.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import typer

from docs.site.commands import all_commands
from docs.site.compose import pages_of_project, parts

__all__ = ["Given", "Typed", "commands_of", "refused_lines", "steps_of"]

WRITES = re.compile(r"(?::.*\n|\n)*%%writefile (?P<name>\S+)\n(?P<text>(?s:.*))")
SPAN = re.compile(r"(?<!`)`(cart [a-z]+ [^`&]+)`")
TYPED = re.compile(r"(?:\$ )?(?P<text>(?:cart|python|mkdir) .+?)(?: +# (?P<remark>.*))?")
NAMED = re.compile(r"`([\w-]+\.\w+)`")


@dataclass(frozen=True)
class Typed:
    """A command line, the number of its line in the page, and what is remarked on it."""

    number: int
    text: str
    remark: str


@dataclass(frozen=True)
class Given:
    """A file that a page gives: a cell that writes it, or the block after a sentence that names it."""

    name: str
    text: str


def steps_of(text: str) -> Iterator[Typed | Given]:
    """What a reader of a page types and writes, block by block in its order."""
    said, number = "", 1
    for (is_code, is_blank), group in groupby(parts(text), lambda part: (part[1], not any(part))):
        block = [line for line, _ in group]
        if is_code:
            yield from _steps_of_block(block, number, said)
        if not is_blank:
            said = "" if is_code else " ".join(block)
        number += len(block)


def _steps_of_block(block: list[str], number: int, said: str) -> list[Given] | list[Typed]:
    if not block[0].startswith("    "):  # between the marks of a fence
        block, number = block[1:-1], number + 1
    text = textwrap.dedent("".join(f"{line}\n" for line in block))
    written = WRITES.fullmatch(text)
    if written:
        return [Given(written["name"], written["text"])]
    names = NAMED.findall(said.rpartition(". ")[2]) if said.endswith(":") else []
    return list(_typed(text, number)) or [Given(name, text) for name in names[-1:]]


def _typed(text: str, number: int) -> Iterator[Typed]:
    """Command lines of a block, which begins at a line of the page, each in one piece."""
    for line in text.replace("\\\n", "\0").splitlines():
        found = TYPED.fullmatch(line.replace("\0", ""))
        if found:
            yield Typed(number, found["text"], found["remark"] or "")
        number += 1 + line.count("\0")


def commands_of(text: str) -> Iterator[str]:
    """Command lines of `cart` that a page has: in its blocks of code, and in its sentences and tables."""
    for step in steps_of(text):
        if isinstance(step, Typed) and step.text.startswith("cart "):
            yield step.text
    for line, is_code in parts(text):
        yield from [] if is_code else SPAN.findall(line.replace("\\|", "|"))


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
