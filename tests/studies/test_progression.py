"""Progression of fitted patients: shares and medians of made patients, as they come out by hand."""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from harness.studies.patient_fits import _band, _weights
from harness.studies.progression import RULES, TRIALS, medians, predicted, repeated, survival

RULE = RULES[0]
OF_FITS = [3.0, 5.0, 9.0, np.inf, 4.0, np.nan]
PATIENTS = pd.DataFrame(
    {"group": list("aabcde"), "arm": ["high"] * 4 + ["low"] * 2, **{f"pfs_{rule}": OF_FITS for rule in RULES}}
)
PATIENTS[f"pfs_{RULES[1]}"] = 2 * np.array(OF_FITS)
DRAWN = [
    ("a", 0.6, 2.0), ("a", 1.0, 6.0), ("a", 0.4, 9.0), ("a", 0.0, 1.0), ("b", 0.5, 8.0), ("c", 1.0, np.inf),
    ("d", 1.0, 3.0), ("e", 0.0, 7.0),
]  # fmt: skip
DRAWS = pd.DataFrame(
    [{"group": g, "weight": w, **{f"pfs_{rule}": time for rule in RULES}} for g, w, time in DRAWN]
)


@pytest.fixture(scope="module")
def chosen():
    return repeated(PATIENTS, DRAWS, seed=1)


def test_a_draw_is_taken_as_often_as_its_weight_says(chosen):
    assert chosen.shape == (TRIALS, 6)
    shares = [(chosen[:, :2] == row).mean() for row in range(4)]
    assert shares == pytest.approx([0.3, 0.5, 0.2, 0.0], abs=4 * np.sqrt(0.25 / (2 * TRIALS)))
    assert shares[3] == 0
    assert (chosen[:, 2:] == [4, 5, 6, -1]).all()
    same = (chosen[:, 0] == chosen[:, 1]).mean()  # two patients of one group are drawn apart
    assert same == pytest.approx(0.3**2 + 0.5**2 + 0.2**2, abs=0.06)
    assert (repeated(PATIENTS, DRAWS, seed=1) == chosen).all()
    assert (repeated(PATIENTS, DRAWS, seed=2) != chosen).any()


def test_medians_of_the_fits_and_of_the_trials(chosen):
    table = medians(PATIENTS, DRAWS, chosen, 12.0, {"high": 11.5}).set_index(["rule", "arm"])
    high, low = table.loc[(RULE, "high")], table.loc[(RULE, "low")]
    fit = KaplanMeierFitter().fit([3, 5, 9, 12], [1, 1, 1, 0])
    assert (
        (high["patients"], high["events"], high["median"]) == (4, 3, fit.median_survival_time_) == (4, 3, 5)
    )
    # Of two of group a, 8 and inf it is the second: 2 (9 % of the trials), 6 (55 %), 8 (32 %) or 9 (4 %).
    assert (high["predicted_lower"], high["predicted"], high["predicted_upper"]) == (2, 6, 9)
    assert high["published"] == 11.5
    assert (low["patients"], low["events"], low["median"], low["predicted"]) == (1, 1, 4, 3)
    assert np.isnan(low["published"])
    assert table.loc[(RULES[1], "high"), ["events", "median"]].tolist() == [2, 10]


def test_a_patient_whose_fit_failed_and_one_without_a_draw_count_nowhere(chosen):
    table = medians(PATIENTS.iloc[5:], DRAWS, chosen[:, 5:], 12.0, {}).set_index(["rule", "arm"])
    assert table["patients"].tolist() == [0] * len(table)
    assert table[["median", "predicted"]].isna().all(axis=None)


def test_the_curve_of_the_fits_is_that_of_lifelines(chosen):
    curve = survival(PATIENTS, DRAWS, chosen, 12.0).query("rule == @RULE and arm == 'high'")
    fit = KaplanMeierFitter().fit([3, 5, 9, 12], [1, 1, 1, 0]).survival_function_["KM_estimate"]
    for time, share in fit.items():
        assert curve[curve["time"] <= time]["survival"].iloc[-1] == pytest.approx(share)


def test_the_share_without_progression_is_counted_in_each_trial(chosen):
    curve = (
        predicted(PATIENTS, DRAWS, chosen, 12.0).query("rule == @RULE and arm == 'high'").set_index("time")
    )
    # Without progression: b, c, and each of two of group a, after 3 months with 0.7, after 6 with 0.2.
    assert curve.loc[3.0, ["lower", "upper"]].tolist() == [0.5, 1.0]
    assert curve.loc[3.0, "survival"] >= 0.75
    assert curve.loc[6.0, ["lower", "survival", "upper"]].tolist() == [0.5, 0.5, 1.0]
    assert curve.loc[0.0, "survival"] == 1
    assert curve.loc[12.0, ["lower", "survival", "upper"]].tolist() == [0.25] * 3
    assert set(predicted(PATIENTS, DRAWS, chosen, 12.0)["arm"]) == {"high", "low"}


def test_weights_are_relative_to_the_largest_of_their_group():
    ratio = np.log([[1.0, 4.0, 2.0], [3e-300, 1e-300, 3e-301]]) + np.array([[0.0], [-400.0]])
    ratio = np.vstack([ratio, np.full(3, -np.inf)])
    expected = [[0.25, 1, 0.5], [1, 1 / 3, 0.1], [0, 0, 0]]
    assert _weights(ratio) == pytest.approx(np.array(expected))


def test_a_band_is_of_the_weight_and_not_of_the_number():
    values = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [np.nan, np.nan]])
    band = _band(values, np.array([0.02, 0.95, 0.03, 0.0]))
    assert {name: found.tolist() for name, found in band.items()} == {
        "lower": [2, 20], "middle": [2, 20], "upper": [3, 30],
    }  # fmt: skip
    assert np.isnan(_band(values, np.zeros(4))["middle"]).all()
