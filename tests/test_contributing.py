"""The recipes of CONTRIBUTING.md, carried out as they are written, each in a copy of the project."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from harness.models.card import repository

ROOT = repository()
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", TEXT, re.M | re.S))
BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`(?P<new>, new)?:\n\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```\n", re.M | re.S
)
COPIED = ("harness", "models_antimony", "sbml", "validation")
CART = "import shlex, sys; from harness.cli.main import run; sys.exit(run(shlex.split(sys.argv[1])[1:]))"


@pytest.fixture
def copy(tmp_path):
    """A copy of what the commands read and write."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def change(path, diff):
    """Put the new lines of a diff in place of its old ones, which stand in the file once."""
    old, new = (
        "".join(line[1:] for line in diff.splitlines(True) if line[0] in kept) for kept in (" -", " +")
    )
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} holds {text.count(old)} times:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def type_in(folder, session):
    """Run each command of a session; what follows it stands in what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "160"}
    for command, expected in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", session, re.M):
        typed = [sys.executable, "-c", CART, command] if command.startswith("cart ") else shlex.split(command)
        done = subprocess.run(
            typed, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        for line in expected.splitlines():
            assert line in done.stdout, f"{command}\n{done.stdout}{done.stderr}"


def test_there_is_a_recipe_for_each_kind_of_part():
    kinds = [
        "A model",
        "A model of another article",
        "A reading",
        "An endpoint",
        "A measure",
        "A study",
        "An export",
    ]
    assert list(RECIPES) == kinds


EVERYDAY = ("A model", "A reading", "A study")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in EVERYDAY else pytest.mark.slow) for name in RECIPES]
)
def test_a_recipe_does_what_it_says(copy, name):
    file, sessions = None, 0
    for block in BLOCK.finditer(RECIPES[name]):
        file = block["file"] or file
        if block["kind"] == "console":
            type_in(copy, block["body"])
            sessions += 1
        elif block["new"]:
            (copy / file).parent.mkdir(exist_ok=True)
            with (copy / file).open("x", encoding="utf-8") as opened:
                opened.write(block["body"])
        else:
            assert block["kind"] == "diff"
            change(copy / file, block["body"])
    assert sessions == 1


def test_hooks_before_a_commit_are_those_of_lint_and_fetch_nothing():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repo["repo"] == "local"
    assert [(hook["entry"], hook["language"]) for hook in repo["hooks"]] == [("make lint", "system")]
