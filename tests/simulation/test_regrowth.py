import math

import numpy as np
import pytest

from harness.simulation.regrowth import DOSES, LOOKS, Regrowth, even_looks


def even(end, count):
    return even_looks(end, end / count)


def note(regrowth, amounts, markers=None):
    none = np.zeros((len(amounts), 0))
    regrowth.note(amounts, np.zeros_like(amounts), none if markers is None else markers)


def test_rises_between_looks_are_counted_in_e_folds_and_falls_are_not():
    regrowth = Regrowth(even(4.0, 4))
    assert regrowth.looks(0.0, 4.0).tolist() == [1, 2, 3, 4]
    note(regrowth, np.exp(np.array([[5.0, 2.0, 4.0, 4.5]]).T))
    assert regrowth.risen == pytest.approx(2.5)


def test_what_is_counted_goes_on_over_a_stop_and_not_over_a_dose():
    regrowth = Regrowth(even(4.0, 4))
    note(regrowth, np.exp(np.array([[1.0, 2.0]]).T))
    note(regrowth, np.exp(np.array([[3.0]]).T))
    assert regrowth.risen == pytest.approx(2.0)
    regrowth.begin([1.0])
    note(regrowth, np.exp(np.array([[30.0]]).T))
    note(regrowth, np.zeros((0, 1)))
    assert regrowth.risen == pytest.approx(2.0)


def test_more_doses_than_a_few_explain_no_rise():
    regrowth = Regrowth(even(4.0, 4))
    for dose in range(DOSES + 3):
        regrowth.begin([1.0])
        note(regrowth, np.array([[math.exp(2.0 * dose)]]))
    assert regrowth.risen == pytest.approx(2.0 * 2)


def test_looks_fall_into_one_segment_each():
    regrowth = Regrowth(even(10.0, 5))
    found = [*regrowth.looks(0.0, 4.0), *regrowth.looks(4.0, 4.5), *regrowth.looks(4.5, 10.0)]
    assert found == [2, 4, 6, 8, 10]


def test_an_empty_pool_does_not_rise():
    regrowth = Regrowth(even(2.0, 2))
    note(regrowth, np.zeros((2, 1)))
    assert regrowth.risen == 0


def test_a_marker_rises_above_its_floor_alone_and_the_steepest_is_told():
    regrowth = Regrowth(even(4.0, 4), floors=[1e-3, 1e-6])
    markers = np.array([[1.0, 1e-30], [1e-9, -1e-20], [1e-3, 1e-6], [1e-2, 1e3]])
    note(regrowth, np.ones((4, 1)), markers)
    assert regrowth.risen == 0
    assert regrowth.steep == pytest.approx(np.log(1e9))


def test_a_pool_is_lost_that_falls_below_its_tolerance_or_comes_back_from_near_it():
    regrowth = Regrowth(even(6.0, 6), tolerances=[1.0] * 5)
    pools = [
        [1e12, 9.0, 5.0, 2.0],
        [1e12, 1e5, 1e6, 1e12],
        [0.0, 1e2, 1e6, 1e12],
        [1e12, 1e7, 1e9, 1e12],
        [1e12, 1e5, 1e6, 1e7],
    ]
    note(regrowth, np.array(pools).T)
    assert regrowth.lost == {0, 1}


def test_a_dose_into_a_low_pool_is_no_return():
    regrowth = Regrowth(even(6.0, 6), tolerances=[1.0])
    note(regrowth, np.array([[1e12], [1e3]]))
    regrowth.begin([1e12])
    note(regrowth, np.array([[1e12]]))
    assert not regrowth.lost


def test_a_lost_pool_whose_rate_says_that_it_grows_is_told():
    for rate, hidden in ((3.0, {0}), (1.0, set()), (-3.0, set())):
        regrowth = Regrowth(even(6.0, 6), tolerances=[1.0])
        regrowth.note(np.array([[1e12], [2.0]]), np.array([[3e12], [rate]]), np.zeros((2, 0)))
        assert regrowth.hidden == hidden


def test_looks_are_the_models_own_or_so_many_in_a_run():
    assert even_looks(100.0, 36.0).tolist() == [36, 72]
    assert even_looks(10.0, 36.0).size == 0
    assert len(even_looks(7.0, None)) == LOOKS
    assert even_looks(7.0, None)[-1] == 7
