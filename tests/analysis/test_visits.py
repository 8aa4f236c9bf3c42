"""What a trial sees: only visits, and only while a patient comes."""

import numpy as np
import pytest

from harness.analysis.response import best_response, category_names, criteria
from harness.analysis.visits import best_response_at_visits, progression_at_visits

VISITS = np.array([0.0, 28, 56, 84, 112])
CHANGE = np.array([0.0, -60, -96, -70, -70])
ALL = np.ones(5, bool)


def name(change, attended, **options):
    found = best_response_at_visits(VISITS, np.array([change]), np.array([attended]), **options)[0]
    return None if np.isnan(found) else category_names()[int(found)]


def test_the_best_response_is_that_of_the_best_visit_attended():
    assert name(CHANGE, ALL) == "CR"
    assert name(CHANGE, [True, True, False, False, False]) == "PR"
    assert name(CHANGE, [True, False, False, False, False]) is None


def test_a_confirmed_response_holds_at_the_next_visit_too():
    assert name([0, -60, -96, -93, -93.0], ALL, in_a_row=2) == "VGPR"
    assert name([0, -96, -97, 50, 50.0], ALL, in_a_row=2) == "CR"
    assert name(CHANGE, [True, True, False, False, False], in_a_row=2) is None
    assert name(CHANGE, ALL, in_a_row=9) is None


def test_a_response_after_progression_is_none():
    assert name([0, 0, 40, -60, -96.0], ALL) == "SD"
    assert name([0, 40, 50, -60, -96.0], ALL) == "PD"
    assert name([0, -20, 40, -60, -60.0], ALL) == "SD"
    assert name([0, -60, 0, -96, -96.0], ALL, rule="baseline_25") == "PR"


def test_progression_that_comes_before_anything_is_confirmed_is_the_best_response():
    assert name([0, 40, 50, -60, -96.0], ALL, in_a_row=2) == "PD"
    assert name([0, -60, -20, -20, -96.0], ALL, in_a_row=2) == "SD"


def test_visits_read_the_best_response_of_the_curve_between_them():
    # Smooth courses, looked at every day from day 28 on: what a population and a fitted patient are read off.
    time, random = np.arange(0.0, 401), np.random.default_rng(1)
    fall, depth, back = (random.uniform(*ends, (300, 1)) for ends in ((0.002, 0.2), (0, 1), (-0.002, 0.01)))
    change = 100 * (1 - depth * (1 - np.exp(-fall * time))) * np.exp(back * time) - 100
    seen = np.concatenate([[0], np.arange(28, 401)])
    for rule in criteria().rules:
        of_curve = best_response(time, change, first_visit=28, rule=rule)
        at_visits = best_response_at_visits(
            time[seen], change[:, seen], np.ones((300, seen.size), bool), rule
        )
        assert set(of_curve) > {0, 2, 4, 5}
        assert (of_curve != at_visits).mean() < 0.01  # progression between two days, at a bound


def test_progression_is_dated_by_the_first_visit_that_shows_it():
    # lowest at day 56, 4 % of baseline; 30 % at day 84 is far over 1.25 times that
    duration, event = progression_at_visits(VISITS, np.array([CHANGE]), np.array([ALL]))
    assert (duration[0], event[0]) == (84, True)


def test_progression_that_the_next_visit_does_not_confirm_is_none():
    change = np.array([[0, -90, -80, -90, -80], [0, -90, -80, -80, -90], [0, -90, -90, -90, -80.0]])
    attended = np.ones(change.shape, bool)
    duration, event = progression_at_visits(VISITS, change, attended, in_a_row=2)
    assert duration.tolist() == [112, 56, 112]
    assert event.tolist() == [False, True, False]


def test_who_leaves_is_censored_at_the_last_visit():
    attended = np.array([[True, True, True, False, False], [True] + 4 * [False]])
    duration, event = progression_at_visits(VISITS, np.array([CHANGE, CHANGE]), attended)
    assert duration.tolist() == [56, 0]
    assert not event.any()


def test_a_failed_simulation_gives_nothing():
    nothing, attended = np.full((1, 5), np.nan), np.ones((1, 5), bool)
    duration, event = progression_at_visits(VISITS, nothing, attended)
    assert np.isnan(duration[0])
    assert not event[0]
    assert np.isnan(best_response_at_visits(VISITS, nothing, attended)[0])


@pytest.mark.parametrize(("rule", "day"), [("nadir_25", 28), ("nadir_25_and_5", 56), ("baseline_25", 84)])
def test_the_rules_of_progression_are_those_of_the_declared_criteria(rule, day):
    # baseline 10 %, then 12.6, 16, 40 % of it
    change = np.array([[-90, -87.4, -84, -60, -60.0]])
    duration, event = progression_at_visits(VISITS, change, np.ones((1, 5), bool), rule)
    assert (duration[0], event[0]) == (day, True)
