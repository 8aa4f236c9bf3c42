"""A study means days and months whatever unit of time its model has."""

import numpy as np
import pandas as pd
import pytest

from harness.declarations import declare
from harness.simulation.execute import Serial
from harness.studies.compare import Compare
from harness.studies.escalation import Escalation
from harness.studies.exposure import ExposureResponse
from harness.studies.population import Population
from harness.studies.trial import Trial

MODEL = """model own()
  unit time_unit = {seconds} second; unit substance = 1 item; compartment V = 1; dose = 1e8;
  substanceOnly species A in V; A = dose; k = {k}; g = {g}; kill = {kill};
  M = 1; M' = g*M - kill*A/1e8*M; J: A -> ; k*A; M_protein_change := 100*(M - 1);
end
"""
CARD = """dose: {{parameter: dose, species: A}}
until: {end}
observables: [A, M_protein_change]
endpoints:
  Cmax: {{function: highest, observable: A}}
  best_response: {{function: best_response, observable: M_protein_change, options: {{first_visit: {first}}}}}
"""
SPREAD = {"omegas": {"kill": 0.5, "g": 0.5}, "seed": 2}
STUDIES = [
    (
        Compare,
        {"arms": {"a": {"doses": ["1e8"]}, "b": {"doses": ["3e8"]}}, "patients": 20, "draws": 100,
         "until": "8 months", "read_month": 1},
        "runs",
    ),
    (ExposureResponse, {"patients": 20, "doses": [1e8], "exposures": {"Cmax": "Cmax"}, "until": "8 months"},
     "runs"),
    (Escalation, {"patients": 20, "doses": [1e8, 3e8], "trials": 20,
                  "toxicity": {"at": 2e8, "probability": 0.3, "slopes": [1]}}, "designs"),
    (Population, {"patients": 10, "doses": [1e8], "months": [1, 3], "until": "8 months"}, "medians"),
]  # fmt: skip


def model(folder, hours):
    units = 24 if hours else 1
    path = folder / ("in_hours.ant" if hours else "in_days.ant")
    rates = {"k": 0.2 / units, "g": 0.05 / units, "kill": 0.6 / units}
    path.write_text(MODEL.format(seconds=86400 / units, **rates), "utf-8")
    path.with_suffix(".yaml").write_text(CARD.format(end=240 * units, first=28 * units), "utf-8")
    return str(path)


@pytest.mark.parametrize(("kind", "fields", "table"), STUDIES)
def test_a_study_is_the_same_of_a_model_in_days_and_in_hours(kind, fields, table, tmp_path):
    days, hours = (
        declare(kind, model=model(tmp_path, of), **fields, **SPREAD).run(Serial()) for of in (False, True)
    )
    same = [name for name in days.tables[table] if name not in ("reason", "k", "g", "kill")]
    one, other = (outcome.tables[table][same] for outcome in (days, hours))
    pd.testing.assert_frame_equal(one, other, rtol=1e-4, atol=1e-6)
    assert one.select_dtypes("number").notna().any(axis=None)
    numbers = (np.array(list(outcome.numbers.values()), float) for outcome in (days, hours))
    np.testing.assert_allclose(*numbers, rtol=1e-3, atol=1e-6)


def test_a_trial_is_the_same_of_a_model_in_days_and_in_hours(tmp_path):
    arms = {"a": {"patients": 10, "doses": ["1e8", "1e8 @ 60 day"]}}
    fields = {"arms": arms, "replicates": 2, "dropout": 0.1, **SPREAD}
    days, hours = (
        declare(Trial, model=model(tmp_path, of), visits=visits, **fields).run(Serial()).tables["patients"]
        for of, visits in ((False, "28:224:28"), (True, "672:5376:672"))
    )
    pd.testing.assert_frame_equal(days, hours, rtol=1e-9)
