"""The published check tables hold (V1, X1 to X5, C1); a verdict follows from score and threshold alone."""

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.observations import read_observations
from harness.errors import InputError
from harness.models.catalog import load_card
from harness.models.symbols import read_symbols
from harness.simulation import engines
from harness.simulation.execute import choose_executor
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.validation import suite
from harness.validation.curves import Curve
from harness.validation.measures.base import Measure
from harness.validation.measures.of_curves import Endpoint
from harness.validation.measures.of_tables import Rows, read_cases
from harness.validation.spec import Target, panel_names, read_panel
from harness.validation.suite import (
    Verdict,
    judge,
    not_reached,
    run_panel,
    score,
    score_table,
    tasks,
    under_readings,
)

QUICK = ("fig2a", "fig2b", "fig3", "statements")


@pytest.fixture(scope="module")
def results():
    return {name: run_panel(name) for name in QUICK}


@pytest.fixture(scope="module")
def scores(results):
    return {s.target.id: s for result in results.values() for s in result.scores}


def test_every_target_has_its_expected_verdict(scores):
    assert [name for name, score in scores.items() if not score.holds] == []


def test_the_thresholds_are_those_fixed_beforehand(scores):
    fixed = {
        "V1": (-np.inf, 1), "X1-moving-rmse": (-np.inf, 45), "X1-moving-peak": (341.25, 568.75),
        "X1-moving-time": (10.5, 13.5), "X1-constant-log": (-np.inf, 0.45), "X2-moving-rmse": (-np.inf, 25),
        "X2-moving-late": (-np.inf, 10), "X3-fold": (-np.inf, 2), "C1-Cmax": (-np.inf, 1e-3),
    }  # fmt: skip
    assert {name: scores[name].target.threshold.bounds() for name in fixed} == fixed


@pytest.mark.parametrize(
    ("target", "value", "tolerance"),
    [
        ("X1-moving-rmse", 39, 0.02),
        ("X1-constant-rmse", 51, 0.02),
        ("X1-moving-peak", 412, 0.005),
        ("X1-moving-time", 12.6, 0.01),
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


def test_reading_a_is_as_tabulated(results):
    """Blood CAR-T (cells/uL) of both readings at the days of the observations."""
    days = [1.0, 2.1, 4.0, 8.0, 12, 15, 17.9, 22, 25, 29.2]
    tables = {
        "moving_volume": [0.2, 0.7, 4.3, 93, 404, 305, 131, 27, 7.5, 1.1],
        "constant_volume": [3.3, 5.8, 15.6, 115, 352, 306, 172, 59, 26, 8.1],
    }
    for name, table in tables.items():
        curve = results["fig2b"].evidence.curves[name]
        found = np.interp(days, curve.time, curve.blood_cart)
        np.testing.assert_allclose(found, table, rtol=0.02, atol=0.06)


def test_a_panel_names_the_endpoints_of_the_model(results):
    """Cmax and Tmax of a curve are those of `cart scan`, whatever the output times of the curve."""
    evidence = results["fig3"].evidence
    found = run(plan("clinical", grid(dose=[450e6]), endpoints=["Cmax", "Tmax"], until=360))
    for name in ("Cmax", "Tmax"):
        measure = Endpoint(kind="endpoint", endpoint=name, curve="dose_450")
        assert measure.score(evidence) == pytest.approx(float(found[name][0]), rel=1e-9)
    coarse = evidence.declared["dose_450"].model_copy(update={"times": "0,360"})
    assert coarse.endpoint("Cmax") == pytest.approx(float(found["Cmax"][0]), rel=1e-9)


def test_a_missed_threshold_is_not_met_and_one_more_is_unexpected(results):
    target = next(t for t in results["fig3"].spec.targets if t.id == "C5-killing")
    strict = Target.model_validate(
        {**target.model_dump(), "threshold": {"near": 3, "within": 0.1, "because": "x"}}
    )
    missed = score(results["fig3"].evidence, strict)
    assert (missed.verdict, missed.holds) == (Verdict.NOT_MET, False)
    surprise = Target.model_validate({**target.model_dump(), "expected": "not reproducible", "ledger": "D04"})
    met = score(results["fig3"].evidence, surprise)
    assert (met.verdict, met.holds) == (Verdict.MET, False)


def test_a_reading_that_misses_its_bound_says_nothing_about_the_published_specification(scores):
    for name in ("X1-moving-log", "X1-constant-rmse"):
        assert (scores[name].verdict, scores[name].holds) == (Verdict.NOT_MET_BY_READING, True)
        met = judge(scores[name].target, 0.0)
        assert (met.verdict, met.holds) == (Verdict.MET, False)


def test_a_score_that_is_not_a_number_meets_nothing(results):
    for name in ("C5-killing", "C3-Cmax"):  # one expected to be met, one expected not to be
        found = judge(next(t for t in results["fig3"].spec.targets if t.id == name), float("nan"))
        assert (found.verdict, found.holds) == (Verdict.NOT_MET, False)


def test_what_is_pending_is_shown_and_holds_nothing_up(results):
    fields = {"measure": None, "pending": "the fits", "id": "P"}
    target = results["fig3"].spec.targets[0].model_dump()
    found = score(results["fig3"].evidence, Target.model_validate({**target, **fields}))
    assert (found.verdict, found.holds) == (Verdict.PENDING, True)
    assert np.isnan(found.value)


def test_the_table_of_scores_has_a_row_a_target(results):
    table = score_table(list(results.values()))
    assert list(table["target"]) == [t.id for r in results.values() for t in r.spec.targets]
    assert table.loc[table["target"] == "X1-moving-rmse", "score"].item() == pytest.approx(39, rel=0.01)


def test_what_a_reading_does_not_reach_is_told():
    assert not_reached(read_panel("fig2b"), ["literal", "well_200uL"]) == [
        "fig2b: reading literal does not reach constant_volume, which names its own"
    ]
    assert not_reached(read_panel("fig2a"), ["well_200uL"]) == []
    (fits,) = not_reached(read_panel("fits"), ["literal"])
    for name in ("moving_combined", "constant_log"):
        assert name in fits
    assert "wells" not in fits  # its model does not know the reading


def test_a_reading_reaches_what_knows_it_and_does_not_name_another_way():
    spec = under_readings(read_panel("fig2b"), ["literal", "well_200uL"])
    assert spec.curves["moving_volume"].readings == ("literal",)
    own = spec.curves["constant_volume"]  # names another value of K_12 itself
    assert own.readings == ("constant_volume",)
    wells = under_readings(read_panel("fig2a"), ["well_200uL"])
    assert wells.studies["wells"].readings == ("well_200uL",)
    with pytest.raises(InputError, match="nearest: literal"):
        under_readings(read_panel("fig2b"), ["litteral"])


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
        ("", "the first line must be"),
    ],
)
def test_a_broken_table_of_cases_is_told(tmp_path, table, said):
    path = tmp_path / "cases.csv"
    path.write_text(table)
    symbols = read_symbols(load_card("in_vitro").sbml_path())
    with pytest.raises(InputError) as caught:
        read_cases(path, "viability_percent", symbols)
    assert said in str(caught.value)


def test_a_curve_that_fails_is_a_verdict_and_not_an_end(results):
    result = results["fig3"]
    curve = result.spec.curves["dose_50"].simulate(changes={"P_m": "1e300"})
    assert curve.attrs["status"] == "not finite"
    broken = result.spec.curves["dose_50"].model_copy(update={"changes": {"P_m": "1e300"}})
    evidence = replace(
        result.evidence,
        curves={**result.evidence.curves, "dose_50": curve},
        declared={**result.evidence.declared, "dose_50": broken},
    )
    found = {target.id: score(evidence, target) for target in result.spec.targets}
    for name in ("C3-Cmax", "C3-persistence"):
        assert (found[name].verdict, found[name].holds) == (Verdict.FAILED, False)
    assert found["C4-order"].verdict is Verdict.MET


def test_a_curve_or_study_that_cannot_be_run_is_named_with_its_file(monkeypatch):
    spec = read_panel("fig2a")
    broken = spec.curves["RPMI-8226"].model_copy(update={"until": "4 hoars"})
    monkeypatch.setattr(suite, "read_panel", lambda _: spec.model_copy(update={"curves": {"wells": broken}}))
    with pytest.raises(InputError, match=r"fig2a.spec\.yaml: curves\.wells: until: 'hoars' is not a unit"):
        run_panel("fig2a")
    study = spec.studies["wells"].model_copy(update={"grid": {"ET_ratio": "1:2"}})
    with pytest.raises(InputError, match=r"fig2a.spec\.yaml: studies\.wells: grid 'ET_ratio=1:2'"):
        tasks([spec.model_copy(update={"studies": {"wells": study}})])


def test_a_curve_reads_out_further_symbols_when_asked():
    curve = Curve(label="x", model="in_vitro", times="0,1")
    assert "k_kill" not in curve.simulate()
    assert float(curve.simulate(also=["k_kill"])["k_kill"][-1]) > 0


# ---- Slots: tables that somebody fills in, made up here and nowhere else ----


@pytest.fixture
def filled(tmp_path, results):
    """Evidence of a panel whose slot holds a made-up table."""

    def fill(panel, text):
        path = tmp_path / "observed.csv"
        path.write_text(text, encoding="utf-8")
        found = read_observations(path, results[panel].spec.columns)
        return replace(results[panel].evidence, observations=found)

    return fill


def verdicts(spec, evidence, prefix):
    return {t.id: score(evidence, t) for t in spec.targets if t.id.startswith(prefix)}


def test_an_empty_slot_is_no_data(results):
    found = verdicts(results["fig3"].spec, results["fig3"].evidence, "C6")
    assert len(found) == 12
    assert {s.verdict for s in found.values()} == {Verdict.NO_DATA}


def test_a_filled_slot_of_profiles_is_scored_at_the_next_run(results, filled):
    curve = results["fig3"].evidence.curves["dose_450"]
    rows = [
        f"transgene,450e6,{t},day,{np.interp(t, curve.time, curve.transgene) * 2},copies/ug,0,made up"
        for t in (7, 14, 28)
    ]
    header = "observable,arm,time,time_unit,value,unit,reading_error,source"
    found = verdicts(results["fig3"].spec, filled("fig3", "\n".join([header, *rows])), "C6")
    assert found["C6-transgene-450"].value == pytest.approx(np.log(2), rel=1e-3)
    assert found["C6-transgene-450"].verdict is Verdict.SHOWN
    assert found["C6-transgene-50"].verdict is Verdict.NO_DATA


def test_a_filled_slot_of_wells_gives_residual_band_and_variability(results, filled):
    lines = results["fig2a"].spec.slots
    header = "observable,arm,ET_ratio,time,time_unit,value,unit,reading_error,source"
    rows = []
    for line, factor in zip(lines, (0.5, 0.5, 0.5, 1.5, 1.5, 1.5), strict=True):
        for ratio in (1, 5):
            changes = {"ET_ratio": str(ratio), "K_kill_max": str(0.353 * factor)}
            curve = Curve(
                label=line, model="in_vitro", condition=line, changes=changes, times="0,4"
            ).simulate()
            share = float(curve.viability[-1]) / 100
            rows.append(f"viability,{line},{ratio},240,minute,{share},dimensionless,0,made up")
    found = verdicts(results["fig2a"].spec, filled("fig2a", "\n".join([header, *rows])), "V")
    assert found["V4-omega"].value == pytest.approx(np.std(np.log([0.5] * 3 + [1.5] * 3), ddof=1), abs=1e-3)
    assert found["V3-rmse"].value > 5
    assert found["V3-band"].value == pytest.approx(0.5)  # 0.5 lies outside exp(-0.62), 1.5 within exp(0.62)


def test_a_filled_slot_with_a_foreign_column_or_unit_is_refused(results, filled):
    header = "observable,arm,ETratio,time,time_unit,value,unit,reading_error,source"
    rows = [f"viability,{line},1,4,hour,50,percent,1,made up" for line in results["fig2a"].spec.slots]
    with pytest.raises(InputError, match="nearest: ET_ratio"):
        verdicts(results["fig2a"].spec, filled("fig2a", "\n".join([header, *rows])), "V3")
    bad = "\n".join([header.replace("ETratio", "ET_ratio"), *(r.replace("percent", "mg") for r in rows)])
    with pytest.raises(InputError, match="mg does not convert"):
        verdicts(results["fig2a"].spec, filled("fig2a", bad), "V3")


def test_the_parameter_of_a_band_is_that_of_the_arm_not_of_the_file(filled):
    """DT_tumor of JeKo is 26 h, of the file 60 h: without a shift the row is the curve itself."""
    curve = Curve(label="x", model="in_vitro", condition="JeKo", times="0,4").simulate()
    header = "observable,arm,ET_ratio,time,time_unit,value,unit,reading_error,source"
    text = f"{header}\nviability,JeKo,1,4,hour,{float(curve.viability[-1])},percent,0,made up"
    measure = Rows(
        kind="rows",
        metric="rmse",
        curve="RPMI-8226",
        observable="viability",
        arms=("JeKo",),
        parameter="DT_tumor",
    )
    assert measure.score(filled("fig2a", text)) == pytest.approx(0, abs=1e-6)


def test_a_measure_that_gives_no_number_cannot_be_made():
    class Nothing(Measure):
        kind: str = "nothing"

    with pytest.raises(TypeError, match="abstract"):
        Nothing()


@pytest.mark.slow
@pytest.mark.parametrize("name", panel_names())
def test_every_panel_at_full_size_is_as_expected(name):
    found = run_panel(name, executor=choose_executor())
    assert [score.target.id for score in found.scores if not score.holds] == []


def test_the_steps_of_all_panels_are_counted_without_a_kernel(monkeypatch):
    def none(*_args):
        raise AssertionError("a kernel is compiled before anything runs")

    monkeypatch.setattr("harness.simulation.engines._kernel", none)
    engines._KEPT.clear()
    assert all(seconds > 0 for seconds in tasks([read_panel(name) for name in panel_names()]).values())
