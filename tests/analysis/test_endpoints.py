import numpy as np
import pytest

from harness.analysis.endpoints import extremes, fall_time, fold_fall, growth_rate, half_life, peak, value_at

TIME = np.linspace(0, 10, 1001)


def test_a_peak_is_the_highest_value_after_the_bolus():
    value = 100 * np.exp(-5 * TIME) + np.exp(-((TIME - 4) ** 2))
    height, time = peak(TIME, value, after=1)
    assert height == pytest.approx(1, rel=1e-4)
    assert time == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize("step", [0.05, 0.25, 1.0])
def test_a_coarser_grid_moves_a_peak_by_less_than_0_2_percent(step):
    time = np.arange(0, 40, step)
    value = 1e4 * (np.exp(-((time - 15.3) ** 2) / 60) + 0.1 * np.exp(-time / 20))
    fine = np.arange(0, 40, 1e-3)
    truth = 1e4 * (np.exp(-((fine - 15.3) ** 2) / 60) + 0.1 * np.exp(-fine / 20))
    height, top = peak(time, value, after=1)
    assert height == pytest.approx(truth.max(), rel=2e-3)
    assert top == pytest.approx(fine[truth.argmax()], abs=0.02)


def test_a_peak_of_values_below_zero_is_found():
    assert peak(TIME, -((TIME - 5) ** 2) - 1) == pytest.approx((-1, 5))


def test_a_curve_that_only_falls_or_rises_has_no_peak():
    assert np.isnan(peak(TIME, np.exp(-TIME))).all()
    assert np.isnan(peak(TIME, TIME)).all()
    assert np.isnan(peak(TIME, np.full_like(TIME, np.nan))).all()


def test_half_life_is_that_of_an_exponential():
    assert half_life(TIME, 7 * 0.5 ** (TIME / 2.5), 1, 9) == pytest.approx(2.5)
    assert half_life(TIME, 2.0**TIME, 1, 9) == pytest.approx(-1)
    assert growth_rate(TIME, np.exp(0.3 * TIME), 1, 9) == pytest.approx(0.3)
    assert np.isnan(half_life(TIME, np.zeros_like(TIME), 1, 9))


def test_value_nadir_and_falls():
    value = 10 - TIME
    assert value_at(TIME, value, 2.505) == pytest.approx(7.495)
    assert np.isnan(value_at(TIME, value, 11))
    assert extremes(TIME, value, 2, 5) == pytest.approx((5, 8))
    assert np.isnan(extremes(TIME, value, 20, 30)).all()
    assert fold_fall(TIME, value, 0, 5) == pytest.approx(2)
    assert fall_time(TIME, value) == pytest.approx(5)
    assert fall_time(TIME, value, share=0.2) == pytest.approx(2)
    assert np.isnan(fall_time(TIME, TIME))
