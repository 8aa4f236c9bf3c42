import numpy as np
import pytest

from harness.analysis.curves import between, refined

TIME = np.array([0, 1, 2, 4, 7, 11, 16.0])


def test_exponentials_are_exact_between_the_times():
    at = np.array([0.5, 3.3, 15.9])
    np.testing.assert_allclose(between(TIME, 9 * np.exp(-0.4 * TIME), at), 9 * np.exp(-0.4 * at), rtol=1e-12)


def test_values_that_are_not_positive_are_interpolated_as_they_are():
    assert between(TIME, 3 - TIME, np.array([5.5])) == pytest.approx(-2.5)


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
