"""Designs of dose escalation: exact probabilities, published boundaries, and courses by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from harness.analysis.escalation import NONE, boin, boin_boundaries, three_plus_three


def outcomes(*rows):
    """Patients who are toxic at the level of their cohort, or not: each row is a patient at every level."""
    return np.array(rows, bool)


def exact_three_plus_three(risks):
    """Probability of each choice, level by level and NONE last, by enumeration of cohorts of three."""
    levels = len(risks)

    def fall(below):
        """The level above is too toxic; `below` has what was treated at those below it, the lowest first."""
        found, left = np.zeros(levels + 1), 1.0
        for level in reversed(range(len(below))):
            good = 1.0 if below[level] == 6 else binom.cdf(1, 3, risks[level])
            found[level] += left * good
            left *= 1 - good
        found[levels] = left
        return found

    def visit(level, below):
        found = np.zeros(levels + 1)
        for first in range(4):
            p = binom.pmf(first, 3, risks[level])
            if first > 1:
                found += p * fall(below)
            elif first == 0 and level + 1 < levels:
                found += p * visit(level + 1, (*below, 3))
            else:
                good = p * binom.cdf(1 - first, 3, risks[level])
                found += (p - good) * fall(below)
                if level + 1 < levels:
                    found += good * visit(level + 1, (*below, 6))
                else:
                    found[level] += good
        return found

    return visit(0, ())


@pytest.mark.parametrize("risks", [(0.05, 0.1, 0.2, 0.35, 0.5), (0.4, 0.6), (0.02, 0.03, 0.04), (0.25,)])
def test_three_plus_three_has_its_exact_probabilities(risks):
    count = 4000
    random = np.random.default_rng(1)
    chosen = [
        three_plus_three(random.random((6 * len(risks), 1)) < np.array(risks)).chosen for _ in range(count)
    ]
    right = exact_three_plus_three(risks)
    assert right.sum() == pytest.approx(1)
    for level, share in enumerate(right):
        found = np.mean(np.array(chosen) == (level if level < len(risks) else NONE))
        assert abs(found - share) < 4.5 * np.sqrt(share * (1 - share) / count) + 1e-9


def test_three_plus_three_by_hand():
    none, every = [0, 0], [1, 1]
    up = three_plus_three(outcomes(*[none] * 12))
    assert up.levels.tolist() == [0] * 3 + [1] * 6  # three more at the highest
    assert (up.cohorts, up.chosen) == (3, 1)
    assert three_plus_three(outcomes(*[every] * 12)).chosen == NONE
    back = three_plus_three(outcomes(none, none, none, every, every, none, none, none, none))
    assert back.levels.tolist() == [0] * 3 + [1] * 3 + [0] * 3
    assert back.chosen == 0
    filled = three_plus_three(outcomes(every, *[none] * 5, every, every, none))
    assert filled.levels.tolist() == [0] * 6 + [1] * 3
    assert filled.chosen == 0


def test_boundaries_are_those_published():
    """For a target of 0.3, as the R package BOIN prints them."""
    assert boin_boundaries(0.3) == pytest.approx((0.2364907, 0.3585195), abs=1e-7)


@given(st.floats(0.05, 0.6))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_boundaries_lie_between_what_is_too_low_and_too_high(target):
    up, down = boin_boundaries(target)
    assert 0.6 * target < up < target < down < 1.4 * target


def test_boin_by_hand():
    """At 0.3: none of 3 up, 1 of 3 stays, 2 of 6 stays, 3 of 6 down; 3 of 3 is left for good."""
    none = [0, 0, 0]
    course = boin(
        outcomes(*[none] * 3, [1, 1, 1], none, none, [1, 1, 1], [1, 1, 1], none, *[none] * 6),
        target=0.3,
        most=15,
    )
    assert course.levels.tolist() == [0] * 3 + [1] * 6 + [0] * 3 + [1] * 3
    assert course.cohorts == 5
    assert course.chosen == 1
    left = boin(outcomes(*[none] * 3, *[[1, 1, 1]] * 3, *[none] * 9), target=0.3, most=15)
    assert left.levels.tolist() == [0] * 3 + [1] * 3 + [0] * 9
    assert left.chosen == 0
    assert boin(outcomes(*[[1, 1, 1]] * 3), target=0.3, most=15).chosen == NONE


def test_boin_leaves_a_level_when_the_risk_is_above_the_target():
    """The posterior of a uniform prior is above t with the probability that of n + 1 at most y are toxic."""
    from harness.analysis.escalation import _too_toxic_from

    for treated, target in product(range(3, 31), (0.1, 0.2, 0.25, 0.3, 0.33)):
        right = [events for events in range(treated + 1) if binom.cdf(events, treated + 1, target) > 0.95]
        assert _too_toxic_from(treated, target) == min([*right, treated + 1])
    assert [_too_toxic_from(treated, 0.3) for treated in (1, 2)] == [2, 3]


def test_boin_ends_where_enough_were_treated():
    course = boin(outcomes(*[[0]] * 30), target=0.3, most=30, enough=12)
    assert course.levels.size == 12


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_what_follows_does_not_change_what_was_decided(seed, levels):
    random = np.random.default_rng(seed)
    toxic = random.random((30, levels)) < random.uniform(0, 0.7, levels)
    for design in (three_plus_three, lambda outcome: boin(outcome, target=0.3)):
        course = design(toxic)
        seen = course.levels.size
        cut = random.integers(0, seen)
        other = toxic.copy()
        other[cut:] = random.random(other[cut:].shape) < 0.5
        assert design(other).levels[:cut].tolist() == course.levels[:cut].tolist()
        assert course.chosen in {NONE, *course.levels.tolist()}
