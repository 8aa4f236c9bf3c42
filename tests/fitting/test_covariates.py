"""Covariates on parameters, and what changes with time: the same as models written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

from harness.errors import InputError
from harness.fitting.fit import fit
from harness.fitting.objective import Objective
from harness.fitting.prepare import prepare
from harness.fitting.problem import FitProblem, coordinate_names, read_problem
from harness.simulation.engines import KERNEL

OF_K = {
    "power": ({"WT": {"reference": 70, "power": -0.75}}, {"WT": "84"}, (84 / 70) ** -0.75),
    "linear": ({"AGE": {"reference": 60, "linear": 0.02}}, {"AGE": "45"}, 1 - 0.02 * 15),
    "reference": ({"SEX": {"reference": "M", "factors": {"F": 1.4, "X": 3}}}, {"SEX": "M"}, 1.0),
    "category": ({"SEX": {"reference": "M", "factors": {"F": 1.4, "X": 3}}}, {"SEX": "F"}, 1.4),
    "both": (
        {"WT": {"reference": 70, "power": 2}, "SEX": {"reference": "0", "factors": {"1": 0.5}}},
        {"WT": "35", "SEX": "1"},
        0.125,
    ),
}


@pytest.mark.parametrize("name", OF_K)
def test_a_covariate_is_the_factor_that_it_says(prepared, name):
    covariates, values, factor = OF_K[name]
    arms = {"well": {"changes": {"ET_ratio": "3"}, "covariates": values}}
    with_covariate = prepared(arms=arms, covariates={"K_kill_max": covariates})
    by_hand = prepared(arms={"well": {"changes": {"ET_ratio": "3"}}})
    x = with_covariate.start
    moved = by_hand.start
    moved[by_hand.names.index("K_kill_max")] += np.log(factor)
    none = np.zeros((1, 0))
    found, expected = (
        Objective(each).predict((0,), at, none) for each, at in ((with_covariate, x), (by_hand, moved))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_coefficients_are_coordinates_with_names_of_their_own(prepared, written):
    covariates = {
        "K_kill_max": {
            "WT": {"reference": 70, "power": {"low": -2, "high": 2}},
            "SEX": {"reference": "M", "factors": {"F": {"low": 0.1, "high": 10, "start": 2}}},
        }
    }
    arms = {
        f"{sex}{weight}": {"changes": {"ET_ratio": "3"}, "covariates": {"WT": str(weight), "SEX": sex}}
        for sex in "MF"
        for weight in (50, 90)
    }
    fields = {"arms": arms, "covariates": covariates}
    found = prepared(**fields)
    names = {"K_kill_max", "KC50", "K_kill_max_WT", "K_kill_max_SEX_F", "relative_viability"}
    assert set(found.names) == names
    assert found.names == coordinate_names(read_problem(written(**fields)))
    of = {c.name: c for c in found.coordinates}
    assert (of["K_kill_max_WT"].start, of["K_kill_max_WT"].log) == (0, False)
    assert (of["K_kill_max_SEX_F"].start, of["K_kill_max_SEX_F"].log) == (2, True)
    assert set(found.names_of_parameters) == names - {"relative_viability"}


DECAY = "model decay()\n  k = 0.1; A = 100; A' = -k*A; end\n"
CHANGES = {
    "constant": {"0": "0.1"},
    "twice": {"0": "0.1", "2": "0.4", "5": "0.05"},
    "once": {"0": "0.2", "5": "0.01"},
}
TIMES = np.array([1.0, 2.0, 3.5, 5.0, 5.5, 9.0])


def decayed(course):
    """What is left of 100 at `TIMES`, in closed form."""
    starts, rates = np.array(list(course), float), np.array(list(course.values()), float)
    spans = np.clip(TIMES[:, np.newaxis], starts, [*starts[1:], np.inf]) - starts
    return 100 * np.exp(-spans @ rates)


@pytest.fixture
def decay(tmp_path):
    """The fit of a decay whose rate changes with time, one arm a course."""

    def make(**changed):
        (tmp_path / "decay.ant").write_text(DECAY)
        rows = [f"A,{arm},{t},,1,," for arm in CHANGES for t in TIMES]
        head = "observable,arm,time,time_unit,value,unit,reading_error"
        rows = [r.replace(",,1,,", ",dimensionless,1,dimensionless,0") for r in rows]
        (tmp_path / "data.csv").write_text("\n".join([head, *rows]) + "\n")
        problem = {
            "title": "decay",
            "model": str(tmp_path / "decay.ant"),
            "observations": "data.csv",
            "arms": {arm: {"over_time": {"k": course}} for arm, course in CHANGES.items()},
            "observables": {"A": {"model": "additive", "additive": "1"}},
            "parameters": {"init_A": {"low": "10", "high": "1000"}},
            **changed,
        }
        (tmp_path / "problem.yaml").write_text(yaml.safe_dump(problem))
        return prepare(read_problem(tmp_path / "problem.yaml"), tmp_path)

    return make


@pytest.mark.parametrize("engine", ["roadrunner", KERNEL])
@pytest.mark.usefixtures("uncompiled_kernels")
def test_a_rate_that_changes_with_time_is_exact_at_the_changes(decay, engine):
    if engine == KERNEL:
        pytest.importorskip("numba")
    found = replace(decay(), engine=engine)
    objective = Objective(found)
    for i, arm in enumerate(found.arms):
        predicted = objective.predict((i,), found.start, np.zeros((1, 0)))
        np.testing.assert_allclose(predicted, decayed(CHANGES[arm.name]), rtol=2e-7)


def test_courses_come_from_a_table_too(decay, tmp_path):
    rows = [f"{arm},k,{t},{v}" for arm, course in CHANGES.items() for t, v in reversed(course.items())]
    (tmp_path / "courses.csv").write_text("\n".join(["arm,parameter,time,value", *rows]) + "\n")
    from_table = decay(arms={arm: {} for arm in CHANGES}, courses="courses.csv")
    assert [arm.fixed for arm in from_table.arms] == [arm.fixed for arm in decay().arms]


def test_a_covariate_of_a_long_table_may_change_with_time(decay, tmp_path):
    """The rate is 0.1 (WT/50)^1, and the weight goes as the rate does."""
    rows = []
    for arm, course in CHANGES.items():
        events = sorted({*map(float, course), *TIMES})
        for t in events:
            weight = [500 * float(v) for s, v in course.items() if float(s) <= t][-1]
            rows.append(f"{arm},{t},{'1' if t in TIMES else '.'},{0 if t in TIMES else 2},{weight!r}")
    (tmp_path / "long.csv").write_text("\n".join(["ID,TIME,DV,EVID,WT", *rows]) + "\n")
    found = decay(
        arms={},
        observations=None,
        table={"file": "long.csv"},
        covariates={"k": {"WT": {"reference": "50", "power": 1}}},
    )
    for i, arm in enumerate(found.arms):
        predicted = Objective(found).predict((i,), found.start, np.zeros((1, 0)))
        np.testing.assert_allclose(predicted, decayed(CHANGES[arm.name]), rtol=2e-7)


def test_an_exponent_is_found_again(decay, tmp_path):
    """Six subjects whose rates are 0.1 (WT/70)^0.75, without noise."""
    rows = [
        f"{i},{t},{100 * float(np.exp(-0.1 * (w / 70) ** 0.75 * t))!r},{w}"
        for i, w in enumerate((40, 50, 60, 80, 100, 120))
        for t in TIMES.tolist()
    ]
    (tmp_path / "long.csv").write_text("\n".join(["ID,TIME,DV,WT", *rows]) + "\n")
    found = decay(
        arms={},
        observations=None,
        table={"file": "long.csv"},
        parameters={"k": {"low": "0.01", "high": "1", "start": "0.2"}},
        covariates={"k": {"WT": {"reference": "70", "power": {"low": -3, "high": 3}}}},
        optimiser={"starts": 1},
    )
    result = fit(found, profile=False)
    assert result.number("estimate_k") == pytest.approx(0.1, rel=1e-5)
    assert result.number("estimate_k_WT") == pytest.approx(0.75, rel=1e-5)


WELL = {"ET_ratio": "3"}
WRONG = [
    (
        {"WT": {"reference": 70}},
        {"WT": "70"},
        "a covariate acts by power, linear or factors; give one of them",
    ),
    ({"WT": {"reference": "M", "power": 1}}, {"WT": "70"}, "reference 'M' is not a number"),
    ({"WT": {"reference": 0, "power": 1}}, {"WT": "70"}, "reference: must be positive for a power"),
    ({"WT": {"reference": 70, "power": {"low": 1, "high": 0}}}, {"WT": "70"}, "bounds 1 to 0 are empty"),
    ({"WT": {"reference": 70, "power": {"low": 1, "high": 2}}}, {"WT": "70"}, "starts at 0, outside 1 to 2"),
    ({"WT": {"reference": 70, "power": 1}}, {}, "arm well: has no WT, which is a covariate"),
    (
        {"WT": {"reference": 70, "power": 1}},
        {"WT": "heavy"},
        "arm well: WT 'heavy': must be a positive number",
    ),
    ({"WT": {"reference": 70, "power": 1}}, {"WT": "70", "AGE": "60"}, "covariate AGE acts on no parameter"),
    ({"WT": {"reference": 70, "power": 1}}, {"WT": {"3": "70"}}, "WT: needs a value from time 0 on"),
    (
        {"WT": {"reference": 70, "power": 1}},
        {"WT": {"0": "7", "0 min": "8"}},
        "WT: has two values at one time",
    ),
    ({"SEX": {"reference": "M", "factors": {"F": 0}}}, {"SEX": "M"}, "factor of F: must be positive"),
    ({"SEX": {"reference": "M", "factors": {"M": 1}}}, {"SEX": "M"}, "level M: is the reference"),
    ({"SEX": {"reference": "M", "factors": {"F": 2}}}, {"SEX": "m"}, "SEX 'm': is none of its levels: M, F"),
    (
        {"SEX": {"reference": "M", "factors": {"F": {"low": 0.1, "high": 10}}}},
        {"SEX": "M"},
        "covariates.K_kill_max: no arm has SEX F, whose factor is to be estimated; give a number",
    ),
    (
        {"KC50": {"reference": 70, "power": 1}},
        {"KC50": "70"},
        "the model has KC50 already; name it otherwise",
    ),
]


@pytest.mark.parametrize(("of", "values", "said"), WRONG)
def test_a_covariate_that_makes_no_sense_is_told(prepared, of, values, said):
    arms = {"well": {"changes": WELL, "covariates": values}}
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        prepared(arms=arms, covariates={"K_kill_max": of})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("twice,k,0,0.1\nthrice,k,0,1", "row 2: no arm of the fit 'thrice'"),
        ("twice,k,0,0.1\ntwice,k,x,1", "row 2: time: 'x' is not a number"),
        ("twice,k,0,0.1\ntwice,k,3,many", "row 2: k: 'many' is not a number"),
        ("twice,k,0,0.1\ntwice,k,0,1", "row 2: time '0': k has a value from then on already"),
        ("twice,q,0,0.1", "row 1: no parameter in decay 'q'"),
        ("twice,k,2,0.1", "arm twice: k: needs a value from time 0 on"),
        ("twice,init_A,0,1", "arm twice: init_A is free and changes with time"),
    ],
)
def test_a_course_that_makes_no_sense_is_told_with_its_row(decay, tmp_path, rows, said):
    (tmp_path / "courses.csv").write_text(f"arm,parameter,time,value\n{rows}\n")
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        decay(arms={arm: {} for arm in CHANGES}, courses="courses.csv")
    assert said in str(refused.value)


def test_a_parameter_that_the_model_works_out_takes_no_covariate(prepared):
    arms = {"well": {"changes": WELL, "covariates": {"WT": "70"}}}
    with pytest.raises(InputError, match="k_kill is a rule of in_vitro: the model computes it"):
        prepared(arms=arms, covariates={"k_kill": {"WT": {"reference": "70", "power": 1}}})


def test_a_problem_with_covariates_reads_back_as_it_is_written():
    problem = {
        "title": "t",
        "model": "m",
        "table": {"file": "f"},
        "observables": {"o": {"model": "log", "relative": "1"}},
        "parameters": {"p": {"low": "1", "high": "2"}},
        "covariates": {"p": {"WT": {"reference": "70", "power": {"low": -1, "high": 1}}}},
    }
    found = FitProblem.model_validate(problem)
    assert FitProblem.model_validate(found.model_dump(mode="json", exclude_defaults=True)) == found
