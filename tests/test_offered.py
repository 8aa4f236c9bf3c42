"""The doors of the front door, each argument given what it does not take: one line, and never silence."""

import inspect
import pickle
from functools import partial
from importlib import import_module
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest

import harness
from harness import InputError
from harness.offered import LATE
from harness.validation.studies import AnyStudy
from tests.fitting.conftest import VITRO

NAMES = sorted(set(harness.__all__) - {"__version__"})

WRONG = {
    "None": None,
    "a text": "nope",
    "a table": pd.DataFrame({"a": [1.0]}),
    "nothing": [],
    "nested": [[1.0]],
    "texts": ["nope"],
    "a mapping": {"nope": 1},
    "NaN": float("nan"),
    "negative": -1,
    "infinite": float("inf"),
    "true": True,
    "a class": harness.Serial,
    "an object": object(),
}

POINTS = {"time": [0.0, 1.0, 2.0, 3.0], "value": [4.0, 3.0, 2.0, 1.0]}
SAMPLE = {"ranges": {"K_12": (1.0, 2.0)}, "count": 4, "seed": 1}
NONE, TRUE, NOTHING = {"None"}, {"true"}, {"nothing"}

DOORS = {
    "simulate": (
        {"model": "clinical", "until": 1, "times": [0, 1], "observables": "transgene"},
        {
            "doses": NONE | NOTHING,
            "changes": NONE,
            "readings": NOTHING,
            "condition": NONE,
            "until": NONE,
            "times": NONE,
            "observables": NONE,
            "executor": NONE,
            "estimates": NONE,
        },
    ),
    "exposure": (POINTS, {"linear": TRUE, "to_infinity": TRUE}),
    "nca": (POINTS, {"doses": NONE, "linear": TRUE}),
    "plan": (
        {"model": "clinical", "design": harness.single(), "until": 2, "endpoints": ["Cmax"]},
        {
            "endpoints": NONE,
            "at": NOTHING,
            "observables": NONE,
            "trajectories": TRUE,
            "times": NONE,
            "until": NONE,
            "doses": NONE | NOTHING,
            "regimens": NONE,
            "changes": NONE,
            "readings": NOTHING,
            "condition": NONE,
            "shown": NOTHING,
        },
    ),
    "grid": ({}, {}),
    "latin_hypercube": (SAMPLE, {"log": TRUE}),
    "sobol": (SAMPLE, {"log": TRUE}),
    "random_effects": ({"typical": {"K_12": 1.0}, "omega": {"K_12": 0.1}, "count": 4, "seed": 1}, {}),
    "read_design": ({}, {}),
    "regimen": ({"doses": [1e8]}, {"doses": NOTHING}),
    "Dose": ({"time": 0.0, "amount": 1e8}, {"relative": TRUE}),
    "Redosing": (
        {"amount": 1e8, "observable": "transgene", "rise": 1.0, "every": 7.0, "start": 7.0},
        {"observable": {"a text"}, "relative": TRUE, "above": {"infinite"}},  # it knows no model
    ),
    "Regimen": ({}, {"doses": NOTHING, "redosing": NONE, "hold": NONE}),
    "Design": ({}, {"table": NONE | {"a table"}, "units": NONE, "drawn": NOTHING}),
    "Processes": ({}, {"workers": NONE}),
    "AllCores": ({}, {"workers": NONE}),
    "Dask": ({}, {}),
    "choose_executor": ({}, {"workers": NONE, "scheduler": NONE}),
    "read_problem": ({"path": "fit.yaml"}, {}),
    "read_result": ({}, {}),
    "read_estimates": ({"source": "result.json"}, {}),
    "run_panel": ({"name": "no_panel"}, {}),
    "run_panels": ({"names": ["no_panel"]}, {"names": NOTHING}),
    "score_table": ({}, {"results": NOTHING}),
    "compare_fits": ({}, {}),
}
"""Doors that cost little: what is right, and which of the wrong values an argument takes after all."""


def wrong_calls(function, takes):
    """Each argument of a function with each value that it does not take."""
    for name in inspect.signature(function).parameters:
        for what, value in WRONG.items():
            yield name, value, what in takes.get(name, ())


def told(call):
    """The one line that refuses a call; empty when it goes through."""
    try:
        call()
    except InputError as error:
        return str(error)
    except Exception as error:
        error.add_note(f"of {call}")
        raise
    return ""


def refused(call):
    """The line that refuses a call, which must not go through."""
    line = told(call)
    assert line, f"goes through: {call}"
    assert "\n" not in line
    return line


def function_doors():
    """Names of all functions that scripts are offered."""
    return {name for name in NAMES if inspect.isfunction(getattr(harness, name))}


def test_every_function_is_tried():
    there = {"run", "stream", "fit", "prepare", "bootstrap", "diagnose", "with_errors", "single"}
    assert function_doors() <= {*DOORS, *there}


@pytest.mark.parametrize("name", DOORS)
def test_an_argument_takes_what_it_is_for_and_refuses_the_rest_in_one_line(name):
    right, takes = DOORS[name]
    door = getattr(harness, name)
    for argument, value, taken in wrong_calls(door, takes):
        given = {**right, argument: value}
        if taken:
            door(**given)
        else:
            refused(partial(door, **given))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A small fit: its problem and folder, as prepared, and its result."""
    problem = harness.FitProblem(**{**VITRO, "optimiser": {"starts": 1}})
    folder = tmp_path_factory.mktemp("fit")
    prepared = harness.prepare(problem, folder)
    return problem, folder, prepared, harness.fit(prepared, profile=False)


def test_what_runs_and_fits_refuses_the_same_before_it_begins(fitted, tmp_path):
    problem, folder, prepared, result = fitted
    planned = harness.plan("clinical", harness.single(), endpoints=["Cmax"], until=1)
    long = {"executor": NONE, "progress": {*NONE, "a class"}}  # a class is a function too
    of_fit = {"prepared": prepared, "result": result}
    calls = {
        "run": ({"planned": planned}, long),
        "stream": ({"planned": planned, "out": tmp_path / "out.csv"}, {**long, "resume": TRUE}),
        "prepare": ({"problem": problem, "folder": folder}, {"folder": {"a text"}}),
        "fit": (
            {"prepared": prepared},
            {**long, "profile": TRUE, "kept": NONE, "problem": {*NONE, "a mapping"}},
        ),
        "bootstrap": ({**of_fit, "count": 2}, long),
        "diagnose": (of_fit, {}),
        "with_errors": ({**of_fit, "kind": "observed"}, {}),
    }
    for name, (right, takes) in calls.items():
        door = getattr(harness, name)
        for argument, value, taken in wrong_calls(door, takes):
            if not taken:
                given = {**right, argument: value}
                refused(partial(door, **given))


def test_what_is_handed_back_refuses_the_same(fitted):
    *_, result = fitted
    design = harness.grid(dose=[1e8, 2e8])
    planned = harness.plan("clinical", design, endpoints=["Cmax"], until=1)
    estimates = harness.Estimates(
        "a test", ("K_12",), ("1/day",), np.ones(1), np.ones(1, bool), np.full((1, 1), 0.01)
    )
    methods = {
        design.__mul__: {},
        design.values: {"names": NOTHING},
        planned.unit: {},
        result.table: {},
        result.number: {},
        estimates.some: {"names": NOTHING},
        estimates.without: {"names": NOTHING | {"texts"}},
        harness.Scan(model="clinical", grid={"dose": "1e8"}, endpoints=("Cmax",)).run: {
            "progress": NONE | {"a class"}
        },
    }
    for method, takes in methods.items():
        for argument, value, taken in wrong_calls(method, takes):
            if not taken:
                refused(partial(method, **{argument: value}))


@pytest.mark.parametrize("study", [*get_args(get_args(AnyStudy)[0]), harness.FitProblem, harness.Toxicity])
def test_a_declaration_is_made_or_refused_in_one_line(study):
    for field in study.model_fields:
        for what, value in WRONG.items():
            line = told(partial(study, **{field: value}))
            assert line == "" or line.startswith(f"{study.__name__}: "), what
            assert "pydantic" not in line
            assert "\n" not in line
    refused(partial(study, "clinical"))
    assert "no such field" in refused(partial(study, nope=1))


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("plan: design: must be a Design, not a DataFrame; Design(...) makes one of it",
         lambda: harness.plan("clinical", pd.DataFrame({"dose": [1e8]}))),
        ("plan: at[1]: must be a number, not 'a'",
         lambda: harness.plan("clinical", harness.single(), at=[1, "a"])),
        ("grid: dose: must be a list of numbers or an array of numbers, not 1.0",
         lambda: harness.grid(dose=1.0)),
        ("run: executor: must be an Executor or None, not the class Serial",
         lambda: harness.run(harness.plan("clinical", harness.single()), harness.Serial)),
        ("nca: route: must be 'expansion', 'bolus' or 'infusion', not 'x'",
         lambda: harness.nca([1], [1], route="x")),
        ("duration: must be a time of at least 0, not -1", lambda: harness.nca([1], [1], duration=-1)),
        ("random_effects: seed: must be at least 0, not -1", lambda: harness.random_effects({}, {}, 1, -1)),
        ("no column of the design to show 'nope'; nearest: dose",
         lambda: harness.plan("clinical", harness.grid(dose=[1e8]), shown=["nope"])),
        ("latin_hypercube: ranges['K_12']: must be 2 numbers, not a list of 1",
         lambda: harness.latin_hypercube({"K_12": [1.0]}, 4, 1)),
        ("simulate: no argument 'untill'; nearest: until", lambda: harness.simulate("clinical", untill=3)),
        ("simulate: missing a required argument: 'model'", lambda: harness.simulate()),
        ("regimen: time_unit: 'kg' is not a unit of time", lambda: harness.regimen("1e8", "kg")),
        ("Scan: model: is missing", lambda: harness.Scan()),
    ],
)  # fmt: skip
def test_the_line_says_what_would_be_right(said, call):
    assert refused(call).startswith(said)


def test_what_scripts_have_at_hand_goes_through(tmp_path):
    """Rows of pandas and numpy, numbers of numpy, tuples for lists, the file of a model as a path."""
    table = pd.DataFrame({"K_12": [0.1, 0.2], "time": [0.0, 1.0]})
    harness.plan("clinical", harness.grid(K_12=table["K_12"]), at=table["time"], endpoints=("Cmax",))
    harness.plan("clinical", harness.single(dose=np.float32(1e8)), changes={"K_12": np.float64(0.1)})
    harness.latin_hypercube({"K_12": [0.1, np.float64(0.2)]}, np.int64(4), np.uint8(1), np.bool_(True))
    harness.regimen(dose for dose in ("1e8", 2e8))
    found = harness.simulate("clinical", until=np.array(2.0), times=range(3))
    assert harness.nca(found["time"], found["transgene"]).shape[0] == 1
    own = tmp_path / "own.ant"
    own.write_text("model own\n  species A = 10; k = 1; J: A -> ; k*A\nend\n", "utf-8")
    assert harness.simulate(own, until=1).attrs["status"] == "ok"
    scan = harness.Scan(model=own, grid={"k": "1,2"}, endpoints=("highest(A)",), until="1")
    assert scan == harness.Scan(model=str(own), grid={"k": "1,2"}, endpoints=("highest(A)",), until="1")
    assert scan.run(harness.Serial()).failed == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_type_of_a_door_is_known_where_it_is_held_against_it(name):
    late = {short: import_module(package) for short, package in LATE.items()}
    door = getattr(harness, name)
    for each in [door, *(getattr(door, method) for method in dir(door) if not method.startswith("_"))]:
        if hasattr(each, "__wrapped__"):
            assert get_type_hints(each, localns=late)


@pytest.mark.parametrize("name", sorted(function_doors()))
def test_a_door_goes_to_other_processes_and_back(name):
    door = getattr(harness, name)
    assert pickle.loads(pickle.dumps(door)) is door
