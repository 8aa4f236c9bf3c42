"""One set of options: what each command takes, in the same words, and that it does what it says."""

import numpy as np
import pandas as pd
import pytest
import typer.main
import xarray as xr

from harness.cli.examples import EXAMPLES
from harness.cli.main import app_of, run
from harness.models.card import repository
from harness.models.catalog import load_card

COMMANDS = typer.main.get_command(app_of([])).commands
HEADS = ["--dose", "--regimens, --regimen", "--times", "--workers, --scheduler", "--out"]

OWN_WORDS = {
    "--dose": {"map", "population", "exposure"},  # the axis of a map, the doses of a population
    "--endpoint": {"map", "exposure"},  # beside those of a map, not in their place
    "--observable": {"sensitivity", "digitized"},  # or its logarithm; what an axis of a figure shows
    "--at": {"digitized"},  # the one time of a figure whose axis is none
    "--out": {
        "simulate",
        "scan",
        "run",
        "map",
        "population",
        "patients",
        "fit",
        "report",
        "export",
        "explore",
        "calibrate",
        "predict",
        "digitized",
        "translate",
        "trial",
        "compare",
        "drivers",
        "exposure",
        "escalate",
    },
    "--patients": {"population", "exposure"},  # how many, where neither it nor a file says
    "--plot": {"patients"},  # one of four
    "--model": {"map", "population", "predict", "exposure"},
    "--reading": {"validate", "report"},
    "--resume": {"fit"},
    "--check": {"build", "docs"},
    "--uncertainty": {"fit"},  # of fixed_from
}
"""Where an option is told in words of its own; those of --out say which kinds of file."""


def table():
    """Command to head of a column to cell, of the table of the documentation."""
    lines = (repository() / "docs" / "running.md").read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| command | `--dose`"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    rows = rows[: next(i for i, row in enumerate(rows) if len(row) < len(HEADS))]
    assert [head.replace("`", "") for head in rows[0][1:]] == HEADS
    return {row[0].strip("`"): dict(zip(HEADS, row[1:], strict=True)) for row in rows[2:]}


def options(name):
    return {option: parameter for parameter in COMMANDS[name].params for option in parameter.opts}


def test_the_table_has_every_command_that_runs_or_doses():
    left_out = set(EXAMPLES) - set(table())
    assert left_out == {"models", "build", "check", "docs"}
    for name in left_out:
        assert not {option for head in HEADS for option in head.split(", ")} & set(options(name))


@pytest.mark.parametrize("name", table())
def test_a_command_takes_what_the_table_says_and_has_a_reason_for_what_it_does_not(name):
    for head, cell in table()[name].items():
        taken = {option in options(name) for option in head.split(", ")}
        assert taken == {cell.startswith("yes")}, (name, head)
        assert cell.startswith(("yes", "no: ")), (name, head)


def test_commands_that_simulate_any_model_lack_nothing():
    for name in ("simulate", "scan", "run", "map", "population"):
        assert all(cell.startswith("yes") for cell in table()[name].values())


def test_an_option_is_told_in_the_same_words_wherever_it_is():
    seen = {}
    for name, command in COMMANDS.items():
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                if name not in OWN_WORDS.get(parameter.opts[0], ()):
                    words = (parameter.help, parameter.metavar, parameter.multiple)
                    seen.setdefault(option, {}).setdefault(words, []).append(name)
    assert {option: list(kinds) for option, kinds in seen.items() if len(kinds) > 1} == {}


def test_what_is_said_to_be_told_in_other_words_is():
    for option, names in OWN_WORDS.items():
        assert all(option in options(name) for name in names)


CURVES = {
    "simulate": ["simulate", "clinical"],
    "scan": ["scan", "clinical", "--grid", "dose=1e8,2e8"],
    "run": ["run", "clinical", "--design", "design.csv"],
    "map": ["map", "--points", "2"],
    "population": ["population", "--patients", "2", "--dose", "1e8", "--month", "6"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a design and a regimen."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "design.csv").write_text("dose\n1e8\n2e8\n")
    (tmp_path / "split.yaml").write_text("regimens:\n  split: {doses: [0.3x, 0.7x@3]}\n")
    return tmp_path


@pytest.mark.parametrize("name", CURVES)
def test_the_curves_of_every_run_are_written_at_the_times_and_nothing_else_moves(capfd, name):
    line = [*CURVES[name], "--until", "9 months", "--regimens", "split.yaml", "--workers", "1"]
    line += ["--set", "dose=1e8"] if name == "simulate" else []
    assert run([*line, "--times", "0,10.25,100", "--out", "a.nc"]) == 0, capfd.readouterr().err
    shown = capfd.readouterr().out
    found = xr.load_dataset("a.nc", engine="scipy")
    assert found.time.to_numpy().tolist() == [0.0, np.nextafter(3.0, 0), 3.0, 10.25, 100.0]
    assert {"transgene", "M_protein_change"} <= set(found)
    assert found.time.attrs["units"] == "day"
    assert float(found.transgene.min()) > 0
    if name != "simulate":
        assert run([*line, "--out", "a.csv"]) == 0
        assert capfd.readouterr().out == shown
        assert found.sizes["run"] == len(pd.read_csv("a.csv"))


@pytest.mark.parametrize("name", ["scan", "run", "map", "population"])
def test_times_without_curves_to_write_are_told(capfd, name):
    assert run([*CURVES[name], "--until", "9 months", "--times", "0,100", "--workers", "1"]) == 0
    err = capfd.readouterr().err
    assert err.count("times: nothing is shown at them") == 1
    assert run([*CURVES[name], "--until", "9 months", "--times", "0,400", "--workers", "1"]) == 2
    assert "400 lies after until" in capfd.readouterr().err


@pytest.mark.parametrize("more", [["--workers", "1"], ["--workers", "2"]])
def test_one_run_is_the_same_wherever_it_runs(folder, more):
    assert run(["simulate", "clinical", "--until", "20", "--out", "here.csv"]) == 0
    assert run(["simulate", "clinical", "--until", "20", "--out", "there.csv", *more]) == 0
    assert (folder / "here.csv").read_bytes() == (folder / "there.csv").read_bytes()


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--workers", "0"], "workers: at least 1"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no dask scheduler at tcp://127.0.0.1:1"),
        (["--times", "soon"], "'soon'"),
        (["--out", "a.xml"], "a.xml: the suffix must be one of .csv, .parquet, .nc"),
    ],
)
def test_the_same_slip_is_told_in_the_same_words(capfd, name, more, said):
    assert run([*CURVES[name], *more]) == 2
    out, err = capfd.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        (["--dose", "1e8 cells"], ["--dose", "1e8"]),
        (["--dose", "100 Mcells"], ["--dose", "1e8"]),
    ],
)
def test_doses_of_a_population_may_carry_their_unit(capfd, line, same):
    base = ["population", "--patients", "2", "--until", "9 months", "--month", "6", "--workers", "1"]
    shown = []
    for given in (line, same):
        assert run([*base, *given]) == 0, capfd.readouterr().err
        shown.append(capfd.readouterr().out)
    assert shown[0] == shown[1]


def test_ends_of_a_map_may_carry_their_units(capfd):
    base = ["map", "--points", "2", "--until", "60", "--workers", "1"]
    shown = []
    for given in (
        ["--dose", "1e8 cells:2e8 cells", "--burden", "10 %:50 %"],
        ["--dose", "1e8:2e8", "--burden", "10:50"],
    ):
        assert run([*base, *given]) == 0, capfd.readouterr().err
        shown.append(capfd.readouterr().out)
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--dose", "1e8@3"], "dose"),
        (["--dose", "1e8 mg"], "dose"),
        (["--dose", "-1"], "dose: must not be negative"),
        (["--dose", "1e8", "--model", "in_vitro"], "takes no dose"),
    ],
)
def test_a_dose_of_a_population_that_is_none_is_told(capfd, given, said):
    assert run(["population", "--patients", "2", *given]) == 2
    assert said in capfd.readouterr().err


def test_no_column_of_a_wide_table_is_cut(capfd):
    line = [
        "scan",
        "clinical",
        "--grid",
        "dose=1e8",
        "--endpoint",
        "Cmax",
        "--at",
        "0:300:10",
        "--workers",
        "1",
    ]
    assert run(line) == 0
    head, row = capfd.readouterr().out.splitlines()
    assert "…" not in head + row
    assert "transgene_300 (copies/µg)" in head
    assert len(row.split()) == 4 + 31 * len(load_card("clinical").observables)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_option_of_one_value_that_is_given_twice_is_refused(capfd, name):
    """The last one alone would count, and the first be dropped in silence."""
    command = COMMANDS[name]
    single = [p for p in command.params if p.param_type_name == "option" and not (p.multiple or p.is_flag)]
    for option in single:
        assert run([name, f"{option.opts[0]}=1", option.opts[0], "2"]) == 2
        assert capfd.readouterr().err == f"cart: {option.opts[0]}: given 2 times; it takes one value\n"
