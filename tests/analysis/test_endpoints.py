import numpy as np
import pytest

from harness.analysis.endpoints import fall_time, fold_fall, half_life, nadir, peak, value_at

TIME = np.linspace(0, 10, 1001)


def test_a_peak_is_the_highest_value_after_the_bolus():
    value = 100 * np.exp(-5 * TIME) + np.exp(-((TIME - 4) ** 2))
    height, time = peak(TIME, value, after=1)
    assert height == pytest.approx(1, rel=1e-4)
    assert time == pytest.approx(4, abs=0.01)


def test_a_curve_that_only_falls_or_rises_has_no_peak():
    assert np.isnan(peak(TIME, np.exp(-TIME))).all()
    assert np.isnan(peak(TIME, TIME)).all()
    assert np.isnan(peak(TIME, np.full_like(TIME, np.nan))).all()


def test_half_life_is_that_of_an_exponential():
    assert half_life(TIME, 7 * 0.5 ** (TIME / 2.5), 1, 9) == pytest.approx(2.5)
    assert half_life(TIME, 2.0**TIME, 1, 9) == pytest.approx(-1)
    assert np.isnan(half_life(TIME, np.zeros_like(TIME), 1, 9))


def test_value_nadir_and_falls():
    value = 10 - TIME
    assert value_at(TIME, value, 2.505) == pytest.approx(7.495)
    assert np.isnan(value_at(TIME, value, 11))
    assert nadir(value) == pytest.approx(0)
    assert fold_fall(TIME, value, 0, 5) == pytest.approx(2)
    assert fall_time(TIME, value) == pytest.approx(5)
    assert fall_time(TIME, value, share=0.2) == pytest.approx(2)
    assert np.isnan(fall_time(TIME, TIME))
