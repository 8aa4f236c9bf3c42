"""The page on tables: its commands are run as they stand, from the files to the figures."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from harness.models.card import repository

PAGE = (repository() / "docs" / "tables.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (cart .*)$", re.sub(r" \\\n +", " ", PAGE), re.MULTILINE)


@pytest.fixture
def clone(tmp_path):
    """A copy of the repository with what the commands read, and a place to write to."""
    for name in ("examples", "harness", "models_antimony", "sbml", "validation"):
        shutil.copytree(repository() / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "build").mkdir()
    return tmp_path


def cart(line, folder):
    """Run a command in a clone, with the code of the clone; its output."""
    call = "import sys; from harness.cli.main import run; sys.exit(run(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    arguments = [sys.executable, "-c", call, *shlex.split(line)[1:]]
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


@pytest.mark.slow
def test_the_commands_of_the_page_go_from_files_to_figures(clone):
    written = [line for line in COMMANDS if "examples/" in line or "report" in line]
    assert len(written) == 9
    said = {line: cart(line, clone) for line in written}
    for name in ("patients", "assay", "figure"):
        assert (clone / "build" / name / "predictions.png").stat().st_size > 10_000, name
    page = (clone / "build" / "fig3.html").read_text("utf-8")
    scored = cart("cart validate fig3", clone)
    for arm, verdict in (("50", "no data"), ("150", "shown"), ("450", "shown"), ("800", "no data")):
        assert re.search(rf"C6-transgene-{arm} .* {verdict} ", scored), arm
    assert "with observations of" in page
    assert "6 arms, 9 doses, 87 observations, 19 of them censored; 1 rows left out" in said[written[0]]
    with pytest.raises(AssertionError, match="has 7 rows of transgene, 150e6 already; take them out first"):
        cart(next(line for line in written if "--panel" in line), clone)


def test_every_usual_column_has_its_row():
    from harness.fitting.long_cells import REMARK, STANDARD

    told = " ".join(re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE))
    assert {*STANDARD, REMARK} == set(re.findall(r"`(\w+)`", told))
