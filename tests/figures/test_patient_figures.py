"""Pictures of fitted patients, drawn from small tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from harness.figures.patients import draw_effects, draw_examples, draw_panels, draw_progression
from harness.studies.outcome import Outcome
from harness.studies.progression import RULES, medians, predicted, repeated, survival


@pytest.fixture(scope="module")
def outcome():
    groups = {"1.5e+08 PD": "PD", "1.5e+08 CR": "CR"}
    months = np.array([1.0, 8.0, 9.0, np.inf])
    patients = pd.DataFrame(
        {
            "patient": range(1, 5), "dose": 150e6, "arm": "high",
            "group": ["1.5e+08 PD", *["1.5e+08 CR"] * 3],
            "reported": ["PD", "sCR", "CR", "CR"], "category": ["PD", "CR", "CR", "CR"], "responder": True,
            "gamma_m_sd": [9.5, 0.3, 0.3, 0.3], "largest_sd": [9.5, 0.3, 0.3, 0.3],
            "distance_sd": [12.0, 0.5, 0.5, 0.5], "rule": "nadir_25_and_5",
            **{f"pfs_{rule}": months for rule in RULES},
        }
    )  # fmt: skip
    draws = pd.DataFrame({"group": list(groups) * 2, "weight": 1.0, **{f"pfs_{r}": months for r in RULES}})
    time = np.array([0.0, 100, 700])
    profiles = pd.concat(
        pd.DataFrame(
            {"group": g, "time": time, "M_protein_change": [0, -96, 9], "sBCMA_change": 0, "transgene": 9.0}
        )
        for g in groups
    )
    bands = profiles.assign(lower=-99.0, middle=0.0, upper=9.0)
    chosen = repeated(patients, draws, 1)
    of_pfs = (patients, draws, chosen, 24.0)
    tables = {
        "patients": patients, "added": patients[:1].assign(K_21_sd=3.0), "profiles": profiles, "bands": bands,
        "medians": medians(*of_pfs, {"high": 11.8}), "survival": survival(*of_pfs),
        "predicted": predicted(*of_pfs),
    }  # fmt: skip
    return Outcome({}, tables)


def test_there_is_a_panel_for_every_patient_and_rare_ones_say_how_far_they_are(outcome):
    axes = [each for each in draw_panels(outcome).axes if each.axison]
    assert [each.get_title() for each in axes] == [f"150×10⁶, {name}" for name in ("PD", "sCR", "CR", "CR")]
    assert [[t.get_text() for t in each.texts] for each in axes] == [["12.0 SD"], [], [], []]


def test_the_fit_is_drawn_strong_up_to_progression_only(outcome):
    lines = {line.get_label(): line for line in draw_panels(outcome).axes[1].lines}
    assert np.isfinite(lines["fit, after progression"].get_ydata()).all()
    assert np.isfinite(lines["fit, to progression"].get_ydata()).tolist() == [True, True, False]


def test_examples_are_those_categories_that_there_are(outcome):
    figure = draw_examples(outcome)
    titles = [each.get_title(loc="left") for each in figure.axes[:2]]
    assert titles == ["PD, 150×10⁶", "CR, 150×10⁶"]
    assert len(figure.axes) == 6


def test_effects_have_a_row_for_each_distinct_patient_and_again_with_more_effects(outcome):
    (axes,) = draw_effects(outcome).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["150×10⁶, PD", "150×10⁶, CR", "150×10⁶, PD"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["gamma_m", "K_21"]


def test_progression_has_one_set_of_axes_a_rule_with_the_published_median(outcome):
    axes = draw_progression(outcome).axes
    assert len(axes) == len(RULES)
    marks = [line for line in axes[0].lines if line.get_label() == "high dose, published median"]
    assert marks[0].get_xdata() == [11.8]


def test_medians_of_repeated_trials_are_those_of_kaplan_meier(outcome):
    """Nobody is censored before the end, so a middle value of each trial is its median."""
    table = outcome.tables["medians"]
    high = table[(table["arm"] == "high") & (table["rule"] == RULES[0])].iloc[0]
    assert high["median"] == 8.0
    assert high["predicted"] in (1.0, 8.0, 9.0, np.inf)
    assert table[table["arm"] == "low"]["median"].isna().all()
