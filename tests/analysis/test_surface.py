import numpy as np
import pytest

from harness.analysis.surface import largest_row_step, main_effects, rank_trend, share_rising

ROWS, COLUMNS = np.arange(4.0)[:, np.newaxis], np.arange(6.0)


def test_main_effects_share_out_an_additive_field():
    rows, columns = main_effects(3 * ROWS + COLUMNS)
    assert rows + columns == pytest.approx(1)
    assert rows / columns == pytest.approx(9 * np.var(np.arange(4)) / np.var(np.arange(6)))


def test_what_is_interaction_belongs_to_neither():
    signs = np.array([[1, -1], [-1, 1.0]])
    assert main_effects(signs) == pytest.approx((0, 0))


def test_blank_cells_count_nowhere():
    field = ROWS + 0 * COLUMNS
    field[0, 0] = np.nan
    assert main_effects(field)[0] == pytest.approx(1)
    assert np.isnan(main_effects(np.full((3, 3), np.nan))).all()
    assert np.isnan(main_effects(np.ones((3, 3)))).all()


def test_rises_and_trends():
    field = 10 * COLUMNS - ROWS
    assert largest_row_step(field) == -1
    field[2, 3] += 5
    assert largest_row_step(field) == 4
    assert share_rising(field) == 1
    assert share_rising(-field) == 0
    assert share_rising(field - 10 * COLUMNS, tolerance=5) == 1
    assert rank_trend(field) == 1
    assert rank_trend(-(field**2)) == -1


def test_a_map_without_values_has_no_trend():
    nothing = np.full((3, 4), np.nan)
    assert np.isnan([largest_row_step(nothing), share_rising(nothing), rank_trend(nothing)]).all()
    assert np.isnan(rank_trend(np.ones((3, 4))))
