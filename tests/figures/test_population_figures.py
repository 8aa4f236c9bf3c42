"""Figures of virtual patients: they show the tables, and say what they show."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from harness.analysis.survival import kaplan_meier
from harness.declarations import declare
from harness.figures.population import (
    draw_fractions,
    draw_population,
    draw_predictions,
    draw_spiders,
    draw_trial,
)
from harness.figures.style import figure_of, write_figure
from harness.figures.survival import draw_survival
from harness.simulation.execute import Serial
from harness.studies.population import Population
from harness.studies.trial import Trial


@pytest.fixture(scope="module")
def outcome():
    study = declare(
        Population,
        patients=6,
        doses=["50e6", "150e6", "300e6", "450e6", "800e6"],
        spiders=4,
        published="trials/trial_outcomes.csv",
        trials=50,
    )
    return study.run(Serial())


def texts(axes):
    return [text.get_text() for text in figure_of(axes).findobj(lambda artist: hasattr(artist, "get_text"))]


def test_a_survival_curve_has_its_numbers_at_risk_below():
    time = np.array([2.0, 4, 6, 8, 30])
    axes = draw_survival(
        {"all": kaplan_meier(time, np.array([1, 0, 1, 1, 0], bool))}, "progression-free", title="PFS"
    )
    assert {"at risk", "all", "progression-free", "time (months)", "PFS"} <= set(texts(axes))
    assert [t.get_text() for t in axes.texts if t.get_text().isdigit()] == list("531111")
    line = axes.get_lines()[0]
    assert line.get_ydata()[0] == 1
    assert line.get_xdata()[-1] == 30


def test_spiders_show_each_dose_and_patient(outcome):
    axes = draw_spiders(outcome)
    assert len(axes) == 5
    assert len(axes[0].get_lines()) == 4 + 1  # and the line of progression
    assert axes[1].get_title() == "150×10⁶ cells"


def test_fractions_fill_the_bars(outcome):
    axes = draw_fractions(outcome)
    assert [each.get_title() for each in axes] == [
        "Month 6, against baseline",
        "Month 21, against baseline",
    ]
    tops = [bar.get_y() + bar.get_height() for bar in axes[0].patches]
    assert max(tops) == pytest.approx(100)


def test_predictions_name_the_trials_and_mark_what_lies_outside(outcome):
    axes = draw_predictions(outcome)
    assert {"KarMMa, 300 (n=70)", "CRB-401, 150 to 800 (n=30)", "published, outside"} <= set(texts(axes))


def test_a_population_is_one_page_that_can_be_written(outcome, tmp_path):
    axes = draw_population(outcome, "nadir_25")
    assert isinstance(figure_of(axes), Figure)
    assert {"Single patients, coloured by their response at the end", "at risk"} <= set(texts(axes))
    write_figure(axes, tmp_path / "population.pdf")
    assert (tmp_path / "population.pdf").stat().st_size > 1000


def test_a_trial_shows_its_arms():
    arms = {"low": {"patients": 3, "doses": ["50e6"]}, "high": {"patients": 3, "doses": ["450e6"]}}
    outcome = declare(Trial, arms=arms, visits="28:364:28", replicates=2).run(Serial())
    assert {"low", "high", "at risk", "NE"} <= set(texts(draw_trial(outcome)))
