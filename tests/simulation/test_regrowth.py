import numpy as np
import pytest

from harness.simulation.regrowth import Regrowth


def test_rises_between_looks_are_counted_in_e_folds_and_falls_are_not():
    regrowth = Regrowth(end=4.0, looks=4)
    assert regrowth.looks(0.0, 4.0).tolist() == [1, 2, 3, 4]
    regrowth.note(np.exp([5.0, 2.0, 4.0, 4.5]))
    assert regrowth.risen == pytest.approx(2.5)


def test_what_is_counted_goes_on_over_a_stop_and_not_over_a_dose():
    regrowth = Regrowth(end=4.0, looks=4)
    regrowth.note(np.exp([1.0, 2.0]))
    regrowth.note(np.exp([3.0]))
    assert regrowth.risen == pytest.approx(2.0)
    regrowth.dosed()
    regrowth.note(np.exp([30.0]))
    regrowth.note(np.array([]))
    assert regrowth.risen == pytest.approx(2.0)


def test_looks_fall_into_one_segment_each():
    regrowth = Regrowth(end=10.0, looks=5)
    found = [*regrowth.looks(0.0, 4.0), *regrowth.looks(4.0, 4.5), *regrowth.looks(4.5, 10.0)]
    assert found == [2, 4, 6, 8, 10]


def test_an_empty_pool_does_not_rise():
    regrowth = Regrowth(end=2.0, looks=2)
    regrowth.note(np.zeros(2))
    assert regrowth.risen == 0
