"""The versions that are declared and those that are tested, and the Pythons that the Makefile looks for."""

import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.models.card import repository

ROOT = repository()
FILES = sorted(path.name for path in ROOT.glob("constraints*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
UNTESTED = {"amici"}  # has an environment of its own
DECLARED = {
    canonicalize_name(each.name): each.specifier
    for text in [
        *PROJECT["dependencies"],
        *(d for name in EXTRAS if name not in UNTESTED for d in EXTRAS[name]),
    ]
    if (each := Requirement(text)).name != PROJECT["name"]
}


def pinned(file):
    """Names and versions that a file of constraints holds; a line of another form is none."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    pairs = [re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][0-9A-Za-z.]*)", line) for line in lines]
    assert all(pairs), [line for line, pair in zip(lines, pairs, strict=True) if pair is None]
    return {canonicalize_name(name): version for name, version in (pair.groups() for pair in pairs)}


def test_there_are_constraints_for_each_python_and_for_the_lowest_versions():
    assert FILES == [
        "constraints-3.12.txt",
        "constraints-3.13.txt",
        "constraints-lowest.txt",
        "constraints.txt",
    ]


@pytest.mark.parametrize("file", FILES)
def test_constraints_are_names_and_versions_and_hold_all_that_is_declared(file):
    versions = pinned(file)
    missing = DECLARED.keys() - versions.keys()
    assert not missing
    assert not {name for name, bounds in DECLARED.items() if not bounds.contains(versions[name])}


def test_the_lowest_versions_are_the_declared_bounds():
    versions = pinned("constraints-lowest.txt")
    for name, bounds in DECLARED.items():
        (bound,) = bounds
        assert bound.operator == ">=", name
        assert bounds.__class__(f"=={bound.version}").contains(versions[name]), (name, bound, versions[name])


@pytest.fixture
def pyenv(tmp_path):
    """A folder of pyenv that says it holds 3.98.0, which runs, and 3.98.1, which does not."""
    for version, body in (("3.98.0", "echo /found/3.98.0"), ("3.98.1", "exit 1")):
        python = tmp_path / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\n{body}\n")
        python.chmod(0o755)
    return tmp_path


def find(wanted, pyenv):
    command = [ROOT / ".ci" / "find-python", wanted]
    environment = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(pyenv)}
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)


def test_a_python_is_found_where_pyenv_holds_it_when_it_runs(pyenv):
    assert find("python3.98", pyenv).stdout == "/found/3.98.0\n"


def test_a_python_that_is_absent_is_told_and_none_is_taken_for_it(pyenv):
    found = find("python3.97", pyenv)
    assert (found.returncode, found.stdout, found.stderr) == (
        1,
        "",
        "python3.97: not found on this machine\n",
    )


def test_all_pythons_are_looked_for_before_one_is_tested(pyenv):
    arguments = ["make", "test-pythons", "PYTHONS=python3.97 python3.96", "PYTHON=/bin/sh"]
    environment = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(pyenv)}
    made = subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert made.returncode == 2
    assert "python3.97: not found" in made.stderr
    assert "python3.96: not found" in made.stderr
    assert "pytest" not in made.stdout


def test_the_integration_runs_the_quick_tests_on_the_pythons_there_are_and_prints_the_others(pyenv, tmp_path):
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, body in (
        ("python3", f'exec {sys.executable} "$@"'),
        ("python3.12", "exit 1"),
        ("python3.13", "echo /found/3.13"),
        ("make", 'echo make "$@"'),
        ("chromium", "exit 1"),
    ):
        (commands / name).write_text(f"#!/bin/sh\n{body}\n")
        (commands / name).chmod(0o755)
    environment = {"PATH": f"{commands}:/usr/bin:/bin", "PYENV_ROOT": str(pyenv)}
    done = subprocess.run(
        [ROOT / ".ci" / "run"], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    *everyday, absent, found, quick = done.stdout.splitlines()
    assert [line.split()[1] for line in everyday if line.startswith("make")] == ["test", "lint", "docs"]
    assert absent == "== quick tests: no python3.12, left out"
    assert (found, quick) == ("== quick tests: /found/3.13", "make test-quick PYTHON=python3.13")
