"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from typing import Any

from typer.main import get_command

from docs.site.compose import cell
from harness.cli.examples import EXAMPLES
from harness.cli.main import app_of

__all__ = ["all_commands", "commands_page"]


def all_commands() -> dict[str, Any]:
    """Every command of `cart`, by name."""
    return dict(get_command(app_of([])).commands)


def commands_page() -> str:
    """Each command: what it does, what it takes, and an example."""
    lines = [
        "# The command line",
        "",
        "`cart COMMAND --help` prints the same. Which commands share an option is in",
        "[running](../running.md#what-every-command-takes).",
    ]
    for name, command in all_commands().items():
        lines += ["", f"## cart {name}", "", _paragraphs(command.help or "")]
        lines += ["", *_table(name, command), "", *(f"    {example}" for example in EXAMPLES[name])]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> str:
    return inspect.cleandoc(text).replace("\f", "")


def _table(name: str, command: Any) -> list[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    rows = [record for each in command.get_params(context) if (record := _row(each, context))]
    return ["| argument or option | what it is |", "|---|---|", *rows]


def _row(parameter: Any, context: Any) -> str:
    record = parameter.get_help_record(context)
    if record is None or "--help" in parameter.opts:
        return ""
    name, said = record
    name = re.sub(r" <\S+>$", "", " ".join(name.split()))  # the type of an argument
    return f"| `{name.replace('|', chr(92) + '|')}` | {cell(said)} |"
