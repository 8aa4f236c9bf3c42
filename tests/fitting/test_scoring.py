"""The best effects of all groups at once: each group as if it were alone, and never uphill."""

import numpy as np

from harness.fitting.scoring import lowest

CENTRES = np.array([[1.0, -2.0], [0.3, 0.1], [7.0, 4.0]])
WEIGHTS = np.array([[1.0, 4.0], [2.0, 0.5], [3.0, 1.0]])


def squares(effects, groups):
    return np.where(groups, (WEIGHTS * (effects - CENTRES) ** 2).sum(axis=1), np.nan)


def half_gradients(effects, groups):
    informations = np.einsum("gi,ij->gij", WEIGHTS, np.eye(2))
    return np.where(groups[:, np.newaxis], WEIGHTS * (effects - CENTRES), np.nan), informations


def test_every_group_comes_to_its_own_lowest_point():
    found = lowest(np.zeros((3, 2)), squares, half_gradients)
    np.testing.assert_allclose(found, CENTRES, atol=1e-12)


def test_a_group_is_the_same_whatever_the_others_do():
    asked = []

    def told(effects, groups):
        asked.append(groups.copy())
        return half_gradients(effects, groups)

    start = np.zeros((3, 2))
    start[1] = CENTRES[1]
    found = lowest(start, squares, told)
    np.testing.assert_array_equal(found[1], CENTRES[1])
    assert not any(groups[1] for groups in asked[1:])  # at rest from the first step on
    assert len(asked) > 2  # of at most 2 each, 7 is several steps away


def test_a_step_is_halved_until_it_leads_no_way_uphill():
    """Steps three times too long in a curve that steepens: sum of squares x^4, its half-gradient 2 x^3."""
    seen = []

    def quartic(effects, _groups):
        seen.append(effects[0, 0])
        return (effects**4).sum(axis=1)

    def too_long(effects, _groups):
        return 2 * effects**3, (2 * effects**2)[..., np.newaxis] / 3

    found = lowest(np.full((1, 1), 0.5), quartic, too_long)
    tried = quartic(found, None)[0]
    assert tried <= 0.5**4
    assert min(seen) < -0.5  # it went too far,
    assert abs(found[0, 0]) < 0.2  # and back


def test_what_cannot_be_bettered_stays_where_it_is():
    def least_at_two(effects, _groups):
        return np.where(effects[:, 0] == 2.0, 0.0, 1.0)

    start = np.full((1, 1), 2.0)
    found = lowest(start, least_at_two, lambda effects, _groups: (effects, np.ones((1, 1, 1))))
    np.testing.assert_array_equal(found, start)
