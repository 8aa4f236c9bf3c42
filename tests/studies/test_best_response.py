"""Best response and progression have one definition, whoever asks: endpoint, population, trial or patient."""

import numpy as np
import pytest

from harness.analysis.response import FIRST_VISIT, RULE, category_names, criteria
from harness.declarations import declare
from harness.models.catalog import load_card, model_names
from harness.models.provenance import omegas_of
from harness.simulation.execute import Serial
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.studies.cohort import patient_rows
from harness.studies.patients import Patients
from harness.studies.population import Population
from harness.studies.trial import Trial


def test_the_endpoints_of_response_are_those_of_populations():
    names = [f"progression_time(M_protein_change, rule={rule})" for rule in criteria().rules]
    found = run(plan("clinical", grid(dose=[150e6]), endpoints=["best_response", "PFS", *names], until=1200))
    by_rule = {rule: found[f"progression_time_M_protein_change_rule_{rule}"][0] for rule in criteria().rules}
    assert found.PFS[0] == by_rule[RULE]
    assert by_rule["nadir_25"] < by_rule["nadir_25_and_5"] < by_rule["baseline_25"]
    one = declare(
        Population, patients=1, doses=[150e6], omegas=dict.fromkeys(omegas_of(load_card("clinical")), 0)
    )
    patient = one.run(Serial()).tables["runs"].iloc[0]
    assert patient.best_response == category_names()[int(found.best_response[0])]
    assert patient[f"pfs_{RULE}"] * 30.4375 == pytest.approx(float(found.PFS[0]), rel=2e-3)


def test_a_model_assesses_response_from_the_declared_first_visit():
    declared = [e for name in model_names() for e in load_card(name).endpoints.values()]
    visits = [e.options["first_visit"] for e in declared if e.function == "best_response"]
    assert set(visits) == {FIRST_VISIT}


def test_a_trial_that_looks_often_finds_the_responses_of_the_population():
    fields = {"model": "clinical_waning", "omegas": {"Tumor_0": 0.8}}
    # Doses so low that some patients progress early; the first 60 patients are the same in both.
    population = declare(Population, patients=60, doses=["1e6"], until="24 months", **fields)
    arms = {"one": {"patients": 60, "doses": ["1e6"]}}
    trial = declare(Trial, arms=arms, visits="28:728:1", replicates=1, **fields)
    of_population = population.run(Serial()).tables["runs"]
    of_trial = trial.run(Serial()).tables["patients"]
    assert of_population.best_response.nunique() > 3
    assert (of_population.best_response == of_trial.best_response).all()
    later = of_trial.pfs * 30.4375 - of_population[f"pfs_{RULE}"] * 30.4375
    assert later[of_trial.progressed & (of_trial.pfs > 1)].between(-0.1, 1.1).all()


def test_the_defaults_stand_in_one_file():
    assert criteria().rule in criteria().rules
    for study in (Population, Trial, Patients):
        assert study.model_fields["rule"].default == RULE
    for study in (Population, Patients):
        assert study.model_fields["first_visit"].default == FIRST_VISIT


def test_a_stricter_bound_counts_from_the_first_visit_to_progression_too():
    time = np.array([0.0, 0.5, 1, 2, 3, 4])
    change = np.array(
        [[0, -10, 0, 40, -60, -99.5], [0, -99.5, -96, -96, -96, -96], [0, -60, -96, -99.5, -90, 0]]
    )
    runs = patient_rows(time, change[:, np.newaxis], (1e8,), (1.0,), -99, first_visit=1, best_by=RULE)
    assert runs.best_response.tolist() == ["SD", "CR", "CR"]
    assert runs.cr_strict.tolist() == [False, False, True]
