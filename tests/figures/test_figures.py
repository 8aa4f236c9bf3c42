import re
from itertools import combinations

import numpy as np
import pytest
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox, BboxTransformTo

from harness.figures.contours import draw_lines
from harness.figures.panel import describe, draw_panel
from harness.figures.profiles import draw_profiles, write_profiles
from harness.figures.scan import draw_scan
from harness.figures.style import axes_for, figure_of, new_figure, svg
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.simulation.simulate import simulate
from harness.validation.suite import run_panel


@pytest.fixture(scope="module")
def fig2b():
    return run_panel("fig2b")


def test_a_panel_is_drawn_with_its_curves_and_observations(fig2b):
    axes = draw_panel(fig2b)
    assert [each.get_title(loc="left") for each in axes] == [a.title for a in fig2b.spec.axes]
    labels = axes[0].get_legend_handles_labels()[1]
    assert any("moving_volume" in label for label in labels)
    assert any("observed: vehicle" in label for label in labels)


@pytest.mark.quick
def test_an_svg_has_a_text_alternative_and_is_the_same_every_time(fig2b):
    description = describe(fig2b)
    first = svg(draw_panel(fig2b), description)
    assert first == svg(draw_panel(fig2b), description)
    assert first.startswith("<svg ")
    assert 'role="img"' in first
    assert "Figure 2b. Tumour volume" in first
    assert "currentColor" in first


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_profiles_are_written(tmp_path, suffix):
    path = tmp_path / f"plot.{suffix}"
    write_profiles(simulate("xenograft", times="0:30:1"), path)
    assert path.stat().st_size > 1000


def test_a_failed_run_is_drawn_as_such():
    axes = draw_profiles(simulate("clinical", changes={"P_m": 1e300}, times="0,100,200"))
    assert any("failed" in text.get_text() for text in axes[0].texts)


def above(axes):
    """What is written at the top of some axes, by time."""
    (top,) = axes.child_axes
    return dict(
        zip(top.get_xticks().tolist(), [label.get_text() for label in top.get_xticklabels()], strict=True)
    )


def test_days_of_later_doses_and_both_ends_of_infusions_are_marked():
    drawn = draw_profiles(
        simulate("clinical", doses=["1e8@0 for 2 days", "1e8@30 for 5 days", "1e8@40"], until=60)
    )
    for axes in drawn:
        assert above(axes) == {2.0: "day 2", 30.0: "30", 35.0: "35", 40.0: "40"}
        marked = [line.get_xdata()[0] for line in axes.lines[1:]]
        assert marked == [2.0, 30.0, 35.0, 40.0]


def test_a_jump_is_drawn_from_just_before_it():
    axes = draw_profiles(simulate("clinical", doses=["1e8", "1e8@3"], times="0:60:10"))[0]
    days, transgene = axes.lines[0].get_data()
    place = days.tolist().index(3.0)
    assert days[place - 1] == np.nextafter(3.0, 0)
    assert transgene[place] > 1e3 * transgene[place - 1]


def test_many_doses_are_marked_without_a_word_and_none_without_a_line():
    many = draw_profiles(
        simulate("clinical", doses=["1e8", *(f"1e8@{7 * i}" for i in range(1, 9))], until=90)
    )
    assert [(len(axes.lines), axes.child_axes) for axes in many] == [(9, [])] * 3
    once = draw_profiles(simulate("clinical", until=90))
    assert [(len(axes.lines), axes.child_axes) for axes in once] == [(1, [])] * 3


@pytest.mark.parametrize(
    ("doses", "scale"),
    [(["1e8"], "log"), (["1e8@0 for 2 days"], "log"), (["1e8@20"], "linear")],
)
def test_an_axis_is_logarithmic_where_a_curve_spans_decades_once_it_has_begun(doses, scale):
    axes = draw_profiles(simulate("clinical", doses=doses, until=60))
    assert [each.get_yscale() for each in axes] == [scale, "linear", "linear"]


def test_a_scan_has_three_sets_of_axes_in_a_row_and_no_more_than_it_has_columns():
    planned = plan("clinical", grid(dose=[1e8, 2e8]), shown=("dose",), until=60)
    drawn = draw_scan(run(planned).to_dataframe().reset_index(), planned, ("dose",))
    assert [axes.get_ylabel() for axes in drawn] == [
        "Cmax (copies/µg)", "Tmax (days)", "AUC28 (copies/µg·day)",
        "M_nadir (%)", "sBCMA_nadir (%)", "best_response",
    ]  # fmt: skip
    assert figure_of(drawn).get_size_inches().tolist() == pytest.approx([3 * 4.4, 2 * 3.3])


def test_no_number_of_a_line_stands_where_the_edge_would_cut_it():
    x = np.linspace(0, 1, 40)
    axes = draw_lines(x, x, np.add.outer(x, 0 * x), (0.01, 0.5, 0.99))
    assert [text.get_text() for text in axes.texts] == ["0.5"]


@pytest.mark.parametrize("steepness", [1, 3, 10, 30])
def test_numbers_of_lines_touch_neither_each_other_nor_the_edge(steepness):
    x = np.linspace(0, 1, 40)
    (axes,) = axes_for(None, 1)
    draw_lines(x, x, np.add.outer(steepness * x, x), tuple(np.arange(0.05, 32, 0.15)), axes)
    boxes = [box_of(text) for text in axes.texts]
    assert len(boxes) > 3
    assert all(axes.bbox.contains(*corner) for box in boxes for corner in box.vertices)
    assert not any(one.intersects_path(other) for one, other in combinations(boxes, 2))


def box_of(text):
    """The box of a text, turned as it is; that along the axes, in which it lies, is larger."""
    turned, middle = text.get_rotation(), text.get_window_extent().get_points().mean(axis=0)
    text.set_rotation(0)
    box = text.get_window_extent()
    box = Bbox.from_bounds(*(middle - [box.width / 2, box.height / 2]), box.width, box.height)
    return Path.unit_rectangle().transformed(
        BboxTransformTo(box) + Affine2D().rotate_deg_around(*middle, turned)
    )


def test_what_matplotlib_would_draw_in_black_takes_the_colour_of_the_page():
    figure, (axes,) = new_figure(1)
    axes.plot([1, 2], [3, 4], color="black", label="a line")
    axes.axhline(3.5, color="k", linestyle=":")
    axes.legend(title="a legend")
    axes.annotate("a point", (1, 3))
    axes.text(1.5, 3.2, "in red", color="red")
    figure.suptitle("all")
    drawn = svg(axes, "words and lines")
    words = {said: style for style, said in re.findall(r"<text ([^>]*)>([^<]*)", drawn)}
    assert {"a line", "a legend", "a point", "in red", "all"} <= set(words)
    assert "fill: #ff0000" in words.pop("in red")
    assert all("fill: currentColor" in style for style in words.values())
    assert "#000000" not in drawn
    assert drawn.count("stroke: currentColor") >= 2
