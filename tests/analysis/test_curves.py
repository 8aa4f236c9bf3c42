import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from harness.analysis.curves import as_change, as_share, between, refined
from harness.analysis.slopes import slopes_of

TIME = np.array([0, 1, 2, 4, 7, 11, 16.0])


def test_exponentials_are_exact_between_the_times():
    at = np.array([0.5, 3.3, 15.9])
    np.testing.assert_allclose(between(TIME, 9 * np.exp(-0.4 * TIME), at), 9 * np.exp(-0.4 * at), rtol=1e-12)


def test_values_that_are_not_positive_are_interpolated_as_they_are():
    assert between(TIME, 3 - TIME, np.array([5.5])) == pytest.approx(-2.5)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.floats(-40, 10), min_size=7, max_size=7))
def test_no_change_falls_below_all_of_the_baseline_between_the_times(levels):
    change = 100 * (np.exp(levels) - 1)
    assert as_change(as_share(change)) == pytest.approx(change, rel=1e-12, abs=1e-12)
    assert as_change(refined(TIME, as_share(change))[1]).min() >= -100


def test_a_share_that_errors_alone_make_none_is_next_to_nothing_and_another_stays():
    assert as_share(np.array([-100.0, -100 - 1e-9, -100 + 1e-15])).tolist() == [1e-15] * 3
    assert as_share(np.array([-250.0])).tolist() == [-1.5]


def test_a_jump_is_not_swung_around():
    value = np.where(TIME < 4, 1.0, 1000.0)
    found = refined(TIME, value)[1]
    assert found.min() >= 1 - 1e-9
    assert found.max() <= 1000 * (1 + 1e-9)


def test_the_refined_curve_holds_the_given_points():
    value = np.array([TIME + 1, np.sin(TIME), np.full_like(TIME, np.nan)])
    time, fine = refined(TIME, value)
    assert time.size == 8 * (TIME.size - 1) + 1
    np.testing.assert_allclose(fine[:, ::8], value, rtol=1e-12)
    assert np.isnan(fine[2]).all()
    assert refined(TIME[:1], value[:, :1])[0].size == 1


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(3, 40))
def test_every_curve_is_the_hermite_polynomial_of_its_logarithm_or_of_itself(seed, count):
    random = np.random.default_rng(seed)
    time = np.cumsum(random.uniform(0.01, 3, count))
    plain = random.normal(size=(4, count))
    value = np.array([*np.exp(5 * plain[:2]), *plain[2:], np.where(np.arange(count) == 1, np.nan, 1.0)])
    at = np.sort(random.uniform(time[0], time[-1], 30))
    found = between(time, value, at)
    assert np.isnan(found[-1]).all()
    for given_, curve in zip(value[:-1], found, strict=False):
        logarithmic = (given_ > 0).all()
        y = np.log(given_) if logarithmic else given_
        polynomial = CubicHermiteSpline(time, y, slopes_of(time, y))(at)
        wanted = np.exp(polynomial) if logarithmic else polynomial
        np.testing.assert_allclose(curve, wanted, rtol=1e-11, atol=1e-12)
        np.testing.assert_array_equal(curve, between(time, given_, at))
