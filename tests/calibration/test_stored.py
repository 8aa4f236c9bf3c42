"""The posteriors that the project holds are those of its candidates as they are declared now."""

from harness.calibration.declared import read_calibration
from harness.calibration.stored import STORED, read_draws
from harness.models.card import repository


def test_every_candidate_has_a_posterior_of_these_data_priors_and_models():
    folder = repository() / "validation"
    declared = read_calibration(folder / "dose" / "candidates.yaml")
    for name in declared.candidates:
        draws = read_draws(declared, name, folder / STORED)
        assert len(draws) == 100
        assert set(draws) == {*declared.priors(name), "trial"}
