"""Studies of virtual patients whose parameters are draws of a posterior."""

import numpy as np
import pytest

from harness.declarations import declare
from harness.errors import InputError
from harness.simulation.execute import Serial
from harness.simulation.run import run as run_plan
from harness.studies.arms import Arms
from harness.studies.compare import Compare
from harness.studies.drivers import Drivers
from harness.studies.escalation import Escalation
from harness.studies.exposure import ExposureResponse
from harness.studies.map import Map
from harness.studies.population import Population
from harness.studies.trial import Trial
from harness.studies.virtual_patients import VirtualPatients

ONE = "K_g,gamma_m,omega_K_g\n0.016,0.3,0\n"
TWO = "K_g,t_wane\n0.01,8\n0.02,12\n"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "draws.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_patients_of_one_draw_are_those_of_its_values(file):
    given = {"patients": 5, "doses": [1e8], "seed": 3}
    drawn = Population(**given, posterior=file(ONE)).patients_design(5).table
    fixed = Population(**given, changes={"K_g": "0.016 1/day", "gamma_m": "0.3"}).patients_design(5).table
    assert (drawn["K_g"] == 0.016).all()
    for name in fixed:
        assert drawn[name].to_numpy() == pytest.approx(fixed[name].to_numpy(), rel=1e-14)


def test_patients_of_a_population_have_a_draw_each_and_those_of_a_trial_share_one(file):
    path = file(TWO)
    model = {"model": "clinical_clocks", "posterior": path}
    table = Population(patients=40, doses=[1e8], **model).patients_design(40).table
    pairs = set(zip(table["K_g"], table["t_wane"], strict=True))
    assert pairs == {(0.01, 8.0), (0.02, 12.0)}
    arms = {"a": {"patients": 3, "doses": ["1e8"]}, "b": {"patients": 2, "doses": ["2e8"]}}
    trial = Trial(arms=arms, visits="28,56", replicates=12, **model)
    values = trial.plan().design.table["K_g"].to_numpy().reshape(12, 5)
    assert (values == values[:, :1]).all()
    assert set(values[:, 0]) == {0.01, 0.02}


def test_the_calibrated_reading_comes_with_its_posterior_and_is_run():
    outcome = Population(patients=4, doses=[1e8], posterior="calibrated", until="24 months").run(Serial())
    assert outcome.failed == 0
    runs = outcome.tables["runs"]
    assert runs["f_resist"].nunique() == runs["K_el_e"].nunique() == 4
    assert (runs["crowding"] == 1e-12).all()


def test_without_a_posterior_patients_are_the_published_ones():
    reading = Population(patients=3, doses=[1e8], readings=["calibrated"]).patients_design(3).table
    plain = Population(patients=3, doses=[1e8]).patients_design(3).table
    assert list(reading) == list(plain)


def test_a_value_for_all_of_what_is_drawn_is_refused(file):
    study = Population(patients=3, doses=[1e8], posterior=file(ONE), changes={"gamma_m": "0.2"})
    with pytest.raises(InputError, match="gamma_m"):
        study.patients_design(3)


def test_a_map_is_the_middle_of_the_draws(file):
    axes = {"dose": "1e8:4e8:log:2", "burden": {"low": 20, "high": 60, "points": 2}, "until": "60 days"}
    one = Map(**axes, posterior=file("K_g\n0.016\n")).run(Serial())
    fixed = Map(**axes, changes={"K_g": "0.016 1/day"}).run(Serial())
    assert one.runs == 32 * fixed.runs
    for name in ("Cmax", "Tmax", "M_fall", "sBCMA_fall"):
        expected = fixed.tables["map"][name].to_numpy()
        assert one.tables["map"][name].to_numpy() == pytest.approx(expected, rel=1e-4)
    rows = file("EC50_exp,weight\n10,0.4\n1e9,0.6\n")
    middle = Map(**axes, posterior=rows).run(Serial()).tables["map"]
    assert np.isnan(middle["Tmax"]).all() or (middle["Cmax"] < fixed.tables["map"]["Cmax"]).all()
    with pytest.raises(InputError, match="K_g"):
        Map(**axes, posterior=file("K_g\n0.01\n"), changes={"K_g": "0.01"}).run(Serial())


def test_a_draw_without_a_peak_is_no_high_one_in_a_cell_of_a_map(file):
    """The peak of a cell is the middle one of those that there are; of an axis a draw says nothing."""
    axes = {"dose": "1e8:4e8:log:2", "burden": {"low": 20, "high": 60, "points": 2}, "until": "60 days"}
    study = Map(**axes, posterior=file("K_exp_max,Tumor_0\n1.5,1e9\n1.6,1e9\n1.73,2e9\n0.1,2e9\n"))
    planned = study.plan()
    found = run_plan(planned)
    outcome = study.read_off(planned, found)
    peaks = found["Cmax"].to_numpy().reshape(-1, 32)
    none = np.isnan(peaks).sum(axis=1)
    assert ((none > 0) & (none < 16)).all()
    expected = [np.percentile(row[np.isfinite(row)], 50, method="inverted_cdf") for row in peaks]
    assert outcome.tables["map"]["Cmax"].to_numpy() == pytest.approx(np.array(expected))
    assert any(note.startswith("Tumor_0 of the draws has no part") for note in outcome.notes)
    few = Map(**axes, posterior=file("K_exp_max,weight\n1.73,0.2\n0.1,0.8\n")).run(Serial()).tables["map"]
    assert few[["Cmax", "Tmax"]].isna().all(axis=None)
    assert few["M_fall"].notna().all()


STUDIES = {
    Population: {"patients": 3, "doses": [1e8]},
    Trial: {"arms": {"a": {"patients": 3, "doses": ["1e8"]}}, "visits": "28,56", "replicates": 1},
    Compare: {"arms": {"a": {"doses": ["1e8"]}, "b": {"doses": ["2e8"]}}, "patients": 10},
    Drivers: {"arms": {"a": {"doses": ["1e8"]}}, "parameters": {"K_off": "range"}, "patients": 10},
    ExposureResponse: {"patients": 3},
    Escalation: {"patients": 3, "doses": [1e8], "toxicity": {"at": 1e5, "probability": 0.3, "slopes": [1]}},
}


def test_every_study_of_virtual_patients_runs_the_model_of_its_posterior():
    assert set(VirtualPatients.__subclasses__()) - {Arms} | set(Arms.__subclasses__()) == set(STUDIES)
    for study, given in STUDIES.items():
        planned = declare(study, **given, posterior="calibrated").plan()
        assert planned.study.program.model == "clinical_clocks"
        assert (planned.design.table["crowding"] == 1e-12).all()
