"""What is made in a script shows itself in ten lines that say what it is, however much it holds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.fitting.result import FitResult
from harness.models.card import repository
from harness.shown import LINES, WIDTH, in_lines, listed
from harness.simulation.chunks import run_rows
from harness.simulation.design import Design
from harness.simulation.made_designs import grid
from harness.simulation.run import collect
from harness.simulation.simulate import simulate_once
from harness.studies.outcome import Outcome
from harness.validation.curves import Evidence
from harness.validation.spec import read_panel
from harness.validation.suite import PanelResult, Score, Verdict

MANY = [f"a_rather_long_name_{i}" for i in range(200)]
LONG = "A sentence that goes on and on. " * 40
NOTHING = dict.fromkeys(("doses", "changes", "condition", "until", "times", "observables"))


def plans():
    """A plan, with and without trajectories."""
    design = grid(dose=np.geomspace(5e7, 8e8, 20), K_12=[0.1, 0.2])
    yield harness.plan("clinical", design, at=range(200), changes={"K_g": "0.01 1/day"})
    yield harness.plan("clinical", design, trajectories=True, doses=None)
    weekly = [f"{1 + i}e6@{7 * i}" for i in range(50)]
    yield harness.plan("clinical", grid(K_12=[0.1, 0.2]), doses=weekly, trajectories=True, times="0:400:1")


def objects():
    """One of each kind, with as much in it as it may have."""
    yield from plans()
    yield Design(pd.DataFrame(np.ones((3, 200)), columns=MANY), dict.fromkeys(MANY, "1/day"))
    yield harness.single()
    tables = {name: pd.DataFrame({"x": range(1000)}) for name in MANY}
    numbers = dict.fromkeys(MANY, 1 / 3)
    yield Outcome(numbers, tables, 100_000, 12, (LONG,) * 30, engine="kernel")
    yield Outcome({}, {})
    about = {
        "problem": {},
        "checksum": "",
        "seed": 1,
        "time_unit": "day",
        "versions": {},
        "runs": 9,
        "failed": 1,
    }
    columns = {name: {"parameter": MANY} for name in ("estimates", *MANY)}
    yield FitResult(
        title=LONG, synthetic=LONG, numbers=numbers, tables=columns, notes=(LONG,) * 9,
        rows={"used": 40, "censored": 2, "left_out": 1}, **about,
    )  # fmt: skip
    yield FitResult(title="x", synthetic="", numbers={"AIC": None}, tables={}, **about)
    folder = repository() / "validation" / "fig2b"
    yield harness.prepare(harness.read_problem(folder / "fit_moving_volume.yaml"), folder)
    planned = harness.plan("in_vitro", grid(ET_ratio=[1.0, 2.0]), trajectories=True)
    yield planned.study
    yield planned.study.program
    yield collect(planned)
    yield run_rows(planned.study, next(planned.chunks()))[0]
    yield simulate_once("in_vitro", readings=(), engine="roadrunner", **NOTHING)
    spec = read_panel("fig2b")
    evidence = Evidence(spec.folder, spec.curves, dict.fromkeys(MANY), dict.fromkeys(MANY), None, spec.slots)
    yield PanelResult(spec, evidence, [Score(each, 1.0, Verdict.MET, False) for each in spec.targets] * 9)


@pytest.fixture(scope="module")
def every():
    return list(objects())


def test_each_object_says_what_it_is_in_ten_lines(every):
    for each in every:
        lines = repr(each).splitlines()
        assert lines[0].startswith(f"{type(each).__name__}: ")
        assert len(lines) <= LINES == 10
        assert max(map(len, lines)) <= WIDTH


def test_what_is_large_is_counted(every):
    assert "Plan: 40 runs of clinical to 360 day" in repr(every[0])
    assert "Design: 3 runs\n  columns: a_rather_long_name_0 [1/day], " in repr(every[3])
    assert "a_rather_long_name_1=0.5 and 198 more" in repr(Outcome(dict.fromkeys(MANY, 0.5), {}))
    assert "Outcome: 100000 runs, 12 failed\n  engine: kernel\n" in repr(every[5])
    assert "2 censored" in repr(every[7])


def test_every_class_that_a_script_is_given_back_is_among_them(every):
    given_back = {"Plan", "Design", "Outcome", "FitResult", "PanelResult"}
    assert given_back <= {type(each).__name__ for each in every}
    assert given_back <= set(harness.__all__)


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text(), max_size=30))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_never_more_lines_or_longer_ones(what, rows):
    lines = in_lines(what, **{name: text for name, text in rows.items() if name != "what"}).split("\n")
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH


@given(st.lists(st.integers(), max_size=20), st.integers(1, 20))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_a_list_counts_what_it_leaves_out(things, most):
    text = listed(things, most)
    told, _, rest = text.partition(" and ")
    assert len(told.split(", ") if told else []) + int(rest.partition(" ")[0] or 0) == len(things)
