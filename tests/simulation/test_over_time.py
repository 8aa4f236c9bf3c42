"""Columns of a design that hold from a time on: exact at the changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.errors import InputError
from harness.simulation.design import Design, read_design
from harness.simulation.plan import plan
from harness.simulation.run import run

DECAY = "model decay()\n  k = 0.1; A = 100; A' = -k*A; end\n"


@pytest.fixture
def decay(tmp_path):
    (tmp_path / "decay.ant").write_text(DECAY)
    return str(tmp_path / "decay.ant")


@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
def test_a_rate_that_changes_with_time_is_exact_at_the_changes(decay, engine):
    if engine == "kernel":
        pytest.importorskip("numba")
    table = pd.DataFrame({"k": [0.1, 0.2], "k@5": [0.05, 0.2], "k@2": [0.4, 0.2]})
    found = run(plan(decay, Design(table), at="1,2,3.5,5,9", observables="A", until=10, engine=engine))
    times = np.array([1, 2, 3.5, 5, 9.0])
    spans = np.clip(times[:, np.newaxis], [0, 2, 5], [2, 5, np.inf]) - [0, 2, 5]
    expected = [100 * np.exp(-spans @ rates) for rates in ([0.1, 0.4, 0.05], [0.2] * 3)]
    columns = [f"A_{t:g}" for t in times]
    np.testing.assert_allclose(np.array([found[name] for name in columns]).T, expected, rtol=1e-6)
    assert found["design_k@5"].to_numpy().tolist() == [0.05, 0.2]


def test_what_is_not_given_before_a_change_is_what_all_runs_have(decay):
    found = run(
        plan(
            decay, Design(pd.DataFrame({"k@2": [0.4]})), at="4", observables="A", until=5, changes={"k": 0.3}
        )
    )
    np.testing.assert_allclose(found["A_4"], 100 * np.exp(-0.6 - 0.8), rtol=1e-6)


def test_values_that_do_not_change_change_nothing(tmp_path):
    (tmp_path / "design.csv").write_text("dose,K_el_e [1/hour],K_el_e@1 week [1/hour]\n450e6,4,4\n")
    again = run(plan("clinical", read_design(tmp_path / "design.csv"), at="3,7,60", until=61))
    once = run(
        plan("clinical", Design(pd.DataFrame({"dose": [450e6], "K_el_e": [96]})), at="3,7,60", until=61)
    )
    for name in ("Cmax", "transgene_3", "transgene_7", "transgene_60"):
        np.testing.assert_allclose(again[name], once[name], rtol=1e-4)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("k@soon", "design: column k@soon, time: 'soon' is not a number"),
        ("k@0", "column k@0: the time must be after 0"),
        ("k@3", "column k@3: 3 lies after the end, 2$"),
        ("q@2", "no parameter in decay 'q'"),
        ("A@2", "A is a state of decay: the model computes it"),
        ("init_A@1", "init_A is read at the start alone: a later value of it changes nothing"),
    ],
)
def test_a_column_that_makes_no_sense_is_told(decay, column, said):
    with pytest.raises(InputError, match=said):
        plan(decay, Design(pd.DataFrame({column: [1.0]})), at="1", until=2)


def test_a_dose_is_given_by_a_regimen(tmp_path):
    with pytest.raises(InputError, match="dose is given, not changed with time; regimens give doses"):
        plan("clinical", Design(pd.DataFrame({"dose@2": [1e8]})), until=3)
    (tmp_path / "design.csv").write_text("k@2@3\n1\n")
    with pytest.raises(InputError, match="column 'k@2@3' is no name"):
        read_design(tmp_path / "design.csv")
