"""Numbers of points as they stand, by hand and by scipy."""

import numpy as np
import pytest
from scipy.stats import linregress

from harness.analysis.points import highest_point, lowest_point, regressed_half_life, regressed_rate

TIME = np.array([0.0, 1.0, 2.0, 3.0])
VALUE = np.array([[1.0, 3.0, 9.0, 2.0], [8.0, 4.0, 0.0, 1.0]])


def test_the_extremes_are_points_from_start_to_stop():
    assert highest_point(TIME, VALUE).tolist() == [9, 8]
    assert lowest_point(TIME, VALUE).tolist() == [1, 0]  # from time 0 on
    assert highest_point(TIME, VALUE, 0.0, 1.0).tolist() == [3, 8]
    assert lowest_point(TIME, VALUE, 1.0, 1.5).tolist() == [3, 4]
    assert np.isnan(lowest_point(TIME, VALUE, 1.2, 1.5)).all()
    assert highest_point(TIME, VALUE, 1.2, 1.5).shape == (2,)


def test_a_rate_is_the_slope_of_logarithms_of_what_is_positive():
    rates = regressed_rate(TIME, VALUE, 0.0, 3.0)
    assert rates[0] == pytest.approx(linregress(TIME, np.log(VALUE[0])).slope)
    there = VALUE[1] > 0
    assert rates[1] == pytest.approx(linregress(TIME[there], np.log(VALUE[1, there])).slope)
    assert regressed_rate(TIME, VALUE, 1.0, 2.0)[0] == pytest.approx(np.log(3))
    assert np.isnan(regressed_rate(TIME, VALUE, 1.0, 2.0)[1])  # one positive point
    assert regressed_half_life(TIME, VALUE, 0.0, 1.0) == pytest.approx(np.log(2) / np.log([1 / 3, 2]))
