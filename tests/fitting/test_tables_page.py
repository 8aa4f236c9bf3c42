"""The page on tables: its commands are run as they stand, from the files to the figures."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest

from harness.cli.main import run
from harness.models.card import repository

PAGE = (repository() / "docs" / "tables.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (cart .*)$", PAGE, re.MULTILINE)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with the examples in it, and a place to write to."""
    shutil.copytree(repository() / "examples", tmp_path / "examples")
    (tmp_path / "build").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_commands_of_the_page_go_from_files_to_figures(clone, capfd):
    assert len(COMMANDS) >= 4
    for line in COMMANDS:
        assert run(shlex.split(line)[1:]) == 0, (line, capfd.readouterr().err)
        out = re.search(r"--out (\S+)", line)
        if out and " fit " in line:
            drawn = clone / out[1] / "predictions.png"
            assert drawn.stat().st_size > 10_000, line


def test_every_usual_column_has_its_row():
    from harness.fitting.long_table import REMARK, STANDARD

    told = " ".join(re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE))
    assert {*STANDARD, REMARK} == set(re.findall(r"`(\w+)`", told))
