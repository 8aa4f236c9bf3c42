"""What PEtab can say of conditions, observables, noise and priors, on a reaction with a closed form.

Case by case as the test suite of PEtab has them (the package petabtests, version 1); the right values are
worked out here, and those of the package are counted. Problems of version 2 are what petab makes of these.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from harness.cli.main import run
from harness.errors import InputError
from harness.fitting.engine import with_engine
from harness.fitting.fit import fit
from harness.fitting.objective import Objective
from harness.fitting.petab import prepare_petab
from harness.models.compile import compile_antimony

pytest.importorskip("petab")

MODEL = """model conversion
  compartment c; species A in c, B in c; c = 1; a0 = 1; b0 = 1; k1 = 0; k2 = 0; shift = 0
  A = a0; B = b0
  forward: A -> B; c*k1*A
  back: B -> A; c*k2*B
end
"""
USUAL = {"a0": 1.0, "b0": 0.0, "k1": 0.8, "k2": 0.6}


def amounts(t, a0=1.0, b0=0.0, k1=0.8, k2=0.6):
    """Concentrations of A and B at a time."""
    steady = k2 / (k1 + k2) * (a0 + b0)
    a = steady + (a0 - steady) * np.exp(-(k1 + k2) * t)
    return a, a0 + b0 - a


def at(t, **given):
    return amounts(t, **given)[0]


@pytest.fixture
def problem(tmp_path):
    """Write a problem; rows of its tables are lists of cells, parameters a mapping to nominal values."""

    def table(name, head, rows):
        lines = ["\t".join(map(str, row)) for row in (head, *rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write(measured, conditions=(("conditionId",), ("c0",)), observables=None, parameters=None, more=None):
        (tmp_path / "model.ant").write_text(MODEL, encoding="utf-8")
        sbml = compile_antimony(tmp_path / "model.ant", dimensionless=False)
        (tmp_path / "model.xml").write_text(sbml, encoding="utf-8")
        table("conditions.tsv", conditions[0], conditions[1:])
        names = max(measured, key=len)
        heads = ["observableId", "simulationConditionId", "time", "measurement", *list(names)[4:]]
        table("measurements.tsv", heads, [list(row.values()) for row in measured])
        heads, *rows = observables or (
            ("observableId", "observableFormula", "noiseFormula"),
            ("a", "A", "0.5"),
        )
        table("observables.tsv", heads, rows)
        heads = ["parameterId", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate"]
        further = more or {}
        columns = sorted({column for given in further.values() for column in given} - {"parameterScale"})
        rows = []
        for name, value in {**USUAL, **(parameters or {})}.items():
            if value is None:
                continue
            own = further.get(name, {})
            scale = own.get("parameterScale", "lin")
            cells = [name, scale, "0" if scale == "lin" else "0.001", "10", value, own.get("estimate", 1)]
            rows.append([*cells, *(own.get(column, "") for column in columns if column != "estimate")])
        table("parameters.tsv", [*heads, *(c for c in columns if c != "estimate")], rows)
        (tmp_path / "problem.yaml").write_text(
            "format_version: 1\nparameter_file: parameters.tsv\nproblems:\n"
            "- condition_files: [conditions.tsv]\n"
            "  measurement_files: [measurements.tsv]\n  observable_files: [observables.tsv]\n"
            "  sbml_files: [model.xml]\n",
            encoding="utf-8",
        )
        return prepare_petab(tmp_path / "problem.yaml")

    return write


def row(value, t, observable="a", condition="c0", **more):
    return {"observable": observable, "condition": condition, "time": t, "measurement": value, **more}


def nominal(prepared):
    return np.array([c.scaled(c.declared) for c in prepared.coordinates])


def likelihood(prepared):
    return -Objective(prepared).value(nominal(prepared)) / 2


def normal(*triples):
    """Log-likelihood of measurements, predictions and standard deviations."""
    return sum(stats.norm(y, sd).logpdf(m) for m, y, sd in triples)


TWO = (row(0.7, 0), row(0.1, 10))
HEAD = ("observableId", "observableFormula", "noiseFormula")


def test_one_condition(problem):
    assert likelihood(problem(TWO)) == pytest.approx(normal((0.7, 1, 0.5), (0.1, at(10), 0.5)), abs=1e-6)


def test_replicates(problem):
    made = problem((*TWO, row(0.2, 10)))
    expected = normal((0.7, 1, 0.5), (0.1, at(10), 0.5), (0.2, at(10), 0.5))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


def test_conditions_set_parameters_and_leave_others_to_the_model(problem):
    """Where a cell is empty the model's own value holds: b0 is 1 in it."""
    conditions = (("conditionId", "a0", "b0"), ("c0", 0.8, ""), ("c1", 0.9, 0.5))
    made = problem(
        [row(0.7, 10), row(0.2, 10, condition="c1")], conditions, parameters={"a0": None, "b0": None}
    )
    expected = normal((0.7, at(10, a0=0.8, b0=1.0), 0.5), (0.2, at(10, a0=0.9, b0=0.5), 0.5))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


def test_numbers_and_parameters_of_observables_row_by_row(problem):
    observables = (HEAD, ("a", "observableParameter1_a * A + observableParameter2_a", "0.5"))
    measured = [row(0.7, 0, given="0.5;2"), row(0.1, 10, given="scale;2"), row(0.3, 10, given="0.5;2")]
    measured = [{**r, "observableParameters": r.pop("given")} for r in measured]
    made = problem(measured, observables=observables, parameters={"scale": 3.0})
    expected = normal((0.7, 2.5, 0.5), (0.1, 3 * at(10) + 2, 0.5), (0.3, 0.5 * at(10) + 2, 0.5))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


def test_an_observable_may_have_parameters_that_are_not_in_the_model(problem):
    observables = (HEAD, ("a", "scale * A + offset", "1"))
    made = problem(TWO, observables=observables, parameters={"scale": 0.5, "offset": 2.0})
    expected = normal((0.7, 2.5, 1), (0.1, 0.5 * at(10) + 2, 1))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


def test_a_condition_may_put_a_parameter_in_the_place_of_one_of_the_model(problem):
    conditions = (("conditionId", "shift"), ("c0", "shift_0"), ("c1", "shift_1"))
    observables = (HEAD, ("a", "A + shift", "1"))
    measured = [row(2.1, 10), row(3.2, 10, condition="c1")]
    made = problem(measured, conditions, observables, {"shift_0": 2.0, "shift_1": 3.0})
    expected = normal((2.1, at(10) + 2, 1), (3.2, at(10) + 3, 1))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


STEADY = ({"k1": 0.3}, {"k1": 0.3, "B": 0.0}, {"k1": 0.3, "B": 2.0, "A": 0.0})
THEN = ({"k1": 0.8}, {"k1": 0.8, "B": 1.0}, {"k1": 0.8, "B": "", "A": 1.0})


@pytest.mark.parametrize(("before", "then"), list(zip(STEADY, THEN, strict=True)))
def test_a_condition_begins_in_the_steady_state_of_another(problem, before, then):
    """What it sets anew is what it says there; all else is what had become of it."""
    names = [name for name in ("k1", "A", "B") if name in before]
    conditions = (
        ("conditionId", *names),
        ("before", *(before[name] for name in names)),
        ("c0", *(then[name] for name in names)),
    )
    measured = [{**row(m, t), "preequilibrationConditionId": "before"} for m, t in ((0.7, 1), (0.1, 10))]
    made = problem(measured, conditions, parameters={"k1": None, "a0": 1.5})
    total = before.get("A", 1.5) + before.get("B", 0.0)
    steady = 0.6 / 0.9 * total, 0.3 / 0.9 * total
    a0, b0 = (
        then[name] if then.get(name, "") != "" else there for name, there in zip("AB", steady, strict=True)
    )
    expected = normal(*((m, at(t, a0=a0, b0=b0), 0.5) for m, t in ((0.7, 1), (0.1, 10))))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)
    assert made.arms[0].name == "c0 after before"


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_a_steady_state_is_found_whatever_the_size_of_its_amounts(problem, size):
    """It is reached late: the rates are a thousandth of those of the other tests."""
    conditions = (("conditionId", "k1", "k2"), ("before", 3e-4, 6e-4), ("c0", 8e-4, 6e-4))
    measured = [{**row(0.7 * size, 1000), "preequilibrationConditionId": "before"}]
    made = problem(
        measured,
        conditions,
        (HEAD, ("a", "A", repr(0.5 * size))),
        {"k1": None, "k2": None, "a0": size, "b0": 0.0, "shift": 1.0},
        more={"a0": {"estimate": 0}, "b0": {"estimate": 0}},
    )
    then = at(1, a0=2 / 3, b0=1 / 3, k1=0.8, k2=0.6)
    assert likelihood(made) == pytest.approx(normal((0.7 * size, then * size, 0.5 * size)), abs=1e-6)


def test_a_fit_follows_the_steady_state_that_it_begins_in(problem):
    """Its gradient is that of the closed form, and it ends where the data came from."""
    measured = [
        {**row(at(t, a0=0.6 / 0.9, b0=0.3 / 0.9), t), "preequilibrationConditionId": "before"}
        for t in (0, 1, 2, 4, 8)
    ]
    conditions = (("conditionId", "k1"), ("before", 0.3), ("c0", 0.8))
    free = {name: {"estimate": 0} for name in ("a0", "b0")}
    made = problem(measured, conditions, parameters={"k1": None}, more=free)
    objective, x = Objective(made), np.array([0.5])
    found = objective.jacobian(x, np.array([0]))[:5, 0]
    step = 1e-5
    sides = (
        [at(t, a0=k / (0.3 + k), b0=0.3 / (0.3 + k), k2=k) for t in (0, 1, 2, 4, 8)]
        for k in (0.5 + step, 0.5 - step)
    )
    truth = -np.subtract(*map(np.array, sides)) / (2 * step) / 0.5
    assert found == pytest.approx(truth, rel=1e-3, abs=1e-4)
    found = fit(replace(made, starts=1), profile=False).table("estimates")
    assert float(found["estimate"][0]) == pytest.approx(0.6, rel=1e-4)
    assert with_engine(made, "auto")[1] == "runs on RoadRunner: c0 after before begins in a steady state"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("back: B -> A; c*k2*B", "back: B -> A; c*k2*B; gain: -> B; c*0.1*B", "no steady state is reached"),
        ("back: B -> A; c*k2*B", "back: B -> A; c*k2*B; more: -> B; c*0.1", "no steady state is reached"),
        (
            "B = b0",
            "B = b0; X = 1; Y = 0; X' = Y; Y' = -X",
            "no steady state is reached at the nominal values",
        ),
        ("B = b0", "B = b0; at (A > 0.5): B = 1", "a steady state of a model with events"),
        ("c*k1*A", "c*k1*A*piecewise(1, time < 1, 2)", "a steady state that depends on the time"),
        ("c*k2*B", "c*k2*B*exp(-time)", "no steady state is reached"),
    ],
)
def test_a_model_without_a_steady_state_that_could_be_carried_over_is_refused(
    problem, monkeypatch, old, new, said
):
    monkeypatch.setattr("tests.fitting.test_petab_cases.MODEL", MODEL.replace(old, new))
    with pytest.raises(InputError, match=f"preequilibration c0: .*{said}") as refused:
        problem(BEFORE)
    assert str(refused.value).isprintable()


def test_what_time_switches_on_in_no_steady_state_is_none_of_it(problem, monkeypatch):
    """What comes at time 2 has no part in the condition before, in which nothing of it is given."""
    later = MODEL.replace("end", "gain: -> B; c*shift*piecewise(0, time < 2, 1)\nend")
    monkeypatch.setattr("tests.fitting.test_petab_cases.MODEL", later)
    conditions = (("conditionId", "k1", "shift"), ("before", 0.3, 0), ("c0", 0.8, 0.5))
    measured = [{**row(m, t), "preequilibrationConditionId": "before"} for m, t in ((0.7, 1), (0.1, 3))]
    a, b = amounts(2, a0=0.6 / 0.9, b0=0.3 / 0.9)
    gained = 0.6 / 1.4 * 0.5 * (1 - (1 - np.exp(-1.4)) / 1.4)
    expected = normal((0.7, at(1, a0=0.6 / 0.9, b0=0.3 / 0.9), 0.5), (0.1, at(1, a0=a, b0=b) + gained, 0.5))
    assert likelihood(problem(measured, conditions, parameters={"k1": None})) == pytest.approx(
        expected, abs=1e-6
    )


def test_a_run_that_is_to_begin_in_a_steady_state_that_is_not_there_fails(problem, monkeypatch):
    """Below k1 = 1 it decays to nothing, above it grows: such a run is counted as failed."""
    grows = MODEL.replace("back: B -> A; c*k2*B", "back: B -> A; 0*k2*B; gain: -> A; c*(2*k1 - 1)*A")
    monkeypatch.setattr("tests.fitting.test_petab_cases.MODEL", grows)
    made = problem(BEFORE, parameters={"k1": 0.5})
    objective, x = Objective(made), nominal(made)
    assert np.isfinite(objective.predict((0,), x, np.zeros((1, 0)))).all()
    x[made.names.index("k1")] = 2.0
    assert np.isnan(objective.predict((0,), x, np.zeros((1, 0)))).all()
    assert (objective.runs, objective.failed) == (2, 1)


@pytest.mark.parametrize("transformation", ["log", "log10"])
def test_errors_on_logarithms(problem, transformation):
    heads = ("observableId", "observableFormula", "observableTransformation", "noiseFormula")
    made = problem(
        [row(0.2, 10), row(0.8, 10, "b")],
        observables=(heads, ("a", "A", "lin", 0.5), ("b", "B", transformation, 0.6)),
    )
    unit = 1.0 if transformation == "log" else np.log(10)
    expected = normal((0.2, at(10), 0.5)) + stats.lognorm(0.6 * unit, scale=amounts(10)[1]).logpdf(0.8)
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("cell", "start"), [(2.0, 2.0), ("par", 7.0)])
def test_a_condition_sets_the_start_of_a_species(problem, cell, start):
    parameters = {"par": 7.0} if cell == "par" else {}
    made = problem(TWO, (("conditionId", "B"), ("c0", cell)), parameters=parameters)
    expected = normal((0.7, 1, 0.5), (0.1, at(10, b0=start), 0.5))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


def test_a_condition_sets_a_compartment(problem):
    """Concentrations start as they are in it; the reactions are of it, so that nothing else changes."""
    observables = (HEAD, ("a", "A * c", "0.5"))
    made = problem(TWO, (("conditionId", "c"), ("c0", 3)), observables)
    assert likelihood(made) == pytest.approx(normal((0.7, 3, 0.5), (0.1, 3 * at(10), 0.5)), abs=1e-6)


@pytest.mark.parametrize("scale", ["lin", "log10"])
def test_numbers_and_parameters_of_noise(problem, scale):
    observables = (HEAD, ("a", "A", "noiseParameter1_a + noiseParameter2_a"), ("b", "B", "noiseParameter1_b"))
    measured = [
        {**row(0.7, 0), "noiseParameters": "0.5;2"},
        {**row(0.1, 10), "noiseParameters": "1;0.5"},
        {**row(0.3, 10, "b"), "noiseParameters": "sd"},
    ]
    further = {"sd": {"parameterScale": scale}}
    made = problem(measured, observables=observables, parameters={"sd": 5.0}, more=further)
    expected = normal((0.7, 1, 2.5), (0.1, at(10), 1.5), (0.3, amounts(10)[1], 5))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)
    assert {c.name: c.kind for c in made.coordinates}["sd"] == "error"


def test_a_size_of_errors_is_estimated_on_logarithms_whatever_its_scale(problem):
    """Its interval is one of a variance; on a linear scale it would be another for the same problem."""
    measured = [row(at(t) * (1 + 0.05 * (-1) ** k), t) for k, t in enumerate((0.5, 1, 2, 3, 5, 8))]
    free = {name: {"estimate": int(name == "k1")} for name in USUAL}
    tables = []
    for scale in ("lin", "log"):
        made = problem(
            measured, observables=(HEAD, ("a", "A", "sd")), parameters={"sd": 0.1},
            more={**free, "sd": {"parameterScale": scale}},
        )  # fmt: skip
        found = fit(replace(made, starts=1), profile=False).table("estimates").set_index("parameter")
        tables.append(found.loc["sd", ["estimate", "restricted", "rse", "low", "high"]].astype(float))
    assert tables[0].to_numpy() == pytest.approx(tables[1].to_numpy(), rel=1e-3)
    assert tables[0]["restricted"] == pytest.approx(tables[0]["estimate"] * np.sqrt(6 / 5), rel=1e-2)


def test_noise_may_be_a_multiple_of_a_parameter_or_one_that_is_given(problem):
    observables = (HEAD, ("a", "A", "2 * sd"), ("b", "B", "known"))
    parameters, further = {"sd": 0.4, "known": 0.3}, {"known": {"estimate": 0}}
    made = problem(
        [row(0.7, 0), row(0.3, 10, "b")], observables=observables, parameters=parameters, more=further
    )
    assert likelihood(made) == pytest.approx(normal((0.7, 1, 0.8), (0.3, amounts(10)[1], 0.3)), abs=1e-6)


def test_noise_may_be_a_share_of_the_observable(problem):
    observables = (HEAD, ("a", "A", "0.2 * A"), ("b", "2 * B", "sd * 2 * B"))
    made = problem([row(0.7, 0), row(1.3, 10, "b")], observables=observables, parameters={"sd": 0.4})
    b = 2 * amounts(10)[1]
    assert likelihood(made) == pytest.approx(normal((0.7, 1, 0.2), (1.3, b, 0.4 * b)), abs=1e-6)


A_10, B_10 = amounts(10)
FORMULAS = {
    "sd_a + sd_b": 0.4 + 0.3,
    "2 * sd_a * sd_b": 2 * 0.4 * 0.3,
    "sd_a + sd_b * (2 * A + k2)": 0.4 + 0.3 * (2 * A_10 + 0.6),
    "(2 * A + k2) * sd_b + 0.1": 0.1 + 0.3 * (2 * A_10 + 0.6),
    "sqrt(sd_a^2 + (sd_b * (2 * A + k2))^2)": np.hypot(0.4, 0.3 * (2 * A_10 + 0.6)),
    "sqrt((2 * A + k2)^2 * sd_b^2 + 0.01)": np.hypot(0.1, 0.3 * (2 * A_10 + 0.6)),
    "k2 * sd_b": 0.6 * 0.3,
    "k1": 0.8,
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_noise_may_be_of_several_parameters_and_of_those_of_the_model(problem, formula):
    """And the objective follows all of them: its gradient is that of differences."""
    used = {name: value for name, value in {"sd_a": 0.4, "sd_b": 0.3}.items() if name in formula}
    made = problem([row(0.9, 10)], observables=(HEAD, ("a", "2 * A + k2", formula)), parameters=used)
    assert likelihood(made) == pytest.approx(normal((0.9, 2 * A_10 + 0.6, FORMULAS[formula])), abs=1e-6)
    objective, x = Objective(made), nominal(made) + 0.01
    found = 2 * objective.jacobian(x, np.arange(x.size)).T @ objective.rows(x)
    for i, slope in enumerate(found):
        shift = 1e-3 * np.eye(x.size)[i]
        truth = (Objective(made).penalised(x + shift) - Objective(made).penalised(x - shift)) / 2e-3
        assert slope == pytest.approx(truth, rel=1e-2, abs=1e-3)


PRIORS = {
    ("lin", "normal", "0.5;0.2"): stats.norm(0.5, 0.2),
    ("lin", "parameterScaleNormal", "0.5;0.2"): stats.norm(0.5, 0.2),
    ("log", "logNormal", "-1;0.4"): stats.lognorm(0.4, scale=np.exp(-1)),
    ("log10", "logNormal", "-1;0.4"): stats.lognorm(0.4, scale=np.exp(-1)),
    ("log10", "uniform", "0;20"): stats.uniform(0, 20),
    ("lin", "parameterScaleUniform", "-1;11"): stats.uniform(-1, 12),
}


@pytest.mark.parametrize("prior", PRIORS)
def test_a_prior_is_honoured_up_to_a_constant(problem, prior):
    scale, kind, given = prior
    more = {"k1": {"parameterScale": scale, "objectivePriorType": kind, "objectivePriorParameters": given}}
    made = problem(TWO, more=more)
    objective, place = Objective(made), made.names.index("k1")
    found = []
    for value in (0.3, 0.8):
        x = nominal(made)
        x[place] = made.coordinates[place].scaled(value)
        found.append(objective.penalised(x) - objective.value(x) + 2 * PRIORS[prior].logpdf(value))
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_normal_prior_on_a_decadic_scale_is_one_of_the_exponent(problem):
    more = {
        "k1": {
            "parameterScale": "log10",
            "objectivePriorType": "parameterScaleNormal",
            "objectivePriorParameters": "-0.5;0.3",
        }
    }
    made = problem(TWO, more=more)
    objective, x = Objective(made), nominal(made)
    expected = ((np.log10(0.8) + 0.5) / 0.3) ** 2
    assert objective.penalised(x) - objective.value(x) == pytest.approx(expected, rel=1e-9)


def of_k1(scale, kind, given):
    return {
        "more": {
            "k1": {"parameterScale": scale, "objectivePriorType": kind, "objectivePriorParameters": given}
        }
    }


BY_SD = {"observables": (HEAD, ("a", "A", "sd")), "parameters": {"sd": 1.0}}
BEFORE = [{**row(0.1, 1), "preequilibrationConditionId": "c0"}]
TWO_SIZES = (("conditionId", "c"), ("c0", 1), ("c1", 2))
A_BY_FORMULA = "observableParameter1_a * A"
REFUSED = [
    ([{**row(0.1, 1, condition="c1"), "preequilibrationConditionId": "c0"}], {"conditions": TWO_SIZES},
     "preequilibration c0: compartments that have another size afterwards, which is not supported"),
    (BEFORE, {"conditions": (("conditionId", "shift"), ("c1", 1))}, "condition in .*'c0'|no PEtab problem"),
    ([row(0.1, "inf")], {}, "steady states are not supported"),
    (TWO, of_k1("log10", "normal", "0;1"), "objectivePriorType normal on scale log10 is not supported"),
    (TWO, of_k1("lin", "laplace", "0;1"), "objectivePriorType laplace on scale lin is not supported"),
    (TWO, of_k1("lin", "uniform", "1;2"), "a uniform prior within the bounds is not supported"),
    (TWO, of_k1("lin", "normal", "1"), "objectivePriorParameters are two numbers|deviation|no PEtab problem"),
    (TWO, {"observables": (HEAD, ("a", "A", "0.5 + 0.1 * B"))}, "holds B, which is no parameter; a, b y"),
    (TWO, {"observables": (HEAD, ("a", "A", "0.5 + 0.1 * A^2"))}, "is not supported; a, b y, a [+] b y and"),
    (TWO, {"observables": (HEAD, ("a", "A", "sqrt(1 + A)"))}, "is not supported; a, b y"),
    (TWO, {"observables": (HEAD, ("a", "A", "exp(k1)"))}, "is not supported; a, b y"),
    (TWO, {"observables": (HEAD, ("a", "A", "0.1 - k1"))}, "must be positive"),
    (TWO, {"observables": (HEAD, ("a", "A", "0.5 +"))}, "noise '0.5 [+]' is no formula|no PEtab problem"),
    (TWO, {"observables": (HEAD, ("a", "A", "0"))}, "noise '0' must be positive"),
    (TWO, {"observables": (HEAD, ("a", A_BY_FORMULA, "1"))}, "wants 1 parameters|no PEtab problem"),
    (TWO, {"conditions": (("conditionId", "k1"), ("c0", 1))}, "k1 is estimated, and set by conditions"),
    (TWO, {"parameters": {"unused": 1.0}}, "has no unused, which the problem sets"),
    (
        TWO,
        {"conditions": (("conditionId", "shift"), ("c0", "many"))},
        "shift: 'many' is neither a finite number nor a parameter",
    ),
    (
        TWO,
        {**BY_SD, "conditions": (("conditionId", "sd"), ("c0", 1))},
        "noise 'sd' differs by condition",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("measured", "fields", "said"), REFUSED)
def test_what_is_not_supported_is_named_in_one_line(problem, tmp_path, measured, fields, said):
    with pytest.raises(InputError, match=said) as refused:
        problem(measured, **fields)
    assert str(refused.value).isprintable()
    assert f"{tmp_path}/" in str(refused.value)


def test_another_version_is_named(problem, tmp_path):
    problem(TWO)
    path = tmp_path / "problem.yaml"
    path.write_text(path.read_text().replace("format_version: 1", "format_version: 3.0.0"))
    with pytest.raises(InputError, match=r"PEtab version 3[.]0[.]0 is not supported; 1 and 2 are"):
        prepare_petab(path)


@pytest.fixture
def second(tmp_path):
    """Write what petab makes of the problem that was written, in version 2; `changes` replace text."""
    petab1to2 = pytest.importorskip("petab.v2.petab1to2").petab1to2

    def write(*changes):
        folder = tmp_path / "second"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            petab1to2(tmp_path / "problem.yaml", folder)
        problem = folder / "problem.yaml"
        text = problem.read_text(encoding="utf-8")
        if "extensions:" not in text:  # petab 0.10 leaves out what is empty, 0.8 does not
            problem.write_text(f"{text}extensions: {{}}\n", encoding="utf-8")
        for name, (old, new) in (item for each in changes for item in each.items()):
            text = (folder / name).read_text(encoding="utf-8")
            assert old in text, text
            (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
        return prepare_petab(folder / "problem.yaml")

    return write


def a_prior(kind, given, scale="lin"):
    return {"k1": {"parameterScale": scale, "objectivePriorType": kind, "objectivePriorParameters": given}}


SCALED = (("observableId", "observableFormula", "noiseFormula"), ("a", "observableParameter1_a * A", "0.5"))
SAME = [
    ([*TWO, row(0.2, 10)], {}),
    ([row(0.7, 10), row(0.4, 10, condition="c1")],
     {"conditions": (("conditionId", "shift", "B"), ("c0", 2, 1), ("c1", 3, 0.5))}),
    ([{**row(0.7, 10), "observableParameters": "2"}, {**row(0.1, 3), "observableParameters": "k1"}],
     {"observables": SCALED}),
    (TWO, {"observables": (HEAD, ("a", "A", "sqrt(0.1^2 + (k1 * A)^2)"))}),
    (TWO, {"more": a_prior("normal", "0.5;0.2")}),
    (TWO, {"more": a_prior("uniform", "0;20")}),
]  # fmt: skip


def test_version_2_may_leave_out_files_that_it_has_none_of(problem, second, tmp_path):
    problem(TWO)
    made = second()
    path = tmp_path / "second" / "problem.yaml"
    kept = {k: v for k, v in yaml.safe_load(path.read_text()).items() if v}
    assert "mapping_files" not in kept
    path.write_text(yaml.safe_dump(kept))
    assert likelihood(prepare_petab(path)) == likelihood(made)


@pytest.mark.parametrize(("measured", "fields"), SAME)
def test_version_2_says_the_same(problem, second, measured, fields):
    first, other = problem(measured, **fields), second()
    assert other.names == first.names
    assert likelihood(other) == pytest.approx(likelihood(first), abs=1e-9)
    apart = []
    for value in (0.3, 0.8):  # priors are the same up to a constant
        objectives = []
        for made in (first, other):
            x = nominal(made)
            x[made.names.index("k1")] = made.coordinates[made.names.index("k1")].scaled(value)
            objectives.append(Objective(made).penalised(x))
        apart.append(objectives[1] - objectives[0])
    assert apart[0] == pytest.approx(apart[1], abs=1e-6)


def test_a_condition_may_set_a_formula_of_parameters_and_noise_may_name_the_observable(problem, second):
    problem(TWO, (("conditionId", "A", "k2"), ("c0", 2.0, 0.6)), parameters={"k2": None})
    made = second(
        {
            "conditions.tsv": ("2.0", "a0 + 2 * k1"),
            "observables.tsv": ("\t0.5", "\t0.2 * a"),
        }
    )
    a = [amounts(t, a0=1 + 1.6)[0] for t in (0, 10)]
    assert likelihood(made) == pytest.approx(
        normal((0.7, a[0], 0.2 * a[0]), (0.1, a[1], 0.2 * a[1])), abs=1e-6
    )


PARAMETERS_2 = (
    "parameterId\tlowerBound\tupperBound\tnominalValue\testimate\tpriorDistribution\tpriorParameters\n"
    "a0\t0\t10\t1\ttrue\t\t\nb0\t0\t10\t0\ttrue\t\t\nk2\t0\t10\t0.6\ttrue\t\t\n"
    "k1\t{2}\t10\t0.8\ttrue\t{0}\t{1}\n"
)
REFUSED_2 = [
    ("experiments.tsv", "c0\t0", "c0\t-inf", "an experiment without a start at a finite time is not supp"),
    ("problem.yaml", "extensions: {}", "extensions: {other: {version: 1.0.0, required: true}}",
     "extension other is not supported|no PEtab problem"),
    ("problem.yaml", "language: sbml", "language: bngl", "language bngl is not supported"),
    ("measurements.tsv", "0.7", "much", "is no PEtab problem"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), REFUSED_2)
def test_what_version_2_has_beyond_is_named_in_one_line(problem, second, file, old, new, said):
    problem(TWO, (("conditionId", "shift"), ("c0", 2)))
    with pytest.raises(InputError, match=said) as refused:
        second({file: (old, new)})
    assert str(refused.value).isprintable()


WRITTEN_2 = [
    ("experiments.tsv",
     "experimentId\tconditionId\ttime\nexperiment____c0\tc0\t0\nexperiment____c0\t\t5\n",
     "a change at a later time is not supported"),
    ("observables.tsv",
     "observableId\tobservableFormula\tnoiseFormula\tnoiseDistribution\na\tA\t0.5\tlaplace\n",
     "noiseDistribution laplace is not supported"),
    ("parameters.tsv", PARAMETERS_2.format("cauchy", "0;1", 0), "priorDistribution cauchy is not supported"),
    ("parameters.tsv", PARAMETERS_2.format("log-normal", "0;1", 0), "logNormal on scale lin is not"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "said"), WRITTEN_2)
def test_what_version_2_may_say_in_a_table_is_named(problem, second, tmp_path, file, text, said):
    problem(TWO, (("conditionId", "shift"), ("c0", 2)))
    second()
    (tmp_path / "second" / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        prepare_petab(tmp_path / "second" / "problem.yaml")


EARLIER = "experimentId\tconditionId\ttime\nexperiment____c0\tc0\t-inf\nexperiment____c0\t{}\t{}\n"


def test_what_version_2_sets_in_a_steady_state_holds_on_but_for_states(problem, second, tmp_path):
    """The conversion k1 of 0.3 goes on, from a start at 1 for A; what was B is what it had become."""
    problem(
        (row(0.7, 5), row(0.1, 15)), (("conditionId", "k1", "A"), ("c0", 0.3, 0.5)), parameters={"k1": None}
    )
    second()
    folder = tmp_path / "second"
    (folder / "experiments.tsv").write_text(EARLIER.format("again", 5), encoding="utf-8")
    with (folder / "conditions.tsv").open("a", encoding="utf-8") as file:
        file.write("again\tA\t1\n")
    a = [at(t, b0=0.5 * 0.3 / 0.9, k1=0.3) for t in (0, 10)]
    assert likelihood(prepare_petab(folder / "problem.yaml")) == pytest.approx(
        normal((0.7, a[0], 0.5), (0.1, a[1], 0.5)), abs=1e-6
    )


def test_an_experiment_starts_at_any_time_if_the_model_does_not_know_it(problem, second):
    problem((row(0.7, 5), row(0.1, 15)), (("conditionId", "shift"), ("c0", 2)))
    expected = normal((0.7, 1, 0.5), (0.1, at(10), 0.5))
    assert likelihood(second({"experiments.tsv": ("c0\t0", "c0\t5")})) == pytest.approx(expected, abs=1e-6)


def test_an_experiment_of_a_model_that_knows_the_time_starts_at_0(problem, second, monkeypatch):
    monkeypatch.setattr("tests.fitting.test_petab_cases.MODEL", MODEL.replace("c*k1*A", "c*k1*A*exp(-time)"))
    problem((row(0.7, 5), row(0.1, 15)), (("conditionId", "shift"), ("c0", 2)))
    with pytest.raises(InputError, match="a start at another time than 0 of a model with events, or that"):
        second({"experiments.tsv": ("c0\t0", "c0\t5")})


def test_log_normal_noise_of_version_2_is_an_error_on_logarithms(problem, second):
    problem(TWO)
    made = second(
        {"observables.tsv": ("noiseFormula\t", "noiseFormula\tnoiseDistribution\t")},
        {"observables.tsv": ("0.5\t", "0.5\tlog-normal\t")},
    )
    expected = sum(stats.lognorm(0.5, scale=y).logpdf(m) for m, y in ((0.7, 1.0), (0.1, at(10))))
    assert likelihood(made) == pytest.approx(expected, abs=1e-6)


def test_a_log_normal_prior_of_version_2_is_honoured(problem, second, tmp_path):
    problem(TWO)
    second()
    text = PARAMETERS_2.format("log-normal", "-1;0.4", 0.01)
    (tmp_path / "second" / "parameters.tsv").write_text(text, encoding="utf-8")
    made = prepare_petab(tmp_path / "second" / "problem.yaml")
    objective, place, found = Objective(made), made.names.index("k1"), []
    for value in (0.3, 0.8):
        x = nominal(made)
        x[place] = np.log(value)
        truth = stats.lognorm(0.4, scale=np.exp(-1)).logpdf(value)
        found.append(objective.penalised(x) - objective.value(x) + 2 * truth)
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_all_cases_of_the_test_suite_are_right():
    """Of version 1, as the package petabtests has them: log-likelihood at the nominal point."""
    found = find_spec("petabtests")
    if found is None or found.origin is None:
        pytest.skip("needs petabtests")
    right = []
    for case in sorted((Path(found.origin).parent / "cases" / "v1.0.0" / "sbml").glob("0*")):
        solution = yaml.safe_load((case / f"_{case.name}_solution.yaml").read_text())
        made = prepare_petab(case / f"_{case.name}.yaml")
        assert likelihood(made) == pytest.approx(solution["llh"], abs=1e-6), case.name
        right.append(case.name)
    assert len(right) == 18


def test_the_command_fits_a_problem_from_any_folder(problem, tmp_path, monkeypatch, capfd):
    problem([row(at(t), t) for t in (0, 0.5, 1, 2, 5)], more={n: {"estimate": int(n == "k1")} for n in USUAL})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    line = ["fit", "../problem.yaml", "--starts", "1", "--out", "found", "--engine", "roadrunner"]
    assert run(line) == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    assert "k1" in said
    assert " 0.8 " in said
    assert (elsewhere / "found" / "result.json").exists()
