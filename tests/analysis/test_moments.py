"""Curves that doses make jump: closed forms of exponentials between doses, whatever the output times."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.analysis.curves import between, refined
from harness.analysis.endpoints import (
    area,
    fall_time,
    growth_rate,
    highest,
    last,
    lowest,
    peak_height,
    peak_time,
    time_above,
    value_at,
)  # fmt: skip
from harness.analysis.moments import (
    after_moment,
    before_moment,
    jumps,
    just_before,
    nearly_in,
    pieces,
    rows_at,
    with_moments,
)  # fmt: skip

FALL = 0.7

amounts = st.lists(
    st.tuples(st.floats(0.5, 9.5), st.floats(0.1, 100)),
    min_size=1,
    max_size=4,
    unique_by=lambda d: round(d[0], 3),
)
grids = st.lists(st.floats(0.01, 9.99), min_size=4, max_size=30, unique_by=lambda t: round(t, 4))


def level(time, doses, inclusive=True):
    """A pool that empties at one rate, with what each dose has put in by a time."""
    total = np.exp(-FALL * time)
    for at, amount in doses:
        given_ = time >= at if inclusive else time > at
        total = total + np.where(given_, amount * np.exp(-FALL * (time - at)), 0.0)
    return total


def curve(doses, grid):
    """Its curve at some times and at every dose, twice."""
    time = with_moments(np.unique([*np.arange(0.0, 11.0), *grid]), np.array([at for at, _ in doses]))
    return time, level(time, doses)


def test_a_moment_stands_as_the_number_before_it_and_as_itself():
    time = with_moments(np.array([0, 3 * (1 - 1e-15), 5.0]), np.array([3.0, 5.0]))
    assert time.tolist() == [0, just_before(3.0), 3, just_before(5.0), 5]
    assert jumps(time).tolist() == [1, 3]
    assert pieces(time) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert after_moment(time, np.array([0, 3, 5.0])).tolist() == [0, 2, 4]
    assert before_moment(time, np.array([0, 3, 5.0])).tolist() == [0, 1, 3]
    assert nearly_in(np.array([3 * (1 + 1e-15), 4, 5]), time).tolist() == [True, False, True]


@settings(derandomize=True, deadline=None, max_examples=40)
@given(amounts, grids, st.floats(0, 10), st.floats(0, 10))
@example([(1.0, 1.0)], [1.0, 2.0, 1.5, 0.5], 0.0, 9.999999999999547)
def test_areas_add_up_over_doses_and_are_those_of_the_exponentials(doses, grid, one, other):
    time, value = curve(doses, grid)
    low, high = sorted((one, other))

    def whole(stop):
        given_ = [(0.0, 1.0), *doses]
        return sum(a * (1 - np.exp(-FALL * (stop - t))) / FALL for t, a in given_ if t < stop)

    assert area(time, value, stop=10.0) == pytest.approx(whole(10.0), rel=1e-9)
    if low < high:
        parts = [area(time, value, *cut) for cut in ((0, low), (low, high), (high, 10)) if cut[0] < cut[1]]
        assert sum(parts) == pytest.approx(area(time, value), rel=1e-9)
        assert area(time, value, low, high) == pytest.approx(whole(high) - whole(low), rel=1e-6, abs=1e-9)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(amounts, grids, st.floats(0, 10))
def test_nothing_is_interpolated_across_a_dose(doses, grid, at):
    time, value = curve(doses, grid)
    truth = level(np.array([at]), doses)[0]
    assert between(time, value, np.array([at]))[0] == pytest.approx(truth, rel=1e-9)
    assert value_at(time, value, at) == pytest.approx(truth, rel=1e-9)
    fine, found = refined(time, value)
    np.testing.assert_allclose(found, level(fine, doses), rtol=1e-9)
    for day, amount in doses:
        before = level(np.array([day]), doses, inclusive=False)[0]
        assert value_at(time, value, day) == pytest.approx(before + amount, rel=1e-9)
    tops = [level(np.array([t]), doses)[0] for t in (0.0, *(t for t, _ in doses))]
    lows = [level(np.array([t]), doses, inclusive=False)[0] for t, _ in doses]
    assert highest(time, value) == pytest.approx(max(tops), rel=1e-9)
    assert lowest(time, value) == pytest.approx(min([*lows, last(time, value)]), rel=1e-9)
    assert np.isnan(peak_height(time, value))  # the pool never expands


@settings(derandomize=True, deadline=None, max_examples=40)
@given(grids, st.floats(1, 5))
def test_rates_falls_and_levels_are_of_time_and_not_of_output_times(grid, at):
    """A dose that brings a pool back to its start; the straight line through the two falls is known."""
    amount = 1 - np.exp(-FALL * at)
    time, value = curve([(at, amount)], grid)
    found = growth_rate(time, value, 0.0, 2 * at) if 2 * at <= 10 else None
    t = np.linspace(0, 2 * at, 20_001)
    y = -FALL * np.where(t < at, t, t - at)
    assert found is None or found == pytest.approx(np.polyfit(t, y, 1)[0], rel=1e-3)
    half = np.log(2) / FALL
    share = 0.5 * (1 - lowest(time, value))
    assert fall_time(time, value) == pytest.approx(-np.log(1 - share) / FALL, rel=5e-3)
    above = min(at, half) + min(10 - at, half)
    assert time_above(time, value, 0.5) == pytest.approx(above, rel=2e-3)


def test_what_counts_for_a_peak_begins_after_every_dose_and_ends_with_the_first():
    time = with_moments(np.linspace(0, 100, 2001), np.array([3.0, 40.0]))
    hump = np.exp(-(((time - 15) / 4) ** 2)) + 2 * np.exp(-(((time - 70) / 4) ** 2))
    value = hump + 9 * np.exp(-5 * time) + np.where(time >= 3, 9 * np.exp(-5 * (time - 3)), 0)
    given_ = {"after": 1.0, "before": 60.0}
    assert peak_time(time, value, **given_) == pytest.approx(15, abs=1e-3)
    assert peak_height(time, value, **given_) == pytest.approx(1, rel=1e-4)
    assert peak_time(time, value, after=1.0) == pytest.approx(70, abs=1e-3)
    late = np.array([[20.0, 20.0]])  # nothing was given before day 20: its expansion is that on day 70
    assert peak_time(time, value, **given_, doses=late) == pytest.approx(70, abs=1e-3)
    slow = np.array([[0.0, 14.9]])  # an infusion that still runs at the hump
    assert np.isnan(peak_time(time, value, **given_, doses=slow))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(grids, grids, amounts)
def test_rows_at_some_times_are_those_that_these_times_alone_would_have(own, more, doses):
    own, more = np.unique(own), np.unique(more)
    moments = np.array([day for day, _ in doses])
    every = with_moments(np.union1d(own, more[~nearly_in(more, own)]), moments)
    assert every[rows_at(every, own)].tolist() == with_moments(own, moments).tolist()
