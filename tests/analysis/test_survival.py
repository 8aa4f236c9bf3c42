"""Survival against a textbook example worked by hand: remission under 6-MP (Freireich 1963)."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from harness.analysis.survival import (
    _product_limit,
    kaplan_meier,
    log_rank,
    median,
    median_of_all,
    number_at_risk,
)
from harness.errors import InputError

# Weeks of remission, 21 patients an arm; 0 in RELAPSED: censored. Printed in many textbooks.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
T, E, P = np.array(TREATED), np.array(RELAPSED, bool), np.array(PLACEBO)


def test_the_curve_is_that_of_the_textbook():
    curve = kaplan_meier(T, E).set_index("time")
    expected = {0: 1, 6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    for week, survival in expected.items():
        assert curve.survival[week] == pytest.approx(survival, abs=6e-4)
    assert curve.at_risk[[6, 7, 23]].tolist() == [21, 17, 6]
    assert curve.events.sum() == 9
    assert curve.censored.sum() == 12
    # Greenwood's variance in log(-log), by hand: 3 of 21 fall at week 6
    survival, variance = 18 / 21, 3 / (21 * 18)
    width = 1.959964 * np.sqrt(variance) / abs(np.log(survival))
    assert curve.lower[6] == pytest.approx(survival ** np.exp(width), rel=1e-6)
    assert curve.upper[6] == pytest.approx(survival ** np.exp(-width), rel=1e-6)


def test_the_median_is_where_the_curve_and_its_band_cross_one_half():
    found = median(T, E)
    curve = kaplan_meier(T, E)
    assert found.value == 23
    assert found.low == curve.time[curve.lower <= 0.5].iloc[0] == 13
    assert np.isinf(found.high)
    assert str(found) == "23.0 (13.0 to not reached)"
    assert median(P, np.ones(21, bool)).value == 8
    assert median(T, E, level=0.5).low > found.low


@pytest.mark.parametrize(
    ("durations", "events", "value"),
    [
        ([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1], 3),  # 5/6 4/5 3/4 = 1/2 on day 3
        ([1, 1, 2, 2], [1, 1, 1, 1], 1),  # 2/4
        ([5, 5, 5, 6], [1, 1, 0, 1], 5),  # censored on the day of an event: still at risk, 2/4
        ([1, 2, 3, 4, 5], [0, 1, 1, 1, 1], 3),  # 3/4 2/3 = 1/2
        ([2, 3, 4, 5, 6, 7, 8, 9], [1, 0, 1, 1, 1, 0, 1, 1], 6),  # 7/8, 35/48, 7/12, 7/16
        ([1, 2, 3, 4, 5, 6, 7], [1, 0, 0, 1, 1, 0, 1], 5),  # 6/7, 9/14, 3/7
        ([1, 2, 3, 4, 5, 6], [1, 0, 1, 0, 1, 0], 5),  # 5/6, 5/8, 5/16
        ([1, 2, 3, 4], [1, 0, 0, 0], np.inf),
        ([1, 2, 4, 4], [1, 1, 0, 0], 2),  # at one half from day 2 to the end
        ([0, 3], [1, 0], 0),
    ],
)
def test_the_median_is_the_smallest_time_at_which_at_most_half_are_left(durations, events, value):
    assert median(np.array(durations), np.array(events)).value == value


def test_without_censoring_the_median_is_the_middle_of_the_sorted_durations():
    random = np.random.default_rng(1)
    for size in range(1, 201):
        durations = random.permutation(np.cumsum(random.integers(0, 3, size)))
        middle = np.sort(durations)[(size + 1) // 2 - 1]
        assert median(durations, np.ones(size, bool)).value == middle
        assert median_of_all(durations) == middle
    several = np.array([[4, 3, 2, 1], [1, np.inf, np.inf, 2], [1, np.inf, np.inf, np.inf]])
    assert median_of_all(several).tolist() == [2, 2, np.inf]


COHORTS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(COHORTS)
def test_curve_and_median_are_those_of_exact_fractions(cohort):
    durations, events = (np.array(column) for column in zip(*cohort, strict=True))
    curve = kaplan_meier(durations, events)
    exact, smallest = Fraction(1), np.inf
    for row in curve.itertuples():
        assert row.at_risk == (durations >= row.time).sum()
        exact *= Fraction(row.at_risk - row.events, row.at_risk)
        assert row.survival == pytest.approx(float(exact), abs=1e-14)
        assert (row.survival <= 0.5) == (exact <= Fraction(1, 2))
        assert row.lower <= row.survival + 1e-12
        assert row.survival <= row.upper + 1e-12
        if exact <= Fraction(1, 2):
            smallest = min(smallest, row.time)
    found = median(durations, events)
    assert found.value == smallest
    assert found.low <= found.value <= found.high


def test_a_step_nearer_to_one_half_than_rounding_is_on_its_own_side():
    # N/(N+1) of 1/2 (1 + 1/(N-1)), and of 1/2 (1 + 1/(N+1)): 1/2 (1 +- 1/N^2), a half in floating point
    n = 2**27
    above = _product_limit(np.array([n + 1, n - 1]), np.array([1, n // 2 - 1]))
    below = _product_limit(np.array([n + 1, n + 1]), np.array([1, n // 2]))
    assert above[-1] > 0.5 > below[-1]
    np.testing.assert_allclose([above[-1], below[-1]], 0.5, rtol=1e-15)


@pytest.mark.quick
def test_the_estimate_is_that_of_lifelines():
    random = np.random.default_rng(2)
    durations, events = random.exponential(size=500), random.random(500) < 0.6
    theirs = KaplanMeierFitter().fit(durations, events)
    np.testing.assert_allclose(
        kaplan_meier(durations, events).survival, theirs.survival_function_.iloc[:, 0], rtol=1e-12
    )
    assert median(durations, events).value == theirs.median_survival_time_


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
@settings(derandomize=True, deadline=None, max_examples=40)
@given(COHORTS)
def test_curve_and_band_are_those_of_lifelines(cohort):
    durations, events = (np.array(column) for column in zip(*cohort, strict=True))
    theirs, ours = KaplanMeierFitter(alpha=0.1).fit(durations, events), kaplan_meier(durations, events, 0.9)
    assert ours.time.tolist() == theirs.survival_function_.index.tolist()
    np.testing.assert_allclose(ours[["lower", "upper"]], theirs.confidence_interval_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.survival, theirs.survival_function_.iloc[:, 0], rtol=1e-9, atol=1e-12)
    counts = theirs.event_table[["at_risk", "observed", "censored"]]
    assert ours[["at_risk", "events", "censored"]].to_numpy().tolist() == counts.to_numpy().tolist()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(COHORTS, min_size=2, max_size=4))
def test_log_rank_is_that_of_lifelines(cohorts):
    groups = {str(i): tuple(np.array(c) for c in zip(*each, strict=True)) for i, each in enumerate(cohorts)}
    durations, events = (np.concatenate([each[i] for each in groups.values()]) for i in (0, 1))
    if not events.any():
        return
    names = np.repeat(list(groups), [len(each[0]) for each in groups.values()])
    theirs, ours = multivariate_logrank_test(durations, names, events), log_rank(groups)
    assert ours.statistic == pytest.approx(theirs.test_statistic, rel=1e-9, abs=1e-9)
    assert ours.p_value == pytest.approx(theirs.p_value, rel=1e-9, abs=1e-9)


def test_log_rank_is_that_of_the_textbook():
    found = log_rank({"6-MP": (T, E), "placebo": (P, np.ones(21, bool))})
    assert found.statistic == pytest.approx(16.79, abs=0.005)
    assert found.degrees_of_freedom == 1
    assert found.p_value == pytest.approx(4.17e-5, rel=0.01)
    assert log_rank({"a": (T, E), "b": (T, E), "c": (T, E)}).p_value == pytest.approx(1)


def test_at_risk_are_those_without_event_or_censoring_just_before_a_time():
    assert number_at_risk(T, [0, 6, 6.5, 10, 35, 36]).tolist() == [21, 21, 17, 15, 1, 0]


def test_a_median_that_is_not_reached_is_infinite():
    found = median(np.array([1.0, 2, 3]), np.zeros(3, bool))
    assert np.isinf([found.value, found.low, found.high]).all()


@pytest.mark.parametrize(
    ("durations", "events", "said"),
    [
        ([1, np.nan], [1, 1], "duration 1 is nan"),
        ([1, -2], [1, 1], "duration 1 is -2"),
        ([1, 2], [1], "one duration and one event"),
        ([], [], "no patients"),
        ([1, 2], [1, 2], "true or false"),
    ],
)
def test_what_is_no_survival_data_is_refused_in_one_line(durations, events, said):
    for function in (kaplan_meier, median):
        with pytest.raises(InputError, match=said):
            function(np.array(durations, float), np.array(events))


def test_a_test_needs_two_groups_and_an_event():
    with pytest.raises(InputError, match="two groups"):
        log_rank({"a": (T, E)})
    with pytest.raises(InputError, match="no event"):
        log_rank({"a": (T, 0 * E), "b": (T, 0 * E)})
    with pytest.raises(InputError, match="between 0 and 1"):
        median(T, E, level=95)
