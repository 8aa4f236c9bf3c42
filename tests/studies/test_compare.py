"""Arms on the same patients: what is the same is the same, and tables agree with the rows they come from."""

import numpy as np
import pandas as pd
import pytest
import yaml

from harness.cli.main import run
from harness.declarations import declare
from harness.errors import InputError
from harness.models.card import repository
from harness.simulation.execute import Processes, Serial
from harness.studies.compare import Compare

FIELDS = {
    "model": "clinical_waning",
    "omegas": {"Tumor_0": 0.8},
    "arms": {
        "usual": {"doses": ["450e6"]},
        "same": {"doses": ["450e6"]},
        "potent": {"doses": ["450e6"], "changes": {"K_kill_max": "2x"}},
        "again": {
            "doses": ["100e6"],
            "redosing": {
                "amount": "50e6",
                "observable": "M_protein",
                "rise": "25 %",
                "every": "28 days",
                "start": "28 days",
            },
        },
    },
    "patients": 40,
    "until": "12 months",
    "draws": 200,
    "sizes": [10, 30],
    "trials": 40,
}


@pytest.fixture(scope="module")
def small():
    return declare(Compare, **FIELDS).run(Serial())


def arm(outcome, name):
    runs = outcome.tables["runs"]
    return runs[runs["arm"] == name].reset_index(drop=True)


def test_it_has_the_numbers_that_it_names(small):
    assert set(small.numbers) == set(declare(Compare, **FIELDS).number_names())


def test_two_arms_that_are_the_same_are_the_same_to_the_last_bit(small):
    columns = ["response", "complete", "pfs", "Cmax", "cells"]
    pd.testing.assert_frame_equal(arm(small, "usual")[columns], arm(small, "same")[columns], check_exact=True)
    rows = small.tables["differences"].query("arm == 'same' and outcome != 'Cmax'")
    assert (rows[["difference", "low", "high"]] == 0).all(axis=None)
    ratio = small.tables["differences"].query("arm == 'same' and outcome == 'Cmax'")
    assert (ratio[["difference", "low", "high"]] == 1).all(axis=None)


def test_a_change_of_a_product_multiplies_what_a_patient_has(small):
    planned = declare(Compare, **FIELDS).plan().design.table
    usual, potent = (planned[planned.regimen == name] for name in ("usual", "potent"))
    assert potent.K_kill_max.to_numpy() == pytest.approx(2 * usual.K_kill_max.to_numpy())
    assert usual.K_kill_max.nunique() == 40
    assert small.numbers["difference_orr_potent"] >= 0


def test_outcomes_are_those_of_the_rows(small):
    for name in FIELDS["arms"]:
        rows = arm(small, name)
        assert small.numbers[f"orr_{name}"] == pytest.approx(100 * rows.response.mean())
        assert small.numbers[f"Cmax_{name}"] == pytest.approx(np.exp(np.log(rows.Cmax).mean()))
    expected = 100 * (arm(small, "potent").complete.mean() - arm(small, "usual").complete.mean())
    assert small.numbers["difference_cr_potent"] == pytest.approx(expected)
    table = small.tables["differences"]
    finite = table[np.isfinite(table[["difference", "low", "high"]]).all(axis=1)]
    assert len(finite) >= len(table) - 3  # a median of survival that an arm does not reach has no difference
    assert (finite.low <= finite.difference + 1e-9).all()
    assert (finite.difference <= finite.high + 1e-9).all()


def test_cells_that_are_given_again_are_counted(small):
    cells = arm(small, "again").cells
    assert set(cells) == {100e6, 150e6}
    assert (arm(small, "usual").cells == 450e6).all()


def test_workers_change_no_bit(small):
    other = declare(Compare, **FIELDS).run(Processes(2))
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"arms": {"one": {"doses": ["1e8"]}}}, "two arms or more"),
        ({"arms": {"a b": {"doses": ["1e8"]}, "c": {"doses": ["1e8"]}}}, "not a plain word"),
        ({"arms": {"a": {"doses": ["1e8"]}, "b": {"doses": ["1e8"], "changes": {"K_of": "1"}}}}, "K_of"),
        ({"sizes": [1]}, "from 2 to 10000"),
        ({"changes": {"K_kill_max": "1"}}, "K_kill_max is varied"),
        ({"until": "3 months"}, "lies after the end"),
    ],
)
def test_what_makes_no_sense_is_told(changed, says):
    with pytest.raises(InputError, match=says):
        declare(Compare, **FIELDS | changed).run(Serial())


def test_the_doses_of_the_other_example_differ_by_a_posterior():
    declared = yaml.safe_load((repository() / "examples" / "which_dose.yaml").read_text("utf-8"))
    found = declare(Compare, **declared | {"patients": 60, "sizes": [], "draws": 100}).run(Serial())
    assert found.numbers["difference_orr_at_50"] < 0
    assert found.numbers["difference_Cmax_at_800"] > 1


def test_the_example_runs_from_the_command_line(tmp_path, capsys):
    declared = yaml.safe_load((repository() / "examples" / "compare.yaml").read_text("utf-8"))
    file = tmp_path / "compare.yaml"
    fewer = {"patients": 20, "sizes": [10], "trials": 10, "draws": 100, "until": "12 months"}
    file.write_text(yaml.safe_dump(declared | fewer, sort_keys=False), "utf-8")
    out, plot = tmp_path / "runs.csv", tmp_path / "figure.png"
    assert run(["compare", str(file), "--out", str(out), "--plot", str(plot)]) == 0
    shown = capsys.readouterr().out
    assert "from at_once" in shown
    assert "power to tell in_parts from at_once by ORR" in shown
    assert len(pd.read_csv(out)) == 80
    assert plot.stat().st_size > 0
