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
        "booster": {
            "doses": ["100e6", "50e6@3"],
            "hold": {"observable": "transgene", "above": "60"},
            "redosing": {
                "amount": "50e6",
                "observable": "transgene",
                "below": "100",
                "every": "14 days",
                "start": "28 days",
                "at_most": 2,
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
    known = np.isfinite(table[["difference", "low", "high"]]).all(axis=1)
    assert set(table[~known].outcome) <= {"median_pfs", "median_pfs_last"}  # that an arm does not reach
    finite = table[known]
    assert len(finite) > len(table) / 2
    assert (finite.low <= finite.difference + 1e-9).all()
    assert (finite.difference <= finite.high + 1e-9).all()


def test_cells_that_are_given_again_are_counted(small):
    cells = arm(small, "again").cells
    assert set(cells) == {100e6, 150e6}
    assert (arm(small, "usual").cells == 450e6).all()


@pytest.mark.parametrize(
    ("arm_", "cells", "doses"),
    [
        ({"doses": ["150e6 @ 0 for 2 hours", "300e6"]}, 450e6, 2),
        ({"doses": ["1e8", "1e8@100.0001", "1e8@100.0002", "1e8@100.0002"]}, 4e8, 3),
        ({"doses": ["1e8", "2e8@2.1234567"], "hold": {"observable": "transgene", "above": "0"}}, 1e8, 1),
        ({"doses": ["0.5x", "1x@3"]}, 225e6, 2),
        ({"doses": ["1e8", "1e8 @ 4 months for 8 months"]}, 150e6, 2),
        ({"doses": ["0.5x", "1x@3"], "changes": {"dose": "2x"}}, 450e6, 2),
    ],
)
def test_cells_are_those_of_all_doses_whatever_their_times_and_of_the_dose_of_the_row(arm_, cells, doses):
    arms = {"usual": {"doses": ["1x"]}, "other": arm_}
    rows = declare(Compare, arms=arms, patients=10, until="8 months", draws=100).run(Serial()).tables["runs"]
    of_arm = rows[rows["arm"] == "other"]
    assert (of_arm.cells == cells).all()
    assert (of_arm.doses == doses).all()
    assert (rows.cells[rows["arm"] == "usual"] == 150e6).all()


def test_a_ratio_of_exposures_is_that_of_patients_who_have_both():
    slow = {"doses": ["450e6"], "changes": {"K_exp_max": "0.35x"}}
    fields = {"omegas": {"K_exp_max": 0.3}, "patients": 40, "until": "8 months", "draws": 100}
    found = declare(Compare, arms={"one": {"doses": ["450e6"]}, "slow": slow}, **fields).run(Serial())
    one, other = (np.log(arm(found, name).Cmax.to_numpy()) for name in ("one", "slow"))
    none = int(np.isnan(other).sum())
    assert none > 0
    assert found.numbers["difference_Cmax_slow"] == pytest.approx(np.exp(np.nanmean(other - one)))
    assert any(f"{none} of 40 patients have no Cmax in arm slow" in note for note in found.notes)


def test_doses_that_were_held_or_given_at_a_level_are_counted_with_their_days(small):
    rows = arm(small, "booster")
    again, held = (rows[name].str.split() for name in ("redose_days", "held_days"))
    assert (rows.doses == 2 - held.str.len() + again.str.len()).all()
    assert (rows.cells == 150e6 - 50e6 * held.str.len() + 50e6 * again.str.len()).all()
    assert {0, 1} == set(held.str.len())
    assert again.str.len().between(0, 2).all()
    assert again.str.len().max() > 0
    assert all(float(day) % 14 == 0 for days in again for day in days)
    assert small.numbers["doses_booster"] == pytest.approx(rows.doses.mean())
    assert (arm(small, "usual").redose_days == "").all()


def test_survival_after_the_last_infusion_is_survival_where_there_is_one(small):
    one, again = arm(small, "usual"), arm(small, "again")
    assert (one.pfs_last == one.pfs).all()
    assert (one.response_total >= one.response).all()
    dosed = again[again.redose_days != ""]
    last = dosed.redose_days.str.split().str[-1].astype(float) / (365.25 / 12)
    assert len(dosed) > 5
    assert (dosed.pfs_last <= 12 - last + 1e-9).all()
    censored = dosed[~dosed.progressed_last]
    assert censored.pfs_last.to_numpy() == pytest.approx(12 - last[censored.index].to_numpy())


def test_workers_change_no_bit(small):
    other = declare(Compare, **FIELDS).run(Processes(2))
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)


def test_an_arm_without_cells_is_one_to_compare_with_and_has_no_exposure():
    arms = {"nothing": {"doses": []}, "cells": {"doses": ["450e6"]}}
    found = declare(Compare, arms=arms, patients=10, until="8 months", draws=100).run(Serial()).numbers
    assert np.isnan(found["Cmax_nothing"])
    assert (found["orr_nothing"], found["cells_nothing"], found["doses_nothing"]) == (0, 0, 0)
    assert found["difference_orr_cells"] == found["orr_cells"] > 0


def test_a_rule_that_never_did_anything_is_told(small):
    assert not [note for note in small.notes if "its rule" in note]
    arms = {
        "usual": {"doses": ["450e6"]},
        "never": {
            "doses": ["100e6", "50e6@3"],
            "hold": {"observable": "transgene", "above": "1e12"},
            "redosing": again_by(below="-5"),
        },
    }
    notes = declare(Compare, arms=arms, patients=10, until="8 months", draws=100).run(Serial()).notes
    for did in ("gave", "held"):
        assert f"arm never: its rule {did} no dose of anybody" in notes


def of_arm(**fields):
    return {"arms": {"a": {"doses": ["1e8"]}, "b": {"doses": ["1e8"], **fields}}}


def again_by(**fields):
    return {"amount": "1e8", "observable": "transgene", "every": "28 days", "start": "28 days", **fields}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"arms": {"one": {"doses": ["1e8"]}}}, "two arms or more"),
        ({"arms": {"a b": {"doses": ["1e8"]}, "c": {"doses": ["1e8"]}}}, "not a plain word"),
        ({"arms": {"a": {"doses": ["1e8"]}, "b": {"doses": ["1e8"], "changes": {"K_of": "1"}}}}, "K_of"),
        ({"sizes": [1]}, "from 2 to 10000"),
        (
            {"changes": {"K_m": "1"}, "arms": {n: {"doses": ["1e8"], "changes": {"K_m": "2"}} for n in "ab"}},
            "K_m is varied",
        ),
        ({"changes": {"dose": "1e6"}}, "give the dose once"),
        ({"omegas": {"dose": 0.5}}, "give the dose once"),
        (of_arm(changes={"dose": "2x"}), "give the dose once: as the regimens of rows or as dose"),
        ({"until": "3 months"}, "lies after the end"),
        (of_arm(hold={"observable": "transgene", "above": "5"}), "no dose after the start to hold"),
        (of_arm(doses=["1e8", "1e8@3 for 2"], hold={"observable": "transgene", "above": "5"}), "at once"),
        (of_arm(doses=["1e8", "1e8@3"], hold={"observable": "transgene"}), "below a level, or above one"),
        ({"patients": 100_001}, "patients: must be at most 100000, not 100001"),
        (of_arm(doses=["1e8", "1e8@3"], hold={"observable": "V_b", "above": "5"}), "is constant"),
        (of_arm(doses=["1e8", "1e8@3"], hold={"observable": "transgen", "above": "5"}), "transgen"),
        (of_arm(redosing=again_by(rise="20 %", below="5")), "by rise, or by below or above"),
        (of_arm(redosing=again_by()), "by rise, or by below or above"),
        (of_arm(redosing=again_by(below="5 kg")), "below"),
        (of_arm(redosing=again_by(below="5", start="60 months")), "after the end"),
        (of_arm(redosing=again_by(below="5", at_most=100_000)), "never stops"),
        (of_arm(redosing=again_by(below="5", every="1e-6 day")), "visits"),
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


EXAMPLES = [("parts", "at_once", "in_parts"), ("product", "usual", "potent")]


@pytest.mark.parametrize(("name", "first", "other"), EXAMPLES)
def test_an_example_runs_from_the_command_line(name, first, other, tmp_path, capsys):
    declared = yaml.safe_load((repository() / "examples" / f"{name}.yaml").read_text("utf-8"))
    file = tmp_path / "compare.yaml"
    fewer = {"patients": 12, "sizes": [10], "trials": 10, "draws": 100, "until": "12 months"}
    file.write_text(yaml.safe_dump(declared | fewer, sort_keys=False), "utf-8")
    out, plot = tmp_path / "runs.csv", tmp_path / "figure.png"
    assert run(["compare", str(file), "--out", str(out), "--plot", str(plot)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{other} against {first}: ") or f"\n{other} against {first}: " in shown
    assert f"power to tell {other} from {first} by ORR" in shown
    assert len(pd.read_csv(out)) == 12 * len(declared["arms"])
    assert plot.stat().st_size > 0
