"""What a picture of a scan shows of each kind of column, over axes of few and of many points."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from harness.analysis.response import category_names
from harness.figures.profiles import draw_profiles
from harness.figures.scan import SHADES, draw_scan
from harness.figures.style import figure_of
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.simulate import simulate


def scan(values, endpoint="best_response", **axes):
    """A scan whose column has given values, a row a run."""
    planned = plan("clinical", grid(**axes), endpoints=[endpoint], until=60)
    table = planned.design.table[list(axes)].copy()
    table[endpoint] = np.asarray(values, float)
    return draw_scan(table, planned, tuple(axes))


def test_categories_over_one_axis_have_their_names_the_best_on_top():
    (axes,) = scan([0, 3, 5], dose=[1e8, 2e8, 3e8])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert tuple(names) == category_names()
    assert axes.lines[0].get_ydata().tolist() == [0, 3, 5]
    bottom, top = axes.get_ylim()
    assert bottom > 5
    assert top < 0


def test_categories_over_two_axes_have_a_colour_each_and_nothing_between():
    doses, burdens = np.linspace(1e8, 5e8, 5), np.linspace(1e9, 5e9, 5)
    (axes,) = scan(np.arange(25) % 6, dose=doses, Tumor_0=burdens)
    (mesh,) = axes.collections
    figure_of(axes).canvas.draw()
    colours = {to_hex(colour) for colour in mesh.get_facecolors().reshape(-1, 4)}
    assert colours == set(SHADES)
    assert len(SHADES) == len(category_names())
    assert mesh.norm(2.0) == 2  # a category's own place, not a share between the first and the last


def test_what_has_no_value_is_blank_within_a_surface():
    doses, burdens = np.linspace(1e8, 5e8, 5), np.linspace(1e9, 5e9, 5)
    values = np.arange(25.0) % 6
    values[7] = np.nan
    (axes,) = scan(values, dose=doses, Tumor_0=burdens)
    assert np.ma.getmaskarray(axes.collections[0].get_array()).sum() == 1


def test_where_there_is_no_value_there_are_words_and_no_scale():
    (axes,) = scan([np.nan] * 3, endpoint="PFS", dose=[1e8, 2e8, 3e8])
    assert [text.get_text() for text in axes.texts] == ["no values"]
    assert (list(axes.get_xticks()), list(axes.get_yticks()), list(axes.lines)) == ([], [], [])
    assert axes.get_ylabel() == "PFS (days)"


@pytest.mark.parametrize("count", [2, 4])
def test_an_axis_of_few_points_has_a_line_for_each_over_the_other(count):
    doses, burdens = np.linspace(1e8, 5e8, 6), np.linspace(1e9, 5e9, count)
    (axes,) = scan(np.arange(6 * count), endpoint="Cmax", dose=doses, Tumor_0=burdens)
    assert axes.get_xlabel() == "dose (cells)"
    assert axes.get_legend().get_title().get_text() == "Tumor_0 (cells/L)"
    runs = grid(dose=doses, Tumor_0=burdens).table
    for line, burden in zip(axes.lines, burdens, strict=True):
        of_burden = np.flatnonzero(runs["Tumor_0"] == burden)
        np.testing.assert_array_equal(line.get_xdata(), doses)
        np.testing.assert_array_equal(line.get_ydata(), of_burden)


def test_lines_that_span_decades_have_a_logarithmic_axis():
    assert scan([1, 10, 100], endpoint="Cmax", dose=[1, 2, 3])[0].get_yscale() == "log"
    assert scan([0, 10, 100], endpoint="Cmax", dose=[1, 2, 3])[0].get_yscale() == "linear"


def test_a_figure_of_one_run_says_what_was_run():
    found = simulate(
        "clinical", doses=["450e6", "150e6@30 for 5 days"], changes={"K_12": "0.07 1/h"}, until=60
    )
    title, *said = figure_of(draw_profiles(found)).get_suptitle().split("\n")
    assert title == "Patients with multiple myeloma"
    assert "doses: 450×10⁶ at day 0, 150×10⁶ at day 30 for 5 days" in said[0]
    assert "changes: K_12=" in said[0]


def test_moments_that_are_near_share_a_number():
    axes = draw_profiles(simulate("clinical", doses=["1e8", "1e8@30 for 1 days", "1e8@50"], until=60))[0]
    (top,) = axes.child_axes
    assert [label.get_text() for label in top.get_xticklabels()] == ["day 30–31", "50"]
    assert top.get_xticks().tolist() == [30, 50]
