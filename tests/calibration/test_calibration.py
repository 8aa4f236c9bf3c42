"""Calibration: each formula against a value from elsewhere, and the whole on a small problem."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom, multinomial, norm

from harness.calibration.benchmarks import DIMENSIONS, benchmark
from harness.calibration.declared import read_calibration
from harness.calibration.evidence import Taught, correct, log_ratio_of_means
from harness.calibration.fitted import PART, fit_candidate
from harness.calibration.likelihood import (
    log_medians,
    log_of_any_trial,
    log_responses,
    log_table,
    probabilities,
)
from harness.calibration.observed import ObservedResponses, class_of, read_blind, read_observed
from harness.calibration.posterior import (
    draw_prior,
    effective,
    fresh_probabilities,
    log_predictive,
    weigh,
    weigh_anew,
)
from harness.calibration.simulated import SimulatedPoints, simulate
from harness.calibration.study import TABLES, Calibrate
from harness.calibration.surface import fit_surface
from harness.declarations import declare
from harness.errors import InputError
from harness.figures.calibration import draw_comparison, draw_responses
from harness.models.card import repository
from harness.simulation.execute import Serial

FILE = repository() / "validation" / "dose" / "candidates.yaml"


@pytest.fixture(scope="module")
def declared():
    return read_calibration(FILE)


@pytest.fixture(scope="module")
def observed(declared):
    return read_observed(declared)


def test_the_patients_and_the_blind_arms_are_those_of_the_published_tables(declared, observed):
    assert observed.doses == (50e6, 150e6, 450e6, 800e6)
    assert observed.counts.tolist() == [[0, 0, 1, 2, 0], [5, 0, 1, 1, 1], [8, 8, 2, 1, 0], [2, 1, 0, 0, 0]]
    assert {arm.name: arm.counts.tolist() for arm in read_blind(declared)} == {
        "karmma_150": [1, 1, 2],
        "karmma_300": [20, 28, 22],
        "karmma_450": [21, 23, 10],
    }


def test_nothing_of_the_blind_trial_is_in_what_is_fitted(declared):
    assert declared.blind_trial not in str(declared.model_dump(exclude={"blind_trial"}))
    assert 300e6 not in read_observed(declared).doses


def test_a_minor_response_is_stable_disease_and_a_failed_run_has_no_class():
    assert class_of(np.array([0, 1, 2, 3, 4, 5, np.nan])).tolist() == [0, 1, 2, 3, 3, 4, -1]


def test_the_probability_of_a_table_is_the_multinomial_one():
    p = np.array([[0.4, 0.2, 0.2, 0.15, 0.05], [0.1, 0.1, 0.3, 0.4, 0.1]])
    counts = np.array([[3, 1, 2, 0, 1], [0, 1, 2, 2, 0]])
    expected = sum(multinomial.logpmf(n, n.sum(), q) for n, q in zip(counts, p, strict=True))
    assert log_responses(p, counts) == pytest.approx(expected)
    three = np.array([[2, 3, 4]])
    assert log_table(p[:1], three) == pytest.approx(multinomial.logpmf([2, 3, 4], 9, [0.4, 0.4, 0.2]))


def test_a_trial_shifts_every_cumulative_logit_and_a_lapse_is_even():
    cumulative = np.array([[0.2, 0.5, 0.8, 0.95]])
    assert probabilities(cumulative, np.array(0.0), 1e-9)[0] == pytest.approx([0.2, 0.3, 0.3, 0.15, 0.05])
    shifted = probabilities(cumulative, np.array(math.log(3)), 1e-9)[0].cumsum()[:4]
    assert shifted / (1 - shifted) == pytest.approx(3 * cumulative[0] / (1 - cumulative[0]))
    lapsed = probabilities(cumulative, np.array(0.0), 0.1)[0]
    assert lapsed == pytest.approx(0.9 * np.array([0.2, 0.3, 0.3, 0.15, 0.05]) + 0.02)


def test_the_median_of_n_lies_between_two_times_as_often_as_the_middle_of_n_does(declared):
    """For three patients of one group: at least two below the upper bound, and not so below the lower one."""
    one = declared.model_copy(update={"medians": {"low": declared.medians["low"]}, "lapse": 1e-12})
    observed = ObservedResponses((50e6,), np.array([[0, 0, 3, 0, 0]]))
    progressed = np.zeros((len(one.doses), 3, 2))
    progressed[0, 1] = 0.3, 0.6
    at_least_two = [binom.sf(1, 3, p) for p in (0.3, 0.6)]
    expected = math.log(at_least_two[1] - at_least_two[0])
    assert log_medians(progressed, one, observed) == pytest.approx(expected, rel=1e-6)


def test_a_likelihood_of_any_trial_is_the_integral_over_its_effect(declared, observed):
    cumulative = np.tile([0.3, 0.5, 0.8, 0.98], (1, len(declared.doses), 1))
    progressed = np.full((1, len(declared.doses), 3, 4), 0.5)
    places = [declared.doses.index(dose) for dose in observed.doses]

    def of_effect(effect):
        p = probabilities(cumulative[0, places], np.array(effect), declared.lapse)
        return math.exp(log_responses(p, observed.counts)) * norm.pdf(effect, 0, declared.block.trial_sd)

    expected = math.log(quad(of_effect, -4, 4)[0]) + log_medians(progressed, declared, observed)[0]
    found = log_of_any_trial(declared, cumulative, progressed, observed)
    assert found == pytest.approx([expected], abs=0.02)


def test_a_median_is_left_out_with_its_cohort(declared, observed):
    progressed = np.full((len(declared.doses), 3, 4), 0.5)
    progressed[..., 1::2] = 0.6
    both = log_medians(progressed, declared, observed)
    only = log_medians(progressed, declared, observed.without(50e6))
    none = log_medians(progressed, declared, observed.without(150e6).without(50e6))
    assert both < only < none == 0


def logistic_patients(declared, points, patients, seed):
    """Patients whose response is a logistic function of one coordinate and of ln dose."""
    rng = np.random.default_rng(seed)
    shape = (len(points), len(declared.doses), patients)
    x = np.log(np.array(declared.doses) / 300e6)
    eta = 0.5 + 0.8 * points[:, :1] + 0.6 * x
    classes = np.where(rng.random(shape) < 1 / (1 + np.exp(-eta))[..., None], 0, 3)
    return SimulatedPoints(points, classes, rng.exponential(10, shape), 0), 1 / (1 + np.exp(-eta))


def test_a_surface_finds_the_probabilities_that_patients_were_drawn_from(declared):
    points = np.random.default_rng(1).standard_normal((400, 2))
    patients, truth = logistic_patients(declared, points, 50, 2)
    cumulative, progressed = fit_surface(declared, patients)(points)
    assert np.abs(cumulative[..., 0] - truth).max() < 0.05
    bounds = np.array([b for median in declared.medians.values() for b in median.bounds])
    assert progressed[..., 0, :].mean(axis=(0, 1)) == pytest.approx(1 - np.exp(-bounds / 10), abs=0.02)


def test_fresh_patients_say_what_is_true_at_their_point_whatever_the_surface_is(declared):
    """A surface whose logits are off by a line in ln dose, which is what fresh patients can tell."""
    points = np.zeros((1, 2))
    taught, _ = logistic_patients(declared, np.random.default_rng(1).standard_normal((400, 2)), 50, 2)
    surface = fit_surface(declared, taught)
    surface.response[0] += 0.7
    surface.response[3] -= 0.3  # of ln dose, after the intercept and two coordinates
    patients, truth = logistic_patients(declared, points, 20_000, 3)
    assert abs(surface(points)[0][0, :, 0] - truth[0]).max() > 0.1
    cumulative, progressed = fresh_probabilities(declared, patients, surface)
    assert cumulative[0, :, 0] == pytest.approx(truth[0], abs=0.01)
    bounds = np.array([b for median in declared.medians.values() for b in median.bounds])
    assert progressed[0, :, 0] == pytest.approx(np.tile(1 - np.exp(-bounds / 10), (5, 1)), abs=0.02)


def test_patients_of_other_doses_make_a_fresh_probability_more_certain(declared):
    taught, _ = logistic_patients(declared, np.random.default_rng(1).standard_normal((400, 2)), 50, 2)
    surface = fit_surface(declared, taught)
    patients, truth = logistic_patients(declared, np.zeros((300, 2)), 100, 3)
    own = (patients.classes == 0).mean(axis=-1)
    cumulative, _ = fresh_probabilities(declared, patients, surface)
    off = (cumulative[..., 0] - truth)[:, 3].std() / (own - truth)[:, 3].std()
    assert 0.3 < off < 0.7


def test_the_evidence_of_a_benchmark_hangs_on_no_seed_and_without_dose_all_doses_are_alike(
    declared, observed
):
    draws = draw_prior(DIMENSIONS, 1 << 14, 5)
    found = benchmark("ordinal", declared, draws, observed)
    again = benchmark("ordinal", declared, draw_prior(DIMENSIONS, 1 << 14, 6), observed)
    assert found.log_evidence == pytest.approx(again.log_evidence, abs=0.1)
    assert effective(found.weights) > 100
    flat = found.probability[:, 0] - found.probability[:, -1]
    assert np.abs(flat).max() == 0


def test_the_predictive_probability_without_a_trial_effect_is_that_of_the_table(declared):
    sure = declared.model_copy(update={"block": declared.block.model_copy(update={"trial_sd": 1e-9})})
    cumulative = np.tile([0.3, 0.5, 0.7, 0.9], (3, len(declared.doses), 1))
    blind = read_blind(declared)
    value, error = log_predictive(sure, cumulative, np.ones(3) / 3, blind, np.random.default_rng(1), trials=2)
    p = probabilities(cumulative, np.zeros(3), declared.lapse)[0]
    places = [declared.doses.index(arm.dose) for arm in blind]
    assert value == pytest.approx(log_table(p[places], np.array([arm.counts for arm in blind])), rel=1e-6)
    assert error == pytest.approx(0, abs=1e-6)


TINY = {"points": 8, "patients": 4, "draws": 256, "fresh": [3, 2], "fresh_patients": 4}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The file with a size of its own, and the study of one candidate with it."""
    folder = tmp_path_factory.mktemp("calibration")
    text = FILE.read_text("utf-8").replace("\nsizes:\n", f"\nsizes:\n  tiny: {TINY}\n".replace("'", ""))
    path = folder / "candidates.yaml"
    path.write_text(text, encoding="utf-8")
    given = {"declared": str(path), "budget": "tiny", "candidates": ["waning"], "kept": str(folder / "kept")}
    return declare(Calibrate, **given)


@pytest.fixture(scope="module")
def outcome(small):
    return small.run(Serial())


def test_a_study_gives_the_numbers_and_tables_that_it_names(small, outcome):
    assert tuple(outcome.numbers) == small.number_names()
    assert tuple(outcome.tables) == small.table_names() == (*TABLES, "draws_waning")
    assert outcome.failed == 0
    assert outcome.runs == small.size()
    comparison = outcome.tables["comparison"]
    assert list(comparison["candidate"]) == ["waning", "ordinal", "ordinal_dose"]
    assert np.isfinite(comparison["blind_log_p"]).all()
    assert set(outcome.tables["posterior"]["parameter"]) >= {"t_wane", "K_g", "trial"}
    assert len(draw_responses(outcome)) == 3
    assert len(draw_comparison(outcome)) == 2


def test_what_is_kept_gives_the_same_numbers_and_is_told_when_it_is_of_other_data(small, outcome, tmp_path):
    again = small.run(Serial())
    assert again.numbers == outcome.numbers
    other = tmp_path / "other.yaml"
    other.write_text(Path(small.declared).read_text("utf-8").replace("seed: 20261126", "seed: 7"), "utf-8")
    stale = small.model_copy(update={"declared": str(other)}).run(Serial())
    assert any("simulated again" in note for note in stale.notes)
    assert stale.numbers != outcome.numbers


def test_all_candidates_meet_their_models(declared):
    for name in declared.candidates:
        points = np.zeros((1, len(declared.priors(name))))
        found = simulate(declared, name, points, 2, "look", Serial())
        assert found.failed == 0
        assert (found.classes >= 0).all()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("t_wane: {median: 9, sd: 0.4", "t_wain: {median: 9, sd: 0.4", "t_wain"),
        ("t_wane: {median: 9, sd: 0.4", "t_wane: {median: -9, sd: 0.4", "median"),
        ("model: clinical_divisions", "model: clinical", "crowding"),
        ("fig5/crb401_best_response.csv", "fig5/nothing.csv", "nothing.csv"),
        ("blind_trial: KarMMa", "blind_trial: KarMMb", "KarMMb"),
        ("doses: [50e6, 150e6, 300e6", "doses: [50e6, 100e6, 300e6", "1.5e"),
        ("lapse: 0.02", "lapse: 0", "lapse"),
        ('"60 at 450e6": {450e6: 60}', '"60 at 450e6": {440e6: 60}', "designs: 60 at 450e6: 4.4e"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(tmp_path, old, new, said):
    path = tmp_path / "mine.yaml"
    text = FILE.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    def read():
        found = read_calibration(path)
        return read_observed(found), read_blind(found)

    with pytest.raises(InputError, match=said) as caught:
        read()
    assert "\n" not in str(caught.value)


def test_unknown_candidates_and_sizes_are_told():
    with pytest.raises(InputError, match="candidate"):
        declare(Calibrate, declared="dose/candidates.yaml", candidates=["wane"]).number_names()
    with pytest.raises(InputError, match="size"):
        declare(Calibrate, declared="dose/candidates.yaml", budget="huge").number_names()


def test_the_noise_of_few_patients_is_taken_out_of_the_evidence():
    """Likelihoods with log-normal noise, of twice the variance from half of the patients."""
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 0.6, (2, 4000))
    of_all = noise.mean(axis=0)
    assert np.log(np.exp(of_all).mean()) == pytest.approx(0.09, abs=0.03)
    found = log_ratio_of_means(of_all, noise, np.zeros(4000))
    assert found.value == pytest.approx(0, abs=4 * found.error)
    assert found.error < 0.03


def test_what_is_known_takes_what_both_share_out_of_an_evidence():
    rng = np.random.default_rng(9)
    shared, own = rng.normal(0, 1, 64), rng.normal(0, 0.1, 64)
    alone = log_ratio_of_means(shared + own, np.stack([shared + own] * 2), np.zeros(64))
    both = log_ratio_of_means(shared + own, np.stack([shared + own] * 2), shared - 2)
    assert both.error < alone.error / 5
    assert both.value == pytest.approx(2, abs=4 * both.error)


def first_posterior(declared, many, place, offset):
    """One on a surface of a logistic law, of which a coefficient of response is off."""
    draws = draw_prior(2, 1 << 14, 12)
    prior, _ = logistic_patients(declared, draws[:300, :-1], 40, 13)
    surface = fit_surface(declared, prior)
    surface.response[place] += offset
    return Taught(surface, many, weigh(declared, surface, draws, many), draws, (prior,))


def test_fresh_points_have_the_density_that_they_are_told_to_have(declared):
    many = ObservedResponses((50e6, 150e6, 450e6, 800e6), np.array([[8, 0, 0, 4, 0]] * 4))
    first = first_posterior(declared, many, 0, 0.0)
    density = np.exp(first.log_density(first.draws[:, :-1])) / len(first.draws)
    assert first.chances.sum() == pytest.approx(1)
    assert density.sum() == pytest.approx(1, abs=0.01)
    for power in (1, 2):
        moments = [share @ first.draws[:, :-1] ** power for share in (first.chances, density)]
        assert moments[0] == pytest.approx(moments[1], abs=0.01)
    alone = declared.model_copy(update={"medians": {}})
    for of, seen in ((declared, many), (alone, many), (alone, many.without(50e6))):
        asked = weigh_anew(of, first.weighted, seen).weights
        assert (asked <= 4.001 * first.chances).all(), "no point of any posterior is rarer than a quarter"


@pytest.mark.parametrize(("place", "offset"), [(0, 0.0), (0, 0.6), (1, -0.5), (4, 0.3)])
def test_an_evidence_is_that_of_the_truth_whatever_the_first_surface_is(declared, observed, place, offset):
    """Patients of a logistic law, against its own mean over the prior; a coefficient is off: the intercept,
    that of a coordinate, and that of its square, by which a tail is taken for less likely than it is."""
    many = ObservedResponses(observed.doses, np.array([[8, 0, 0, 4, 0]] * 4))
    first = first_posterior(declared, many, place, offset)
    draws = first.draws
    picked = np.random.default_rng(14).choice(len(draws), 48, p=first.chances)
    fresh, _ = logistic_patients(declared, draws[picked, :-1], 400, 15)
    found = correct(first, fresh, 16)
    _, truth = logistic_patients(declared, draws[:, :-1], 1, 17)
    alone = declared.model_copy(update={"medians": {}})
    cumulative = np.stack([truth, truth, truth, np.ones_like(truth)], axis=-1)
    for name, seen in (("responses", many), ("responses_without_50", many.without(50e6))):
        each = log_of_any_trial(alone, cumulative, np.zeros((len(truth), 1, 1, 0)), seen)
        expected = np.log(np.exp(each - each.max()).mean()) + each.max()
        assert found[name].value == pytest.approx(expected, abs=max(3 * found[name].error, 0.05))
        assert found[name].error < 0.2


def test_fresh_points_are_kept_in_parts_and_an_interruption_costs_the_last(small, tmp_path):
    declared = read_calibration(Path(small.declared))
    size = declared.size("tiny").model_copy(update={"fresh": (3, PART + 2)})
    given = (declared, "waning", size, read_observed(declared), Serial(), None, tmp_path)
    whole = fit_candidate(*given)
    assert whole.fresh.simulated.classes.shape[0] == PART + 2, "no point of an earlier round judges"
    assert whole.runs == size.runs * len(declared.doses)
    last = tmp_path / "waning_fresh_2.npz"
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    last.unlink()
    again = fit_candidate(*given)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert [name for name in after if after[name] != before[name]] == [last.name]
    assert np.array_equal(again.fresh.log_ratio, whole.fresh.log_ratio)


def test_draws_that_are_weighed_anew_are_those_that_are_weighed_at_first(declared, observed):
    points = np.random.default_rng(4).standard_normal((60, 2))
    patients, _ = logistic_patients(declared, points, 20, 5)
    surface, draws = fit_surface(declared, patients), draw_prior(2, 256, 6)
    without = observed.without(50e6)
    first = weigh(declared, surface, draws, without)
    again = weigh_anew(declared, weigh(declared, surface, draws, observed), without)
    assert np.array_equal(first.log_likelihood, again.log_likelihood)
    assert np.array_equal(first.weights, again.weights)
