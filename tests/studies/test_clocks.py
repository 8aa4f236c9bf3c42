import numpy as np
import pytest

from harness.declarations import declare
from harness.errors import InputError
from harness.figures.clocks import draw_clocks
from harness.simulation.execute import Serial
from harness.studies.clocks import Clocks

CASES = {
    "published": {"label": "as published"},
    "second_clock": {
        "label": "ends", "model": "clinical_clocks", "changes": {"t_wane": "9 day"}, "engraftment": 3,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def outcome():
    study = declare(Clocks, kind="clocks", doses=[1e7, 1e9], patients=16, cases=CASES, engine="roadrunner")
    return study, study.run(Serial())


def test_a_lower_dose_delays_the_peak_and_a_second_clock_makes_it_matter(outcome):
    study, found = outcome
    assert tuple(found.numbers) == study.number_names()
    assert found.numbers["days_per_efold"] == pytest.approx(1, abs=0.3)
    assert found.numbers["cmax_fold"] < 1.25
    assert abs(found.numbers["rise_published"]) < 7
    assert found.numbers["rise_second_clock"] > 10
    assert found.numbers["failed"] == 0
    assert found.runs == study.size() == 2 * (1 + 16 * 2)


def test_the_patients_of_a_case_are_the_same_at_every_dose_and_engraftment_scales_all_their_doses():
    study = declare(Clocks, kind="clocks", doses=[1e7, 1e9], patients=8, cases=CASES)
    doses = study._design("second_clock", study.cases["second_clock"]).table["dose"].to_numpy().reshape(8, 2)
    assert np.allclose(doses[:, 1] / doses[:, 0], 100)
    assert np.ptp(np.log(doses[:, 0])) > 3


def test_it_is_drawn(outcome):
    assert len(draw_clocks(outcome[1])) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"doses": [1e9, 1e7]}, "ascending"),
        ({"doses": [0.5, 1e7]}, "at least one cell"),
        ({"cases": {}}, "one case or more"),
    ],
)
def test_what_is_wrong_with_a_declaration_is_told(given, said):
    with pytest.raises(InputError, match=said):
        declare(Clocks, **{"kind": "clocks", "doses": [1e7, 1e9], "cases": CASES, **given})


def test_a_value_for_all_of_what_is_spread_is_refused():
    cases = {"a": {"label": "a", "omegas": {"Tumor_0": 0.8}, "changes": {"Tumor_0": "1e9 1/L"}}}
    study = declare(Clocks, kind="clocks", doses=[1e7, 1e9], cases=cases)
    with pytest.raises(InputError, match="Tumor_0 is varied"):
        study._design("a", study.cases["a"])
