import numpy as np
import pytest

from harness.analysis import endpoints
from harness.analysis.endpoints import (
    area,
    doubling_time,
    fall_time,
    fold_fall,
    growth_rate,
    half_life,
    highest,
    last,
    lowest,
    nadir,
    peak_height,
    peak_time,
    time_above,
    value_at,
)

TIME = np.linspace(0, 10, 1001)


def peak(time, value, after=0.0):
    return float(peak_height(time, value, after)), float(peak_time(time, value, after))


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


def test_a_peak_after_the_span_does_not_count():
    value = np.exp(-((TIME - 3) ** 2)) + 5 * np.exp(-((TIME - 8) ** 2))
    assert peak(TIME, value)[1] == pytest.approx(8, abs=0.01)
    assert float(peak_time(TIME, value, after=1, before=5)) == pytest.approx(3, abs=0.01)
    assert np.isnan(peak_time(TIME, value, after=1, before=2.5))


def test_a_peak_of_values_below_zero_is_found():
    assert peak(TIME, -((TIME - 5) ** 2) - 1) == pytest.approx((-1, 5))


def test_a_peak_that_stands_alone_after_zero_is_that_point():
    assert peak_height(np.array([1.0, 2, 3]), np.array([[0.0, 2e4, 1]]), after=0)[0] == 2e4


def test_a_curve_that_only_falls_or_rises_has_no_peak():
    assert np.isnan(peak(TIME, np.exp(-TIME))).all()
    assert np.isnan(peak(TIME, TIME)).all()
    assert np.isnan(peak(TIME, np.full_like(TIME, np.nan))).all()


def test_half_life_is_that_of_an_exponential():
    assert half_life(TIME, 7 * 0.5 ** (TIME / 2.5), 1, 9) == pytest.approx(2.5)
    assert half_life(TIME, 2.0**TIME, 1, 9) == pytest.approx(-1)
    assert growth_rate(TIME, np.exp(0.3 * TIME), 1, 9) == pytest.approx(0.3)
    assert np.isnan(half_life(TIME, np.zeros_like(TIME), 1, 9))
    assert np.isinf(half_life(TIME, np.ones_like(TIME), 1, 9))


def test_value_nadir_and_falls():
    value = 10 - TIME
    assert value_at(TIME, value, 2.505) == pytest.approx(7.495)
    assert np.isnan(value_at(TIME, value, 11))
    assert (lowest(TIME, value, 2, 5), highest(TIME, value, 2, 5)) == pytest.approx((5, 8))
    assert np.isnan([lowest(TIME, value, 20, 30), highest(TIME, value, 20, 30)]).all()
    assert last(TIME, value) == pytest.approx(0)
    assert fold_fall(TIME, value, 0, 5) == pytest.approx(2)
    assert fall_time(TIME, value) == pytest.approx(5)
    assert fall_time(TIME, value, share=0.2) == pytest.approx(2)
    assert np.isnan(fall_time(TIME, TIME))


@pytest.mark.quick
def test_an_area_is_exact_for_exponentials_on_a_coarse_grid():
    time = np.array([0, 0.5, 2, 5, 9, 10.0])
    value = 100 * np.exp(-0.7 * time)
    assert area(time, value) == pytest.approx(100 / 0.7 * (1 - np.exp(-7)))
    assert area(time, value, 1, 3) == pytest.approx(100 / 0.7 * (np.exp(-0.7) - np.exp(-2.1)))
    assert area(time, np.exp(0.7 * time)) == pytest.approx((np.exp(7) - 1) / 0.7)


def test_an_area_of_values_with_zeros_and_of_a_curve_that_ends_too_soon():
    time = np.array([0, 0.5, 1, 2.0])
    assert area(time, time * (2 - time)) == pytest.approx(4 / 3)
    assert area(time, 1 - time) == pytest.approx(0, abs=1e-12)
    assert np.isnan(area(TIME, np.ones_like(TIME), 0, 28))
    assert area(TIME, np.ones_like(TIME), 0, 10) == pytest.approx(10)


def test_time_above_a_level_is_interpolated():
    assert time_above(np.array([0, 10.0]), np.array([10, 0.0]), 4) == pytest.approx(6)
    assert time_above(TIME, np.sin(TIME), 0) == pytest.approx(
        np.pi + (10 - 2 * np.pi) - (10 - 3 * np.pi), abs=1e-3
    )
    assert time_above(TIME, np.zeros_like(TIME), 0) == 0


def test_time_above_a_level_is_exact_for_exponentials_on_a_coarse_grid():
    time = np.array([0, 1, 4, 9, 16.0])
    assert time_above(time, 100 * np.exp(-0.5 * time), 7) == pytest.approx(2 * np.log(100 / 7), rel=2e-3)


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0])
def test_a_coarser_grid_moves_a_nadir_by_less_than_0_2_percent(step):
    time = np.arange(0, 30, step)
    value = -90 * np.exp(-(((time - 11.3) / 9) ** 2))
    assert nadir(time, value) == pytest.approx(-90, rel=2e-3)
    tumour = np.exp(((time - 11.3) / 4) ** 2)  # falls by a factor of thousands: the logarithm is a parabola
    assert nadir(time, tumour) == pytest.approx(1)


def test_a_nadir_may_stand_at_an_end_and_is_missing_outside_the_curve():
    assert nadir(TIME, 10 - TIME) == pytest.approx(0)
    assert nadir(TIME, 10 - TIME, 2, 5) == pytest.approx(5)
    assert nadir(TIME, 3 + TIME) == pytest.approx(3)
    assert np.isnan(nadir(TIME, TIME, 20, 30))
    assert nadir(np.array([0, 1.0]), np.array([2, 1.0])) == 1


def test_doubling_time_is_that_of_the_span_whatever_the_grid():
    time = np.array([0, 0.7, 2, 3.1, 5, 9, 10.0])
    assert doubling_time(time, 3 * 2 ** (time / 1.5), 1, 6) == pytest.approx(1.5)
    assert doubling_time(time, 2**-time, 1, 6) == pytest.approx(-1)
    assert doubling_time(TIME, np.ones_like(TIME), 1, 6) == np.inf
    assert np.isnan([doubling_time(TIME, v, 1, 6) for v in (np.zeros_like(TIME), 1 - TIME)]).all()
    assert np.isnan(doubling_time(TIME, np.ones_like(TIME), 6, 11))


CALLS = {
    "area": {"stop": 5.0},
    "doubling_time": {"start": 1.003, "stop": 5.0},
    "fall_time": {},
    "fold_fall": {"start": 1.0, "stop": 5.0},
    "growth_rate": {"start": 1.0, "stop": 5.0},
    "half_life": {"start": 1.0, "stop": 5.0},
    "highest": {},
    "last": {},
    "lowest": {},
    "nadir": {},
    "peak_height": {"after": 1.0},
    "peak_time": {"after": 1.0},
    "time_above": {"level": 0.5},
    "value_at": {"at": 2.504},
}


@pytest.mark.parametrize("name", endpoints.__all__)
def test_many_curves_at_once_are_the_curves_one_by_one(name):
    function = getattr(endpoints, name)
    curves = np.array([np.exp(-TIME), np.exp(-((TIME - 4) ** 2)) + 0.1, TIME + 1, np.full_like(TIME, np.nan)])
    together = function(TIME, curves, **CALLS[name])
    assert together.shape == (4,)
    one_by_one = [float(function(TIME, curve, **CALLS[name])) for curve in curves]
    np.testing.assert_array_equal(together, one_by_one)
    assert np.isnan(together[3])
