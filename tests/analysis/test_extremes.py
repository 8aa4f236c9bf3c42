"""Extremes and crossings: those of the whole refined curve, though only parts of it are looked at."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.curves import between, refined
from harness.analysis.endpoints import lowest
from harness.analysis.extremes import bottom, first_reached, top
from harness.analysis.response import over_progression


def curves(seed, count):
    """Times, some with a moment among them, and curves: positive, of both signs, from 0, NaN, constant."""
    random = np.random.default_rng(seed)
    time = np.cumsum(random.uniform(0.01, 3, count))
    if count > 4 and seed % 2:
        place = int(random.integers(1, count))
        time[place - 1] = np.nextafter(time[place], -np.inf)
    walk = random.normal(size=(5, count)).cumsum(axis=1) * random.choice([0.1, 0.5, 3])
    from_zero = np.exp(walk[2]) * (np.arange(count) > 0)
    unknown = np.where(np.arange(count) == 1, np.nan, 1.0)
    return time, np.array([np.exp(walk[0]), walk[1], from_zero, unknown, np.full(count, 2.0), walk[4]])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_extremes_are_those_of_the_refined_curve(seed, count):
    time, value = curves(seed, count)
    fine, level = refined(time, value)
    ends = np.random.default_rng(seed).uniform(time[0] - 1, time[-1] + 1, len(value))
    counts = (fine <= ends[:, np.newaxis]) | (fine == fine[0])
    steps = np.diff(fine, prepend=fine[0], append=fine[-1])
    for found, sign, among in (
        (top(time, value), 1, level),
        (bottom(time, value), -1, level),
        (bottom(time, value, ends), -1, np.where(counts, level, np.inf)),
    ):
        height, at = found
        best = (sign * among).argmax(axis=-1)
        for i in np.flatnonzero(np.isfinite(value).all(axis=-1)):
            assert sign * (height[i] - level[i, best[i]]) >= -1e-12 * abs(height[i])
            assert -steps[best[i]] <= at[i] - fine[best[i]] <= steps[best[i] + 1]
            on_curve = np.append(between(time, value[i], at[i : i + 1]), value[i, time == at[i]])
            assert np.abs(on_curve - height[i]).min() <= 1e-9 * abs(height[i])
        if count > 1:
            assert np.isnan(height[3])
            assert np.isnan(at[3])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_a_change_that_falls_by_tens_of_powers_of_ten_stays_above_what_is_left(seed):
    random = np.random.default_rng(seed)
    time = np.cumsum(random.choice([1.0, 2.0, 4.0, 6.0], 12))
    level = 10.0 ** np.append(-np.sort(-random.uniform(0, 40, 6)), -random.uniform(10, 40, 6))
    change = 100 * (level - 1) + random.choice([-1, 0, 1], 12) * 1e-13
    assert lowest(time, change) >= -100 - 1e-12 * max(change[5], 100)  # rounding


def lags_behind_its_lowest(level):
    return over_progression(100 * (level - 1))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_what_is_reached_first_is_reached_there_on_the_refined_curve(seed, count):
    time, value = curves(seed, count)
    fine, level = refined(time, value)
    for excess in (lags_behind_its_lowest, lambda level: level - 1.5):
        found, over = first_reached(time, value, excess), excess(level)
        for i, row in enumerate(over):
            if not (row >= 0).any() or not np.isfinite(row).all():
                assert np.isnan(found[i])
                continue
            right = int((row >= 0).argmax())
            left = max(right - 1, 0)
            crossing = np.interp(0.0, row[[left, right]], fine[[left, right]]) if right else fine[0]
            assert abs(found[i] - crossing) <= 1e-9 * fine[-1]
