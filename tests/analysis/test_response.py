"""Response and progression: exact bounds, events interpolated, and nothing made up where there is none."""

import numpy as np
import pytest

from harness.analysis.response import (
    RULE,
    best_response,
    category,
    category_names,
    criteria,
    duration_of_response,
    interval,
    is_responder,
    last_dose,
    progressed_by,
    progression_after_last_dose,
    progression_free,
    progression_time,
    responds_again,
    response_at,
    time_to_response,
)
from harness.errors import InputError

TIME = np.array([0.0, 10, 20, 30, 40])
FINE = np.linspace(0, 40, 401)


ROUNDED = 0.005
"""What a corner of straight lines, rounded over the steps beside it, moves a time by."""


def straight(*value):
    """The values at TIME, joined by straight lines."""
    return np.interp(FINE, TIME, value)


def names(change, **options):
    return [category_names()[int(n)] for n in category(np.array(change), **options)]


def test_a_bound_belongs_to_the_better_category_except_that_of_progression():
    assert names([-100, -95, -94.9, -90, -89.9, -50, -49, -25, -24, 24.9, 25, 80]) == [
        "CR", "CR", "VGPR", "VGPR", "PR", "PR", "MR", "MR", "SD", "SD", "PD", "PD",
    ]  # fmt: skip
    assert np.isnan(category(np.array([np.nan]))).all()


def test_the_bound_of_a_complete_response_can_be_moved_down_only():
    assert names([-96, -99, -99.5], cr_bound=-99) == ["VGPR", "CR", "CR"]
    with pytest.raises(InputError, match="at or below that of VGPR"):
        category(np.zeros(1), cr_bound=-80)


def best(value, **options):
    return [category_names()[int(n)] for n in best_response(TIME, np.array(value), **options)]


def test_best_response_is_that_of_the_lowest_change_from_the_first_visit():
    value = [[0, -60, -96, -96, 10.0], [0, 30, 60, 90, 120], [0, 5, 10, 15, 20]]
    assert best(value, first_visit=10) == ["CR", "PD", "SD"]
    assert best(value[:1], first_visit=10, stop=10) == ["PR"]
    assert np.isnan(best_response(TIME, np.array([0, np.nan, 0, 0, 0]), first_visit=10))
    assert np.isnan(best_response(TIME, np.array(value[0]), first_visit=50))
    assert is_responder(best_response(TIME, np.array(value), first_visit=10)).tolist() == [True, False, False]


def test_a_fall_after_progression_is_no_response():
    value = [[0, 0, 40, -60, -96.0], [0, -30, -5, -60, -96.0]]
    assert best(value, first_visit=10) == ["SD", "MR"]


def test_progression_as_best_response_does_not_hang_on_the_output_times():
    fine = np.linspace(0, 40, 4001)
    for time in (TIME, fine):
        value = 1.5 * time
        assert category_names()[int(best_response(time, value, first_visit=20))] == "PD"
        assert category_names()[int(best_response(time, value, first_visit=15))] == "SD"


def test_an_interval_is_what_its_category_holds():
    assert interval("VGPR") == (-95, -90)
    assert interval("CR") == (-np.inf, -95)
    assert interval("PD") == (25, np.inf)
    for name in category_names():
        low, high = interval(name)
        inside = max(low, -100) / 2 + min(high, 100) / 2
        assert names([inside]) == [name]
    with pytest.raises(InputError, match="no category of response 'VGRP'; nearest: VGPR"):
        interval("VGRP")


def test_time_to_response_is_interpolated():
    assert time_to_response(FINE, straight(0, -25, -75, -80, -80)) == pytest.approx(15)
    assert np.isnan(time_to_response(TIME, np.array([0, -10, -20, -30, -49.0])))


@pytest.mark.parametrize(
    ("rule", "expected"), [("nadir_25", 21.25), ("nadir_25_and_5", 22.5), ("baseline_25", 32.5)]
)
def test_progression_follows_the_rule(rule, expected):
    # nadir 10 % of baseline on day 20, then 20 % more a step: 10, 30, 50
    value = straight(0, -50, -90, -70, -50)
    assert progression_time(FINE, value, rule) == pytest.approx(expected, abs=ROUNDED)


def test_the_default_rule_asks_for_an_absolute_rise_too():
    # 1 % of baseline, then 4 %: four times the nadir, and still a complete response
    value = straight(0, -60, -99, -96, -96)
    assert criteria().rule == RULE == "nadir_25_and_5"
    assert np.isnan(progression_time(FINE, value))
    assert progression_time(FINE, value, "nadir_25") < 30


def test_growth_from_the_start_is_progression_and_a_steady_fall_is_none():
    assert progression_time(FINE, straight(0, 20, 30, 40, 50)) == pytest.approx(15)
    assert np.isnan(progression_time(TIME, np.array([0, -20, -30, -40, -50.0])))
    with pytest.raises(InputError, match="no rule of progression"):
        progression_time(TIME, np.zeros(5), "nadir")


def test_response_at_a_day_is_read_between_output_times_too():
    value = np.array([0, -60, -96, -50, 30.0])
    found = [category_names()[int(response_at(TIME, value, day))] for day in (10, 14, 20, 30, 32, 40)]
    assert found == ["PR", "PR", "CR", "PR", "SD", "PD"]
    assert np.isnan(response_at(TIME, value, 41))


def test_progression_by_a_day_is_a_time_of_progression_up_to_it():
    value = np.array([straight(0, -50, -90, -70, -50), straight(0, -20, -30, -40, -50), np.full(401, np.nan)])
    when = progression_time(FINE, value)[0]
    assert 20 < when < 30
    for day, found in ((when - 0.1, 0.0), (when + 0.1, 1.0), (40, 1.0)):
        assert progressed_by(FINE, value, day)[:2].tolist() == [found, 0.0]
    assert np.isnan(progressed_by(FINE, value, 40)[2])
    assert np.isnan(progressed_by(FINE, value, 41)).all()
    later = (
        progressed_by(FINE, value, when + 0.1, "baseline_25"),
        progressed_by(FINE, value, 33, "baseline_25"),
    )
    assert [found[0] for found in later] == [0, 1]  # a quarter of baseline over the nadir, on day 32.5


def test_progression_free_survival_ends_with_progression_or_with_the_curve():
    missing = np.full_like(FINE, np.nan)
    value = np.array([straight(0, -50, -90, -70, -50), straight(0, -20, -30, -40, -50), missing])
    duration, event = progression_free(FINE, value)
    assert duration[:2] == pytest.approx([22.5, 40], abs=ROUNDED)
    assert np.isnan(duration[2])
    assert event.tolist() == [True, False, False]


def test_the_duration_of_response_goes_from_response_to_relapse():
    value = np.array(
        [straight(0, -50, -90, -70, -50), straight(0, -40, -60, -70, -80), straight(0, -10, -20, -10, 0)]
    )
    duration, relapsed = duration_of_response(FINE, value)
    assert duration[:2] == pytest.approx([12.5, 25], abs=ROUNDED)
    assert np.isnan(duration[2])
    assert relapsed.tolist() == [True, False, False]


def test_progression_before_response_is_no_relapse():
    duration, relapsed = duration_of_response(TIME, np.array([[0, 30, -20, -60, -80.0]]))
    assert np.isnan(duration[0])
    assert not relapsed[0]


def test_every_category_is_in_one_bin_of_figure_6():
    assert sorted(name for names in criteria().bins.values() for name in names) == sorted(category_names())


def test_a_second_response_follows_one_that_was_lost():
    value = np.array(
        [
            [0, -60, -10, -50, -40.0],
            [0, -60, -24.9, -49, -40],
            [0, -60, -30, -60, -60],
            [0, -60, 30, 90, 120],
            [0, 10, -60, -60, -60],
            [0, np.nan, 0, 0, 0],
        ]
    )
    assert responds_again(value).tolist() == [True, False, False, False, False, False]


def test_progression_after_the_last_dose_counts_from_it_and_by_the_nadir_since():
    """Down to -80 % on day 30, up to -20 at 90, where a dose brings it down to -60 at 110; then it rises."""
    time = np.array([0.0, 30, np.nextafter(90, 0), 90, 110, 190])
    change = np.array([[0.0, -80, -20, -20, -60, 20]])
    doses = np.array([[0.0, 0.0], [90.0, 90.0]])
    assert last_dose(time, change, doses).tolist() == [90]
    assert last_dose(time, change, doses[:1]).tolist() == last_dose(time, change).tolist() == [0]
    rule = "baseline_25"  # to 25 % of baseline over the nadir: from 20 % to 45, and from 40 to 65
    assert progression_after_last_dose(time, change, rule, doses[:1]) == progression_time(time, change, rule)
    after = progression_after_last_dose(time, change, rule, doses)
    later, alone = time[3:] - 90, change[:, 3:]
    assert after == pytest.approx(progression_time(later, alone, rule))
    assert 20 < after[0] < 100
    assert np.isnan(progression_after_last_dose(time, np.full((1, 6), np.nan), rule, doses)).all()
