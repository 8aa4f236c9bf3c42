"""What a trial sees: only visits, and only while a patient comes."""

import numpy as np
import pytest

from harness.analysis.response import category_names
from harness.analysis.visits import best_response_at_visits, progression_at_visits

VISITS = np.array([0.0, 28, 56, 84, 112])
CHANGE = np.array([0.0, -60, -96, -70, -70])
ALL = np.ones(5, bool)


def name(change, attended, **options):
    found = best_response_at_visits(np.array([change]), np.array([attended]), **options)[0]
    return None if np.isnan(found) else category_names()[int(found)]


def test_the_best_response_is_that_of_the_best_visit_attended():
    assert name(CHANGE, ALL) == "CR"
    assert name(CHANGE, [True, True, False, False, False]) == "PR"
    assert name(CHANGE, [True, False, False, False, False]) is None


def test_a_confirmed_response_holds_at_the_next_visit_too():
    assert name(CHANGE, ALL, in_a_row=2) == "PR"
    assert name([0, -96, -97, 50, 50.0], ALL, in_a_row=2) == "CR"
    assert name(CHANGE, [True, True, False, False, False], in_a_row=2) is None
    assert name(CHANGE, ALL, in_a_row=9) is None


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
    assert np.isnan(best_response_at_visits(nothing, attended)[0])


@pytest.mark.parametrize(("rule", "day"), [("nadir_25", 28), ("nadir_25_and_5", 56), ("baseline_25", 84)])
def test_the_rules_of_progression_are_those_of_the_declared_criteria(rule, day):
    # baseline 10 %, then 12.6, 16, 40 % of it
    change = np.array([[-90, -87.4, -84, -60, -60.0]])
    duration, event = progression_at_visits(VISITS, change, np.ones((1, 5), bool), rule)
    assert (duration[0], event[0]) == (day, True)
