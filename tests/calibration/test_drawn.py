"""Trials drawn from virtual patients: an effect shifts logits, and patients come whole."""

import numpy as np
import pytest

from harness.calibration.drawn import class_chances, draw_trials

CLASSES = np.repeat([0, 1, 2, 3, 4], [120, 60, 100, 80, 40])
FREQUENCIES = np.array([120, 60, 100, 80, 40]) / 400


def drawn(effect, lapse=0.0, size=300, trials=200):
    classes = np.tile(CLASSES, (trials, 1))
    return draw_trials(classes, np.full(trials, effect), size, lapse, np.random.default_rng(1))


def test_without_an_effect_patients_are_drawn_evenly_and_report_their_class():
    picked, reported = drawn(0.0)
    assert (reported == CLASSES[picked]).all()
    assert np.bincount(reported.ravel()) / reported.size == pytest.approx(FREQUENCIES, abs=0.01)


def test_an_effect_shifts_every_cumulative_logit():
    _, reported = drawn(np.log(2.0))
    shares = np.cumsum(np.bincount(reported.ravel()) / reported.size)[:4]
    odds = np.cumsum(FREQUENCIES)[:4] / (1 - np.cumsum(FREQUENCIES)[:4])
    assert shares / (1 - shares) == pytest.approx(2 * odds, rel=0.05)


def test_the_chances_are_those_that_classes_are_drawn_with():
    _, reported = drawn(-0.7, lapse=0.1)
    chances = class_chances(CLASSES, np.array(-0.7), 0.1)
    assert chances.sum() == pytest.approx(1)
    assert np.bincount(reported.ravel()) / reported.size == pytest.approx(chances, abs=0.01)


def test_a_patient_that_failed_is_never_drawn():
    classes = np.array([[0, -1, 2, -1, 4]])
    picked, _ = draw_trials(classes, np.array([0.5]), 500, 0.0, np.random.default_rng(2))
    assert set(picked.ravel()) == {0, 2, 4}
