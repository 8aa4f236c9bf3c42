import pytest

from harness.figures.panel import describe, draw_panel
from harness.figures.profiles import draw_profiles, write_profiles
from harness.figures.style import svg
from harness.simulation.simulate import simulate
from harness.validation.suite import run_panel


@pytest.fixture(scope="module")
def fig2b():
    return run_panel("fig2b")


def test_a_panel_is_drawn_with_its_curves_and_observations(fig2b):
    axes = draw_panel(fig2b).axes
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
    figure = draw_profiles(simulate("clinical", changes={"K_m": 0}, times="0,100,200"))
    assert any("failed" in text.get_text() for text in figure.axes[0].texts)
