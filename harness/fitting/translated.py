"""A fit handed over to another tool: its model, its data, and whose the subjects are.

Promise: the files are those that the tool's own readers take; they are written, and not run here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.files import write_table, write_whole
from harness.fitting.handover import Handover
from harness.fitting.nlmixr2 import nlmixr2_data, nlmixr2_text
from harness.fitting.nonmem import nonmem_data, nonmem_text

__all__ = ["DATA", "SUBJECTS", "TOOLS", "Tool", "write_for"]

DATA, SUBJECTS = "data.csv", "subjects.csv"


@dataclass(frozen=True)
class Tool:
    """A tool: the name of its model's file, and what writes model and data."""

    model: str
    text: Callable[[Handover], str]
    data: Callable[[Handover], pd.DataFrame]


TOOLS: Mapping[str, Tool] = {
    "nlmixr2": Tool("model.R", nlmixr2_text, nlmixr2_data),
    "nonmem": Tool("model.ctl", nonmem_text, nonmem_data),
}


def write_for(tool: Tool, parts: Handover, folder: Path) -> None:
    """Write a fit for a tool into a folder, which is made where there is none.

    Raises
    ------
    InputError
        When the tool has no place for something of it; nothing is written then.
    """
    text, data = tool.text(parts), tool.data(parts)
    folder.mkdir(exist_ok=True)
    write_whole(folder / tool.model, lambda path: path.write_text(text, encoding="utf-8"))
    write_table(data, folder / DATA)
    write_table(parts.subjects, folder / SUBJECTS)
