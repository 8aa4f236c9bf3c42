"""The published check tables hold (V1, X1 to X5, C1); a verdict follows from score and threshold alone."""

import numpy as np
import pytest

from harness.errors import InputError
from harness.models.catalog import load_card
from harness.models.symbols import read_symbols
from harness.validation import suite
from harness.validation.spec import Target, panel_names, read_panel
from harness.validation.suite import Verdict, run_panel


@pytest.fixture(scope="module")
def scores():
    return {s.target.id: s for name in panel_names() for s in run_panel(name).scores}


def test_every_target_has_its_expected_verdict(scores):
    assert [name for name, score in scores.items() if not score.holds] == []


def test_the_thresholds_are_those_fixed_beforehand(scores):
    fixed = {
        "V1": (-np.inf, 1), "X1-A-rmse": (-np.inf, 45), "X1-A-peak": (341.25, 568.75),
        "X1-A-time": (10.5, 13.5), "X1-B-log": (-np.inf, 0.45), "X2-A-rmse": (-np.inf, 25),
        "X2-A-late": (-np.inf, 10), "X3-fold": (-np.inf, 2), "C1-Cmax": (-np.inf, 1e-3),
    }  # fmt: skip
    assert {name: scores[name].target.threshold.bounds() for name in fixed} == fixed


@pytest.mark.parametrize(
    ("target", "value", "tolerance"),
    [
        ("X1-A-rmse", 39, 0.02),
        ("X1-B-rmse", 51, 0.02),
        ("X1-A-peak", 412, 0.005),
        ("X1-A-time", 12.6, 0.01),
        ("X5-observed", 3.7, 0.05),
        ("X5-literal", 380, 0.05),
        ("X4-half-life", 18.15, 0.001),
        ("X4-delay", 7.9, 1e-9),
    ],
)
def test_the_scores_are_those_known_of_the_readings(scores, target, value, tolerance):
    assert scores[target].value == pytest.approx(value, rel=tolerance)


def test_the_literal_reading_fails_and_says_why(scores):
    for name in ("X1-literal-rmse", "X1-literal-log", "X1-literal-dense-rmse"):
        assert scores[name].verdict is Verdict.NOT_REPRODUCIBLE
        assert scores[name].target.ledger == "D01"


def test_reading_a_is_as_tabulated():
    """Blood CAR-T (cells/uL) of readings A and B at the days of the observations."""
    result = run_panel("fig2b")
    days = [1.0, 2.1, 4.0, 8.0, 12, 15, 17.9, 22, 25, 29.2]
    tables = {
        "A": [0.2, 0.7, 4.3, 93, 404, 305, 131, 27, 7.5, 1.1],
        "B": [3.3, 5.8, 15.6, 115, 352, 306, 172, 59, 26, 8.1],
    }
    for name, table in tables.items():
        curve = result.curves[name]
        found = np.interp(days, curve.time, curve.blood_cart)
        np.testing.assert_allclose(found, table, rtol=0.02, atol=0.06)


def test_a_missed_threshold_is_not_met_and_one_more_is_unexpected():
    result = run_panel("fig3")
    target = next(t for t in result.spec.targets if t.id == "C5-killing")
    strict = Target.model_validate({**target.model_dump(), "threshold": {"near": 3, "within": 0.1}})
    missed = suite._score(result, strict)
    assert (missed.verdict, missed.holds) == (Verdict.NOT_MET, False)
    surprise = Target.model_validate({**target.model_dump(), "expected": "not met", "ledger": "D04"})
    met = suite._score(result, surprise)
    assert (met.verdict, met.holds) == (Verdict.MET, False)


def test_a_score_that_is_not_a_number_meets_nothing(monkeypatch):
    result = run_panel("fig3")
    monkeypatch.setattr(suite, "_measure", lambda *_: float("nan"))
    for name in ("C5-killing", "C3-Cmax"):  # one expected to be met, one expected not to be
        score = suite._score(result, next(t for t in result.spec.targets if t.id == name))
        assert (score.verdict, score.holds) == (Verdict.NOT_MET, False)


def test_panels_name_their_sources():
    for name in panel_names():
        assert "Singh 2021" in read_panel(name).source


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("condition,viability_percent\nJeKo,100\n", "the first line must be"),
        (
            "# expected: viability_percent\ncondition,ETratio,viability_percent\nJeKo,5,100\n",
            "nearest: ET_ratio",
        ),
        ("# expected: viability_percent\ncondition,ET_ratio\nJeKo,5\n", "column missing: viability_percent"),
        ("# expected: viability_percent\ncondition,viability_percent\nJeKo,\n", "every row needs a number"),
        ("# expected: viability_percent\ncondition,viability_percent\n,100\n", "an empty cell"),
        ("# expected: viability_percent\ncondition,viability_percent\n", "no rows"),
        ("", "cannot be read"),
    ],
)
def test_a_broken_table_of_cases_is_told(tmp_path, table, said):
    path = tmp_path / "cases.csv"
    path.write_text(table)
    symbols = read_symbols(load_card("in_vitro").sbml_path())
    with pytest.raises(InputError) as caught:
        suite._read_cases(path, "viability_percent", symbols)
    assert said in str(caught.value)


def test_an_observable_that_the_model_lacks_is_told_before_anything_runs():
    spec = read_panel("fig3")
    axes = spec.axes[0].model_copy(update={"observable": "transgen"})
    with pytest.raises(InputError, match="nearest: transgene"):
        suite._require_symbols(spec.model_copy(update={"axes": (axes,)}))


def test_a_curve_that_fails_is_a_verdict_and_not_an_end():
    spec = read_panel("fig3")
    broken = spec.curves["dose_50"].model_copy(update={"changes": {"KC50": "0"}})
    curve = suite._simulate(broken)
    assert curve.attrs["status"] == "not finite"
    result = suite.PanelResult(spec, {**run_panel("fig3").curves, "dose_50": curve}, None)
    scores = {target.id: suite._score(result, target) for target in spec.targets}
    assert scores["C3-Cmax"].verdict is Verdict.FAILED
    assert not scores["C3-Cmax"].holds
    assert scores["C4-order"].verdict is Verdict.MET
