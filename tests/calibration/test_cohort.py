"""A cohort predicted from a posterior that a folder holds."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from harness.calibration.by_dose import ByDose, threshold
from harness.calibration.cohort import TABLES, PredictCohort, _score
from harness.calibration.declared import read_calibration
from harness.calibration.designs import expected_evidence
from harness.calibration.physical import Physical
from harness.calibration.regimens import Regimens
from harness.calibration.stored import read_draws, rests_on
from harness.cli.main import run
from harness.declarations import declare
from harness.errors import InputError
from harness.figures.calibration import draw_by_dose, draw_regimens
from harness.models.card import repository
from harness.records import RECORD
from harness.simulation.execute import Serial

FILE = repository() / "validation" / "dose" / "candidates.yaml"
COHORT = """
arms:
  high: {doses: [450e6], patients: 12, observed: {orr: 75, transgene_14: 1e4}}
  split: {doses: [150e6, 300e6@7], patients: 3}
observed: {orr: 67, median_pfs: 9, pfs_6: 60}
observables: {transgene: [14, 28], M_protein_change: [91]}
response_days: [91]
progression_months: [3, 6]
"""


@pytest.fixture
def folder(tmp_path):
    """What a calibration of `waning` leaves, with two draws at the priors' medians."""
    declared = read_calibration(FILE)
    stamp = pd.DataFrame([{"candidate": "waning", "rests_on": rests_on(declared, "waning")}])
    stamp.to_csv(tmp_path / "comparison.csv", index=False)
    draws = pd.DataFrame({name: [prior.median] * 2 for name, prior in declared.priors("waning").items()})
    draws.to_csv(tmp_path / "draws_waning.csv", index=False)
    (tmp_path / "cohort.yaml").write_text(COHORT, encoding="utf-8")
    return tmp_path


def study(folder, **given):
    about = {"cohort": str(folder / "cohort.yaml"), "candidate": "waning", "calibrated": str(folder)}
    return declare(PredictCohort, **{**about, "cohorts": 4, **given})


def test_a_prediction_has_quantiles_rates_survival_and_scores_for_each_arm(folder):
    outcome = study(folder).run(Serial())
    assert tuple(outcome.tables) == TABLES
    assert outcome.failed == 0
    values = outcome.tables["values"]
    assert set(values["arm"]) == {"high", "split"}
    of = values[(values["observable"] == "transgene") & (values["day"] == "14") & (values["arm"] == "high")]
    assert of["median"].is_monotonic_increasing
    rates = outcome.tables["rates"].set_index(["arm", "outcome"])
    assert {"orr", "cr", "median_pfs", "orr_91", "ratio_transgene_14", "ratio_highest_transgene"} <= set(
        rates.loc["high"].index
    )
    scores = outcome.tables["scores"]
    assert list(scores.number[scores.arm == "all arms"]) == ["orr", "median_pfs", "pfs_6"]
    scores = scores[scores.arm == "high"].set_index("number")
    assert np.isfinite(scores.log_p["orr"])
    assert np.isnan(scores.log_p["transgene_14"])
    assert scores.fold["transgene_14"] >= 1
    assert outcome.numbers["scored"] == 5


def test_the_same_prediction_has_the_same_bits(folder):
    first, again = (study(folder).run(Serial()).tables["rates"] for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_a_rate_that_every_cohort_has_is_scored_by_its_binomial_probability():
    for chances in (None, np.full(4, 50.0)):
        observed, median, _, _, inside, fold, log_p, _ = _score("orr", 50.0, np.full(4, 50.0), chances, 10)
        assert (observed, median, inside, fold) == (50, 50, True, 1)
        assert np.exp(log_p) == pytest.approx(252 / 1024, rel=1e-6)


def test_a_number_that_is_no_rate_is_scored_by_its_density_in_logarithms():
    values = np.exp(np.random.default_rng(1).normal(2.0, 0.5, 4000))
    *_, log_p, log_density = _score("transgene_14", float(np.exp(2.5)), values, None, 10)
    assert np.isnan(log_p)
    assert log_density == pytest.approx(norm.logpdf(2.5, 2.0, 0.5), abs=0.1)
    half = np.where(np.arange(4000) % 2, values, np.inf)
    assert _score("median_pfs", 7.0, half, None, 10)[-1] == pytest.approx(
        norm.logpdf(np.log(7), 2.0, 0.5) + np.log(0.5), abs=0.15
    )


def test_a_posterior_of_other_data_is_refused(folder):
    declared = read_calibration(FILE)
    assert list(read_draws(declared, "waning", folder).index) == [0, 1]
    other = declared.model_copy(update={"lapse": 0.1})
    with pytest.raises(InputError, match="calibrate again"):
        read_draws(other, "waning", folder)
    with pytest.raises(InputError, match="candidate in"):
        read_draws(declared, "window", folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("orr: 75", "orrr: 75", "orrr"),
        ("patients: 12", "patients: 0", "patients"),
        ("orr: 75", "orr: 175", "175 is no percentage"),
        ("observed: {orr: 67", "observed: {orr_91: 70", "orr_91"),
        ("median_pfs: 9, pfs_6: 60", "pfs_6: -1", "all arms: pfs_6"),
        ("transgene: [14, 28]", "transgen: [14, 28]", "transgen"),
        ("doses: [450e6]", "doses: [0.5]", "cell"),
        ("patients: 3}", "patient: 3}", "patient"),
        ("doses: [450e6]", "doses: [450 mg]", "mg does not convert to cells"),
        ("doses: [450e6]", "doses: [-450e6]", "arms: high: dose '-450e6'"),
        ("patients: 12", "patients: -12", "-12"),
        ("orr: 75", "orr: 77", "77 percent of 12 patients is 9.24, no whole number"),
        ("median_pfs: 9", "median_pfs: -9", "median_pfs: expected a positive number"),
        ("transgene: [14, 28]", "transgene: [14, 28, 14]", "observables: transgene: a time stands twice"),
        ("transgene: [14, 28]", "transgene: [14, 4000]", "4000 is not between 0 and until"),
        ("response_days: [91]", "response_days: [-1]", "response_days: -1"),
        ("progression_months: [3, 6]", "progression_months: [3, 6, 60]", "progression_months: 60"),
        ("progression_months: [3, 6]", "progression_months: [3, 6, 14]\nuntil: 400", "until, 13.1"),
        (
            "progression_months: [3, 6]",
            "progression_months: [3, 6]\nuntil: 12",
            "before the first visit, day 28",
        ),
        ("orr: 75,", "orr: 75, cr: 100,", "high: cr, 100 percent, is above orr, 75 percent"),
        ("pfs_6: 60}", "pfs_3: 50, pfs_6: 60}", "all arms: pfs_6, 60 percent, is above pfs_3, 50 percent"),
        ("median_pfs: 9", "median_pfs: 19", "median_pfs: 19 is beyond until, 12 months"),
        ("transgene_14: 1e4", "transgene_14: -1e4", "high: transgene_14: must not be negative, not -10000"),
        ("transgene_14: 1e4", "highest_transgene: -1", "high: highest_transgene: must not be negative"),
        ("transgene_14: 1e4", "transgene_14: .inf", "high.observed.transgene_14: inf is not a finite number"),
        ("transgene_14: 1e4", "ratio_transgene_14: 0", "high: ratio_transgene_14: must be positive, not 0"),
        ("transgene_14: 1e4", "M_protein_change_91: -101", "must be at least -100, not -101"),
        ("median_pfs: 9", "median_pfs: .nan", "observed.median_pfs: nan is not a finite number"),
        ("split:", "all arms:", "'all arms' is the name of the rows of all of them"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(folder, capsys, old, new, said):
    assert old in COHORT
    (folder / "cohort.yaml").write_text(COHORT.replace(old, new), encoding="utf-8")
    arguments = ["predict", str(folder / "cohort.yaml"), "--calibrated", str(folder), "--cohorts", "2"]
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_change_that_falls_and_its_ratio_may_be_negative(folder, capsys):
    for number in ("M_protein_change_91: -100", "ratio_M_protein_change_91: -9"):
        (folder / "cohort.yaml").write_text(COHORT.replace("transgene_14: 1e4", number), encoding="utf-8")
        arguments = ["predict", str(folder / "cohort.yaml"), "--calibrated", str(folder), "--cohorts", "2"]
        assert run([*arguments, "--workers", "1"]) == 0
        assert "nan" not in capsys.readouterr().out


def test_the_command_writes_every_table_and_prints_the_scores(folder, capsys):
    out = folder / "out"
    arguments = ["predict", str(folder / "cohort.yaml"), "--calibrated", str(folder), "--cohorts", "2"]
    assert run([*arguments, "--out", str(out), "--workers", "1"]) == 0
    written = sorted(path.name for path in out.iterdir())
    assert written == sorted([RECORD, *(f"{name}.csv" for name in TABLES)])
    assert "transgene_14" in capsys.readouterr().out


def test_physical_checks_are_read_off_virtual_patients_of_the_posterior(folder):
    given = {"declared": str(FILE), "calibrated": str(folder), "candidates": ["waning"], "patients": 20}
    asked = declare(Physical, **given)
    outcome = asked.run(Serial())
    assert tuple(outcome.numbers) == asked.number_names()
    assert outcome.failed == 0
    assert 0.5 < outcome.numbers["sd_ln_cmax_waning"] < 5
    assert 5 < outcome.numbers["tmax_waning"] < 25
    assert outcome.numbers["cmax_by_burden_waning"] > 0
    assert outcome.numbers["cells_95_waning"] > 1e8
    bridge = outcome.tables["bridge"].set_index(["vector_copies", "white_cells"])
    cells = outcome.numbers["highest_in_blood_waning"]
    assert bridge["copies"][5.0, 1000.0] == pytest.approx(5 * cells / ((cells + 1000) * 6.6e-6))
    assert bridge["above"][1.0, 3000.0] == outcome.numbers["above_most_copies_waning"]
    assert bridge["above"].groupby("vector_copies").first().is_monotonic_decreasing
    assert (bridge["copies"] < bridge.index.get_level_values(0) / 6.6e-6).all()


def test_by_dose_the_patients_of_a_draw_are_the_same_and_a_threshold_is_read_off(folder):
    given = {"declared": str(FILE), "calibrated": str(folder), "candidates": ["waning"]}
    asked = declare(ByDose, **given, doses=[10e6, 450e6], draws=2, patients=10)
    outcome = asked.run(Serial())
    assert tuple(outcome.numbers) == asked.number_names()
    assert outcome.numbers["rise_waning"] >= 0
    cmax = outcome.tables["by_dose"].query("outcome == 'cmax'")["median"].to_numpy()
    assert cmax[1] > 1.5 * cmax[0]
    assert len(draw_by_dose(outcome)) == 4


def test_a_threshold_is_the_dose_at_nine_tenths_of_the_plateau():
    doses = (10e6, 100e6, 1000e6)
    assert threshold(doses, np.array([80.0, 80, 80])) == 10e6
    assert threshold(doses, np.array([80.0, 100, 100])) == pytest.approx(10e6 * 10**0.5)
    assert threshold(doses, np.array([95.0, 80, 100])) == pytest.approx(100e6 * 10**0.5)


REGIMENS = {
    "arms": {"once": {"doses": ["5e7"]}, "twice": {"doses": ["5e7", "5e7@28"]}},
    "designs": {"both": {"once": 20, "twice": 20}},
}


def test_regimens_have_the_same_patients_and_a_second_infusion_starts_the_clock_anew(folder):
    given = {"declared": str(FILE), "calibrated": str(folder), "candidates": ["waning"], "until": "13 months"}
    asked = declare(Regimens, **given, **REGIMENS, months=[6, 12], draws=4, patients=12)
    outcome = asked.run(Serial())
    assert tuple(outcome.numbers) == asked.number_names()
    assert outcome.failed == 0
    table = outcome.tables["regimens"]
    assert set(table["outcome"]) == {"orr", "cr", "pfs", "cmax", "response_6", "response_12"}
    shares = table[table["outcome"] == "response_6"].set_index("arm")["median"]
    assert shares["twice"] > shares["once"]
    assert len(draw_regimens(outcome)) == 4


def test_a_design_of_no_arm_is_told_in_one_line():
    with pytest.raises(InputError, match="designs: both: no arm 'onc'; nearest: once"):
        declare(
            Regimens, declared="dose/candidates.yaml", arms=REGIMENS["arms"], designs={"both": {"onc": 3}}
        )


def test_evidence_that_a_trial_is_expected_to_give_is_the_divergence_of_two_known_tables():
    p, q = np.array([0.5, 0.2, 0.1, 0.1, 0.1]), np.array([0.2, 0.2, 0.2, 0.2, 0.2])
    chances = {name: np.tile(each, (2, 4, 1, 1)) for name, each in (("a", p), ("b", q))}
    found = expected_evidence(chances, "a", (30,), 4000, np.random.default_rng(1))
    assert set(found) == {"b"}
    divergence = 30 * (p * np.log(p / q)).sum()
    assert found["b"].mean() == pytest.approx(divergence, abs=4 * found["b"].std() / np.sqrt(4000))
