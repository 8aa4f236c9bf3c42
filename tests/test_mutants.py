"""Mutants: which there are, which are drawn, and with which tests each is tried."""

import ast
from pathlib import Path

import pytest

from benchmarks.mutants.__main__ import ROOT, read_equivalent
from benchmarks.mutants.draw import draw, mutants_of
from benchmarks.mutants.reach import Reach

CODE = '''"""A module."""

from math import cos

__all__ = ["rise"]

LIMIT: float = 2.5


@staticmethod
def rise(x: int, y=(1, 2)) -> str:
    if x < LIMIT and y:
        return cos(
            x + 1,
        )
    return "no"
'''


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "one.py").write_text(CODE, encoding="utf-8")
    return tmp_path


def test_every_mutant_differs_in_the_lines_it_names_and_can_be_parsed(tree):
    found = list(mutants_of(tree, "package/one.py"))
    changes = {(m.line, m.before, m.after) for m in found}
    assert (12, "if x < LIMIT and y:", "if x <= LIMIT and y:") in changes
    assert (12, "if x < LIMIT and y:", "if x < LIMIT or y:") in changes
    assert (14, "x + 1,", "x - 1,") in changes
    assert (14, "x + 1,", "x + 2,") in changes
    assert (7, "LIMIT: float = 2.5", "LIMIT: float = 3.5") in changes
    assert {m.line for m in found} == {7, 11, 12, 13, 14, 16}  # no import, decorator, annotation or __all__
    assert all(m.statement == 13 for m in found if m.line == 14)
    for mutant in found:
        ast.parse(mutant.text)
        assert mutant.text != CODE


def test_the_seed_decides_the_sample_and_a_change_elsewhere_leaves_it(tree):
    first = draw(tree, ("package",), 3, seed=1)
    assert draw(tree, ("package",), 3, seed=1) == first
    assert [m.key for m in draw(tree, ("package",), 2, seed=1)] == [m.key for m in first[:2]]
    assert len({m.line for m in first}) == 3
    path = tree / "package" / "one.py"
    path.write_text(CODE.replace("LIMIT:", "# a limit\n\nLIMIT:"), encoding="utf-8")
    assert [m.key for m in draw(tree, ("package",), 3, seed=1)] == [m.key for m in first]
    samples = {tuple(m.key for m in draw(tree, ("package",), 3, seed=seed)) for seed in range(5)}
    assert len(samples) > 1


def test_a_mutant_is_tried_with_the_tests_of_its_line_and_what_they_share(tree):
    mutant = next(m for m in mutants_of(tree, "package/one.py") if m.line == 14)
    lines = {
        14: {"tests/test_two.py::a", "tests/test_one.py::b"},
        16: {"tests/test_one.py::c", "tests/test_x.py::d"},
    }
    seconds = {"tests/test_two.py::a": 1.0, "tests/test_one.py::b": 2.0, "tests/test_one.py::c": 1.0}
    shared = {"tests/test_x.py::d": {"data": 30.0}}
    reach = Reach({"package/one.py": lines}, seconds, shared)
    everything = [
        "tests/test_one.py::b",
        "tests/test_one.py::c",
        "tests/test_two.py::a",
        "tests/test_x.py::d",
    ]
    assert reach.tests(mutant, 60) == (everything, 34.0)
    assert reach.tests(mutant, 5) == (everything[:3], 4.0)
    assert reach.tests(mutant, 2) == (["tests/test_one.py::b"], 2.0)
    assert reach.tests(mutant, 0.5) == (["tests/test_one.py::b"], 2.0)  # one at least
    assert Reach({}, {}, {}).tests(mutant, 5) == ([], 0.0)


def test_every_listed_mutant_is_there_and_has_a_reason():
    reasons = read_equivalent()
    assert all(len(reason.split()) > 3 for reason in reasons.values())
    assert all(Path(ROOT / file).is_file() for file, *_ in reasons)
