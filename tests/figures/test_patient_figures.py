"""Pictures of fitted patients, drawn from small tables made by hand."""

import numpy as np

from harness.figures.patients import draw_effects, draw_examples, draw_panels, draw_progression
from harness.studies.progression import RULES


def test_there_is_a_panel_for_every_patient_and_rare_ones_say_how_far_they_are(fits):
    axes = [each for each in draw_panels(fits) if each.axison]
    assert [each.get_title() for each in axes] == [f"150×10⁶, {name}" for name in ("PD", "sCR", "CR", "CR")]
    assert [[t.get_text() for t in each.texts] for each in axes] == [["12.0 SD"], [], [], []]


def test_the_fit_is_drawn_strong_up_to_progression_only(fits):
    lines = {line.get_label(): line for line in draw_panels(fits)[1].lines}
    assert np.isfinite(lines["fit, after progression"].get_ydata()).all()
    assert np.isfinite(lines["fit, to progression"].get_ydata()).tolist() == [True, True, False]


def test_examples_are_those_categories_that_there_are(fits):
    axes = draw_examples(fits)
    titles = [each.get_title(loc="left") for each in axes[:2]]
    assert titles == ["PD, 150×10⁶", "CR, 150×10⁶"]
    assert len(axes) == 6


def test_effects_have_a_row_for_each_distinct_patient_and_again_with_more_effects(fits):
    axes = draw_effects(fits)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["150×10⁶, PD", "150×10⁶, CR", "150×10⁶, PD"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["gamma_m", "K_21"]


def test_progression_has_one_set_of_axes_a_rule_with_the_published_median(fits):
    axes = draw_progression(fits)
    assert len(axes) == len(RULES)
    marks = [line for line in axes[0].lines if line.get_label() == "high dose, published median"]
    assert marks[0].get_xdata() == [11.8]


def test_medians_of_repeated_trials_are_those_of_kaplan_meier(fits):
    """Nobody is censored before the end, so a middle value of each trial is its median."""
    table = fits.tables["medians"]
    high = table[(table["arm"] == "high") & (table["rule"] == RULES[0])].iloc[0]
    assert high["median"] == 8.0
    assert high["predicted"] in (1.0, 8.0, 9.0, np.inf)
    assert table[table["arm"] == "low"]["median"].isna().all()
