"""Help, examples, hints and completion: what a user sees before anything runs."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from harness.cli.examples import EXAMPLES
from harness.cli.main import app, run

COMMANDS = typer.main.get_command(app).commands
ALL = [(name, line) for name, lines in EXAMPLES.items() for line in lines]
QUICK = ("models", "simulate", "scan", "export", "docs")
RUN = [
    "run", "scan", "map", "sensitivity", "population", "trial", "patients", "fit",
    "validate", "report", "agree",
]  # fmt: skip


def test_every_command_has_an_example_on_its_page():
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(lines for lines in EXAMPLES.values())


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_shows_the_examples_as_they_are_typed(capfd, name, flag):
    assert run([name, flag]) == 0
    page = capfd.readouterr().out
    for line in EXAMPLES[name]:
        assert f"  {line}\n" in page


@pytest.mark.parametrize(("name", "line"), ALL)
def test_every_example_is_read_by_its_command(name, line):
    program, command, *arguments = shlex.split(line)
    assert (program, command) == ("cart", name)
    COMMANDS[name].make_context(name, arguments)  # raises where a line cannot be read


@pytest.mark.parametrize(("name", "line"), [each for each in ALL if each[0] in QUICK])
def test_a_quick_example_runs(capfd, tmp_path, monkeypatch, name, line):
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(line)[1:]) == 0
    out, err = capfd.readouterr()
    assert name == "docs" or out
    assert "Traceback" not in err


@pytest.mark.parametrize("name", RUN)
def test_every_command_that_runs_takes_workers_scheduler_and_out(name):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--workers", "--scheduler", "--out"} <= options


@pytest.mark.parametrize("name", ["simulate", "scan", "run", "map", "sensitivity", "population", "export"])
def test_every_command_that_doses_takes_a_regimen_of_a_file(name):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--dose", "--regimens", "--regimen", "--set", "--reading", "--until", "--out"} - options <= (
        {"--until"} if name == "sensitivity" else set()
    )


@pytest.mark.parametrize(
    ("arguments", "page"),
    [
        (["simulat"], "cart --help"),
        (["--bogus"], "cart --help"),
        (["scan", "clinical", "--bogus"], "cart scan --help"),
        (["map", "--points", "many"], "cart map --help"),
    ],
)
def test_a_hint_names_a_page_that_there_is(capfd, arguments, page):
    assert run(arguments) == 2
    err = capfd.readouterr().err
    assert err.rstrip().endswith(f"See: {page}")
    assert run(page.split()[1:]) == 0


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("cart simul", ["simulate"]),
        ("cart simulate xenograft_c", ["xenograft_constant_volume"]),
        ("cart simulate clinical --reading as_", ["as_run"]),
        ("cart simulate in_vitro --condition Je", ["JeKo"]),
        ("cart simulate clinical --set Ag_t", ["Ag_tumor="]),
        ("cart validate fig2", ["fig2a", "fig2b"]),
    ],
)
def test_the_shell_completes(words, offered):
    code = "import sys; from harness.cli.main import main; sys.argv = ['cart']; main()"
    told = {"_CART_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**told}, cwd=root
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert set(offered) <= set(done.stdout.split())
    assert all(name.startswith(words.split()[-1]) for name in done.stdout.split())


def test_a_model_that_is_named_is_told_with_values_units_and_meanings(capfd):
    assert run(["models", "clinical"]) == 0
    lines = [" ".join(line.split()) for line in capfd.readouterr().out.splitlines()]
    assert "K_12 1.71 1/day distribution rate, blood to tissue" in lines
    assert "sBCMA ug/L soluble BCMA in serum" in lines
    assert "endpoints: Cmax, Tmax, AUC28, M_nadir, sBCMA_nadir, best_response, PFS" in lines
    assert not any(line.startswith("pg_per_g") for line in lines)
    assert run(["models", "klinical"]) == 2
