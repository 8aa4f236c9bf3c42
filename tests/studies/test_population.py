"""Virtual patients: the published population's outcome, and what must not change it."""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy.stats import norm

from harness.declarations import declare
from harness.errors import InputError
from harness.models.catalog import load_card
from harness.models.provenance import omegas_of
from harness.simulation.execute import Processes, Serial
from harness.simulation.run import run as run_plan
from harness.studies import planned
from harness.studies import population as module
from harness.studies.population import Population
from harness.studies.virtual_patients import CHANGE


@pytest.fixture(scope="module")
def published():
    """Patients with the published variability, few enough for every day."""
    return Population(patients=250, doses=["50e6", "800e6"]).run(Serial())


def require_published_outcome(outcome, standard_errors):
    """ORR 98 %, CR 41 %, 18 % at -99 %, median PFS 8.3 months at every dose: the mean of seven seeds."""
    size = outcome.tables["runs"]["patient"].nunique()
    for dose in outcome.tables["runs"]["dose"].unique():
        label = module.dose_label(dose)
        for name, expected in (("orr", 98.3), ("cr", 41.2), ("cr_strict", 18.5)):
            error = np.sqrt(expected * (100 - expected) / size)
            assert outcome.numbers[f"{name}_{label}"] == pytest.approx(expected, abs=standard_errors * error)
        assert outcome.numbers[f"median_pfs_nadir_25_{label}"] == pytest.approx(8.3, abs=0.5)
    assert outcome.failed == 0


def test_the_published_population_responds_as_found_before(published):
    require_published_outcome(published, 3)


@pytest.mark.slow
def test_a_thousand_published_patients_respond_alike_at_every_dose():
    outcome = Population(patients=1000, doses=["50e6", "150e6", "450e6", "800e6"]).run(Serial())
    require_published_outcome(outcome, 3)
    medians = [outcome.numbers[f"median_pfs_{rule}_150"] for rule in ("nadir_25_and_5", "baseline_25")]
    assert medians == pytest.approx([14.4, 32.8], rel=0.03)
    assert outcome.numbers["pd_later_least"] == 0


def test_the_published_population_is_flat_in_dose(published):
    for outcome in ("orr", "cr"):
        assert published.numbers[f"{outcome}_highest"] - published.numbers[f"{outcome}_lowest"] < 2
    assert published.numbers["median_pfs_nadir_25_spread"] < 0.5


def test_a_stricter_bound_halves_the_complete_responses_and_moves_nothing_else(published):
    assert published.numbers["cr_strict_50"] < 0.6 * published.numbers["cr_50"]
    strict = published.tables["runs"].query("cr_strict")
    assert strict.cr.all()


def test_each_rule_of_progression_is_later_than_the_one_before(published):
    medians = [published.numbers[f"median_pfs_{r}_50"] for r in ("nadir_25", "nadir_25_and_5", "baseline_25")]
    assert medians == pytest.approx([8.3, 14.4, 33], rel=0.12)


@pytest.mark.quick
def test_numbers_are_those_that_were_named(published):
    assert tuple(published.numbers) == Population(patients=3, doses=["50e6", "800e6"]).number_names()
    assert all(isinstance(value, float) for value in published.numbers.values())


def test_fractions_are_shares_of_all_patients_with_wilson_intervals(published):
    shares = published.tables["fractions"]
    assert shares.groupby(["dose", "month"]).percent.sum().to_list() == pytest.approx([100] * 4)
    row = shares.query("dose == 50e6 and month == 6 and bin == 'CR'").iloc[0]
    p, n, z = row.percent / 100, 250, norm.ppf(0.975)
    middle, width = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    bounds = 100 * np.array([middle - width, middle + width]) / (1 + z**2 / n)
    assert [row.low, row.high] == pytest.approx(bounds.tolist())


def test_survival_is_that_of_lifelines(published):
    runs = published.tables["runs"].query("dose == 50e6")
    fitted = KaplanMeierFitter().fit(runs.pfs_nadir_25, runs.progressed_nadir_25)
    curve = published.tables["survival"].query("dose == 50e6 and rule == 'nadir_25'")
    assert curve.survival.to_numpy() == pytest.approx(fitted.survival_function_.to_numpy()[:, 0])
    assert published.numbers["median_pfs_nadir_25_50"] == np.sort(runs.pfs_nadir_25)[124]  # none is censored


def test_a_patient_is_the_same_whatever_the_workers_and_the_number_of_patients(published):
    few = Population(patients=70, doses=["50e6", "800e6"]).run(Processes(2)).tables["runs"]
    pd.testing.assert_frame_equal(few, published.tables["runs"].iloc[: len(few)], check_exact=True)


def test_another_spread_leaves_the_other_effects_as_they_are():
    patients = Population(patients=5, doses=["50e6"])
    plain = patients.patients_design(5).table
    burden = declare(Population, patients=5, doses=["50e6"], omegas={"Tumor_0": 0.8}).patients_design(5).table
    pd.testing.assert_frame_equal(plain, burden[plain.columns], check_exact=True)
    assert burden["Tumor_0"].nunique() == 5
    fixed = declare(Population, patients=5, doses=["50e6"], omegas={"K_21": 0}).patients_design(5).table
    assert (fixed["K_21"] == 0.176).all()
    assert (fixed["K_el_m"] == plain["K_el_m"]).all()


def test_the_omegas_are_those_of_table_1_and_those_assumed():
    assert omegas_of(load_card("clinical")) == {
        "K_exp_max": 0.22, "R_m": 4e-5, "K_kill_max": 0.5, "gamma_m": 0.21, "gamma_b": 1.0,
        "K_12": 0.5, "K_21": 0.5, "K_el_e": 0.5, "K_el_m": 0.5,
    }  # fmt: skip
    assert omegas_of(load_card("clinical_waning")) == omegas_of(load_card("clinical"))


def test_the_grid_moves_no_progression_by_a_day(monkeypatch):
    study = Population(patients=60, doses=["150e6"])
    coarse = study.run(Serial()).tables["runs"]
    monkeypatch.setattr(module, "STEPS", ((0, np.inf, 1.0),))
    fine = study.run(Serial()).tables["runs"]
    for rule in ("nadir_25", "nadir_25_and_5", "baseline_25"):
        assert (coarse[f"pfs_{rule}"] - fine[f"pfs_{rule}"]).abs().max() < 1 / 30
    assert (coarse.best_response == fine.best_response).all()


def test_more_dose_is_worth_more_when_the_expansion_wanes():
    study = Population(
        patients=120, doses=["10e6", "150e6", "800e6"], threshold=150e6, model="clinical_waning",
        omegas={"Tumor_0": 0.8},
    )  # fmt: skip
    numbers = study.run(Serial()).numbers
    assert numbers["pd_fall_6"] > 4
    assert numbers["cr_rise_6"] > 3
    assert numbers["pd_flat_6"] < numbers["pd_fall_6"]
    assert numbers["pd_later_least"] > 10


def test_below_one_cell_nothing_grows_again_when_there_is_extinction():
    def late(model):
        study = Population(patients=120, doses=["150e6"], months=[48], model=model)
        numbers = study.run(Serial()).numbers
        return [numbers[name] for name in ("event_free_pfs_nadir_25_150", "second_response_150", "pd_48_150")]

    (free, again, progressed), (free_now, again_now, progressed_now) = (
        late("clinical"),
        late("clinical_extinction"),
    )
    assert free < 4 < 8 < free_now
    assert again > 25
    assert again_now == 0
    assert progressed < 3 < 10 < progressed_now


def test_without_cells_the_tumour_grows():
    numbers = Population(patients=2, doses=[0]).run(Serial()).numbers
    assert numbers["orr_0"] == 0
    assert numbers["pd_6_0"] == 100
    assert np.isnan(numbers["median_dor_nadir_25_0"])


def test_a_failed_simulation_has_a_row_and_is_in_no_share(monkeypatch):
    def broken(planned, executor, progress):
        found = run_plan(planned, executor, progress)
        found[CHANGE][1] = np.nan
        found["status"][1], found["reason"][1] = "not finite", "it grew"
        return found

    monkeypatch.setattr(planned, "run", broken)
    outcome = Population(patients=3, doses=["50e6", "800e6"]).run(Serial())
    assert outcome.failed == outcome.numbers["failed"] == 1
    assert "1 of 6 simulations failed" in outcome.notes[-1]
    row = outcome.tables["runs"].iloc[1]
    assert (row.status, row.reason) == ("not finite", "it grew")
    assert (row.best_response, row.response_6) == ("", "")
    counted = outcome.tables["fractions"].query("month == 6 and bin == 'CR'").set_index("dose").patients
    assert counted.to_dict() == {50e6: 3, 800e6: 2}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"patients": 0}, "patients: "),
        ({"patients": 10**9}, "patients: "),
        ({"until": "200 years"}, "until: a follow-up of at most 600 months"),
        ({"doses": []}, "doses: expected one or more distinct numbers"),
        ({"doses": [1e8, 1e8]}, "doses: expected one or more distinct numbers"),
        ({"doses": ["nan"]}, "doses: 'nan' is not a number"),
        ({"threshold": 2e8}, "threshold: 2e\\+08 is none of the doses"),
        ({"rule": "nadir"}, "rule: no rule of progression 'nadir'; nearest: nadir_25"),
        ({"months": [60]}, "months: month 60 lies after the end, 48 months"),
        ({"omegas": {"K12": 1}}, "no parameter in clinical 'K12'; nearest: K_12"),
        ({"omegas": {"K_12": -1}}, "omega must be finite and not negative"),
        ({"strict_cr": 0}, "the bound of CR must be at or below that of VGPR"),
        ({"model": "xenograft"}, "model xenograft has no M_protein_change"),
        ({"published": "absent.csv"}, "absent.csv: no such file"),
        ({"published": "trials/trial_outcomes.csv"}, "crb401_50 has arms at 5e\\+07 cells; add the dose"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(fields, said):
    with pytest.raises(InputError, match=said) as caught:
        declare(Population, **{"patients": 2, "doses": [1e8]} | fields).run(Serial())
    assert "\n" not in str(caught.value)
