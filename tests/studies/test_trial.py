"""A virtual trial: small ones, followed by hand from the table of patients."""

import numpy as np
import pandas as pd
import pytest

from harness.analysis.survival import kaplan_meier, log_rank
from harness.declarations import declare, read_declaration
from harness.errors import InputError
from harness.models.card import repository
from harness.simulation.execute import Processes, Serial
from harness.studies import planned as module
from harness.studies.trial import Trial
from harness.studies.virtual_patients import CHANGE

FIELDS = {
    "arms": {"low": {"patients": 12, "doses": ["10e6"]}, "high": {"patients": 8, "doses": ["450e6"]}},
    "visits": "28:700:28",
    "dropout": 0.03,
    "replicates": 4,
    "model": "clinical_waning",
    "omegas": {"Tumor_0": 0.8},
}


@pytest.fixture(scope="module")
def small():
    return declare(Trial, **FIELDS).run(Serial())


def test_every_patient_of_every_replicate_has_a_row(small):
    patients = small.tables["patients"]
    assert small.runs == len(patients) == 80
    assert patients.groupby(["replicate", "arm"]).size().unique().tolist() == [8, 12]
    assert list(patients.arm[:13].unique()) == ["low", "high"]


def test_events_and_censoring_fall_on_visits(small):
    days = small.tables["patients"].pfs * 30.4375
    assert np.abs(days / 28 - (days / 28).round()).max() < 1e-9
    assert days.max() <= 700 + 1e-9


@pytest.mark.parametrize(
    "more",
    [
        {"doses": ["450e6", "1@10"]},
        {"doses": ["450e6", "1@84", "2@100 for 3 days"]},
        {"doses": ["450e6"], "redosing": {"amount": "1", "observable": "M_protein", "rise": "25 %",
                                          "every": "7 days", "start": "56 days", "at_most": 3}},
    ],
)  # fmt: skip
def test_a_dose_is_no_visit(more):
    """One cell more changes nothing in a patient: what a trial knows is the same, whenever it is given."""
    fields = {"visits": "84:588:84", "replicates": 1, "in_a_row": 2, "omegas": {"Tumor_0": 0.8}}
    one, other = (
        declare(Trial, arms={"a": {"patients": 12, **arm}}, **fields).run(Serial()).tables["patients"]
        for arm in ({"doses": ["450e6"]}, more)
    )
    pd.testing.assert_frame_equal(one, other)
    assert one.progressed.sum() > 3


def test_who_leaves_is_not_seen_afterwards(small):
    patients = small.tables["patients"]
    assert (patients.pfs <= patients.left).all()
    gone = patients[~patients.progressed & (patients.left < 22)]
    assert len(gone) > 0
    assert (gone.left - gone.pfs < 28 / 30.4375).all()


def test_rates_are_those_of_all_patients_of_an_arm(small):
    patients, trials = small.tables["patients"], small.tables["trials"]
    one = patients.query("replicate == 2 and arm == 'low'")
    row = trials.query("replicate == 2 and arm == 'low'").iloc[0]
    assert row.orr == pytest.approx(100 * one.best_response.isin(["CR", "VGPR", "PR"]).mean())
    assert row.cr == pytest.approx(100 * (one.best_response == "CR").mean())
    assert small.numbers["orr_low_low"] <= small.numbers["orr_low"] <= small.numbers["orr_high_low"]


def test_the_curve_and_the_test_are_those_of_the_patients(small):
    first = small.tables["patients"].query("replicate == 0")
    arms = {arm: (g.pfs.to_numpy(), g.progressed.to_numpy()) for arm, g in first.groupby("arm")}
    shown = small.tables["survival"].query("arm == 'low'").drop(columns="arm").reset_index(drop=True)
    pd.testing.assert_frame_equal(shown, kaplan_meier(*arms["low"]))
    assert small.tables["trials"].p_value[0] == pytest.approx(log_rank(arms).p_value)


def test_numbers_are_those_that_were_named(small):
    assert tuple(small.numbers) == declare(Trial, **FIELDS).number_names()


def test_a_patient_is_the_same_whatever_the_workers_and_the_replicates(small):
    fewer = declare(Trial, **FIELDS | {"replicates": 2}).run(Processes(2)).tables["patients"]
    pd.testing.assert_frame_equal(fewer, small.tables["patients"].iloc[:40], check_exact=True)


def test_confirmation_makes_responses_rarer_and_progression_no_earlier(small):
    confirmed = declare(Trial, **FIELDS | {"in_a_row": 2}).run(Serial()).tables["patients"]
    once = small.tables["patients"]
    assert confirmed.response.sum() <= once.response.sum()
    both = confirmed.progressed & once.progressed
    assert (confirmed.pfs[both] >= once.pfs[both]).all()
    assert confirmed.progressed.sum() <= once.progressed.sum()


def test_an_arm_can_give_its_cells_in_parts_and_again_at_relapse():
    arms = {
        "split": {"patients": 2, "doses": ["50e6", "100e6@7"]},
        "again": {
            "patients": 2,
            "doses": ["150e6"],
            "redosing": {
                "amount": "150e6", "observable": "M_protein", "rise": "25 percent", "every": "4 weeks",
                "start": "8 weeks",
            },
        },
    }  # fmt: skip
    outcome = declare(Trial, **FIELDS | {"arms": arms, "replicates": 1}).run(Serial())
    assert outcome.failed == 0
    assert set(outcome.tables["responses"].arm) == {"split", "again"}


def test_one_arm_needs_no_test():
    study = declare(Trial, **FIELDS | {"arms": {"only": FIELDS["arms"]["low"]}, "replicates": 1})
    numbers = study.run(Serial()).numbers
    assert "power" not in numbers
    assert tuple(numbers) == study.number_names()
    assert numbers["orr_only"] == numbers["orr_low_only"] == numbers["orr_high_only"]


def test_a_failed_simulation_is_not_evaluable_and_not_followed(monkeypatch):
    real = module.run

    def broken(planned, executor, progress):
        found = real(planned, executor, progress)
        found[CHANGE][0] = np.nan
        found["status"][0] = "not finite"
        return found

    monkeypatch.setattr(module, "run", broken)
    outcome = declare(Trial, **FIELDS | {"replicates": 1}).run(Serial())
    assert outcome.failed == outcome.numbers["failed"] == 1
    assert outcome.tables["trials"].patients.tolist() == [11, 8]
    assert outcome.tables["patients"].best_response[0] == ""
    assert "1 of 20 simulations failed" in outcome.notes[-1]


def test_the_example_is_a_trial():
    declared = read_declaration(repository() / "examples" / "trial.yaml", Trial)
    assert declared.size() == 1600


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"arms": {}}, "at least one arm"),
        ({"arms": {"a b": {"patients": 1, "doses": ["1e8"]}}}, "'a b' is not a plain word"),
        ({"arms": {"a": {"patients": 0, "doses": ["1e8"]}}}, "arms.a.patients"),
        ({"arms": {"a": {"patients": 1, "doses": ["lots"]}}}, "'lots' is not a number"),
        ({"arms": {"a": {"patients": 1, "doses": ["1e8@900"]}}}, "dose at 900 lies after the end"),
        (
            {"arms": {n: {"patients": 1, "doses": ["1e8"]} for n in ("a", "low_a")}},
            "would give two numbers one name",
        ),
        ({"visits": "often"}, "'often' is not a number"),
        ({"visits": "0"}, "at least one visit after baseline"),
        ({"dropout": -1}, "dropout"),
        ({"dropout": "inf"}, "dropout"),
        ({"dropout": 2}, "dropout: must be at most 1, not 2"),
        ({"in_a_row": 0}, "in_a_row"),
        (
            {"in_a_row": 3, "visits": "28:56:28"},
            "in_a_row: nothing holds at 3 visits one after the other: .* 2",
        ),
        ({"omegas": {"Tumor_0": 80}}, "omegas: Tumor_0: 80 is more than 10"),
        ({"replicates": 10**9}, "at most 1000000 are allowed"),
        ({"rule": "x"}, "no rule of progression"),
    ],
)
def test_what_makes_no_trial_is_told_in_one_line(fields, said):
    with pytest.raises(InputError, match=said) as caught:
        declare(Trial, **FIELDS | fields).run(Serial())
    assert "\n" not in str(caught.value)


def test_a_trial_without_any_event_has_no_p_value():
    fields = FIELDS | {"visits": "28:56:28", "model": "clinical", "replicates": 2, "dropout": 0.0}
    numbers = declare(Trial, **fields).run(Serial()).numbers
    assert numbers["progressed_low"] == numbers["progressed_high"] == 0
    assert np.isnan(numbers["p_value"])
    assert numbers["power"] == 0
