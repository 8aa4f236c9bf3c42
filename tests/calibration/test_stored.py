"""The posteriors that the project holds are those of its candidates as they are declared now."""

from harness.calibration.declared import read_calibration
from harness.calibration.stored import STORED, draws_table, read_draws
from harness.models.card import repository
from harness.models.catalog import load_card, select
from harness.simulation.draws import choose_draws

FOLDER = repository() / "validation"


def test_every_candidate_has_a_posterior_of_these_data_priors_and_models():
    declared = read_calibration(FOLDER / "dose" / "candidates.yaml")
    for name in declared.candidates:
        draws = read_draws(declared, name, FOLDER / STORED)
        assert len(draws) == (200 if declared.priors(name) else 1)
        assert set(draws) == set(declared.priors(name))


def test_the_calibrated_reading_is_the_middle_of_the_posterior_that_is_stored_beside_it():
    declared = read_calibration(FOLDER / "dose" / "candidates.yaml")
    chosen = select("clinical", "calibrated")
    stored = load_card("clinical").readings["calibrated"].posterior
    (name,) = (n for n in declared.candidates if stored == f"{STORED}/{draws_table(n)}.csv")
    assert chosen.card.id == declared.candidate(name).model
    readings, draws = choose_draws("clinical", (), "calibrated")
    assert readings == ("calibrated",)
    values = chosen.card.symbols.parse_all(chosen.changes)
    assert values == {p: float(f"{draws.table[p].median():.3g}") for p in draws.parameters}
    assert set(declared.changes(name)) < set(values)
