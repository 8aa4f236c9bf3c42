"""What scripts are offered: `from harness import ...`, typed, explained, listed and cheap."""

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import xarray

import harness
from harness.models.card import repository
from harness.validation.studies import AnyStudy

NAMES = sorted(set(harness.__all__) - {"__version__"})
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(harness, name))]
REFUSE_NOTHING = {"score_table", "single"}  # a design is checked by `plan`

NEEDED = {
    "simulate", "plan", "run", "stream", "grid", "latin_hypercube", "sobol", "random_effects", "single",
    "read_design", "regimen", "Dose", "Serial", "Processes", "Dask", "Scan", "Map", "Sensitivity",
    "Population", "Trial", "Patients", "Fit", "Agreement", "fit", "run_panel", "InputError", "__version__",
}  # fmt: skip


def loaded(lines):
    """Names of the packages that some lines load, in a process of its own."""
    shown = f"import sys; before = set(sys.modules); {lines}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, encoding="utf-8", check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_what_a_script_needs_is_offered():
    assert set(harness.__all__) >= NEEDED
    assert set(harness.__all__) >= {study.__name__ for study in typing.get_args(typing.get_args(AnyStudy)[0])}
    assert len(harness.__all__) == len(set(harness.__all__))


@pytest.mark.quick
def test_a_star_gives_what_is_listed_and_dir_shows_it():
    given = {}
    exec("from harness import *", given)
    assert set(given) - {"__builtins__"} == set(harness.__all__)
    assert set(harness.__all__) <= set(dir(harness))


def test_a_name_that_is_not_offered_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'simulat'"):
        _ = harness.simulat
    with pytest.raises(ImportError, match="simulat"):
        exec("from harness import simulat")


def test_importing_the_package_loads_the_standard_library_alone():
    assert loaded("import harness") <= {"harness", *sys.stdlib_module_names}


def test_a_name_loads_what_it_needs_and_no_more():
    heavy = {"matplotlib", "pandas", "roadrunner", "scipy"}
    assert not loaded("from harness import Dose, InputError, grid") & heavy
    assert {"numpy", "pandas"} <= loaded("from harness import grid; grid(dose=[1.0])")


def test_the_version_is_that_of_the_project():
    import tomllib

    project = tomllib.loads((repository() / "pyproject.toml").read_text("utf-8"))["project"]
    assert harness.__version__ == project["version"]


def test_the_package_says_that_it_has_types():
    assert (Path(harness.__file__).parent / "py.typed").is_file()


def test_the_page_on_scripts_lists_each_name_once():
    page = (repository() / "docs" / "scripts.md").read_text("utf-8")
    rows = [line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| `")]
    assert sorted(rows) == NAMES
    assert "harness.__version__" in page


@pytest.mark.parametrize("name", NAMES)
def test_each_name_says_what_it_is(name):
    # the text of its own class: pydantic and dataclasses give texts of theirs
    assert "__doc__" in vars(getattr(harness, name)) or name in FUNCTIONS
    said = inspect.getdoc(getattr(harness, name))
    assert said
    assert not said.startswith(f"{name}(")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_has_types_and_says_what_it_refuses(name):
    function = getattr(harness, name)
    hints = typing.get_type_hints(function, localns={"xr": xarray})  # imported for type checkers alone
    assert set(hints) == {*inspect.signature(function).parameters, "return"}
    assert ("\nRaises\n---" in inspect.getdoc(function)) is (name not in REFUSE_NOTHING)


def test_paths_may_be_texts(tmp_path):
    design = tmp_path / "design.csv"
    design.write_text("dose\n150e6\n450e6\n")
    planned = harness.plan("clinical", harness.read_design(str(design)), endpoints=["Cmax"], until=30)
    summary = harness.stream(planned, str(tmp_path / "out.csv"))
    assert str(summary) == "2 runs: 2 ok"
    problem = repository() / "validation" / "fig2b" / "fit_moving_volume.yaml"
    prepared = harness.prepare(harness.read_problem(str(problem)), str(problem.parent))
    assert prepared.observations > 0
    with pytest.raises(harness.InputError, match="no such file; run the fit first"):
        harness.read_result(str(tmp_path / "result.json"))
