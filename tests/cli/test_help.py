"""Help, examples, hints and completion: what a user sees before anything runs."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from harness.cli.examples import EXAMPLES
from harness.cli.main import app_of, run

COMMANDS = typer.main.get_command(app_of([])).commands
ALL = [(name, line) for name, lines in EXAMPLES.items() for line in lines]
QUICK = ("models", "simulate", "scan", "export", "docs")


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
        ("cart simulate clinical --set ", ["K_12=", "dose="]),
        ("cart scan clinical --grid K_1", ["K_12="]),
        ("cart simulate clinical --observable trans", ["transgene"]),
        ("cart run clinical --observable transgene,sB", ["transgene,sBCMA", "transgene,sBCMA_change"]),
        ("cart sensitivity clinical --observable log(tr", ["log(transgene)"]),
        ("cart sensitivity clinical --parameters K_12,K_2", ["K_12,K_21"]),
        ("cart scan clinical --endpoint C", ["Cmax"]),
        ("cart map --endpoint response_", ["response_at("]),
        (
            "cart scan clinical --endpoint Cmax,lowest(tumor_",
            ["Cmax,lowest(tumor_conc", "Cmax,lowest(tumor_ratio"],
        ),
        ("cart scan in_vitro --endpoint lowest(via", ["lowest(viability"]),
        ("cart simulate clinical --regimens REGIMENS --regimen sp", ["split"]),
        ("cart population --omega K_exp", ["K_exp_max="]),
        ("cart population --rule nadir_", ["nadir_25", "nadir_25_and_5"]),
        ("cart simulate clinical --engine k", ["kernel"]),
        ("cart export clinical --format sbml-l3", ["sbml-l3v1", "sbml-l3v2"]),
        ("cart agree --tool cop", ["copasi"]),
        ("cart agree xeno", ["xenograft"]),
        ("cart fit fig2b/mov", ["fig2b/moving_volume"]),
        ("cart validate fig2", ["fig2a", "fig2b"]),
    ],
)
def test_the_shell_completes(capfd, monkeypatch, tmp_path, words, offered):
    regimens = tmp_path / "regimens.yaml"
    regimens.write_text("regimens:\n  split: {doses: [0.3x, 0.7x@3]}\n")
    for name, value in asked(words.replace("REGIMENS", str(regimens))).items():
        monkeypatch.setenv(name, value)
    assert run([]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert set(offered) <= set(out.split())
    assert all(name.startswith(words.split(" ")[-1]) for name in out.split())
    assert not {"pg_per_g=", "N_A=", "no_cell=", "all_of_it=", "N_A"} & set(out.split())


def asked(words):
    """What bash tells a command of a line, in the environment."""
    place = len(words.split(" ")) - 1
    return {"_CART_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}


def test_a_shell_asks_in_a_process_of_its_own():
    code = "import sys; from harness.cli.main import main; sys.argv = ['cart']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False,
        env=asked("cart simul"), cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["simulate"], "")


def test_a_model_that_is_named_is_told_with_values_units_and_meanings(capfd):
    assert run(["models", "clinical"]) == 0
    lines = [" ".join(line.split()) for line in capfd.readouterr().out.splitlines()]
    assert "K_12 1.71 1/day distribution rate, blood to tissue" in lines
    assert "sBCMA µg/L soluble BCMA in serum" in lines
    assert "endpoints: Cmax, Tmax, AUC28, M_nadir, sBCMA_nadir, best_response, PFS" in lines
    constants = ("pg_per_g", "N_A", "all_of_it", "no_cell")
    assert not any(line.startswith(constants) for line in lines)
    assert "V_b 5 L blood volume" in lines
    assert run(["models", "klinical"]) == 2


def test_a_command_that_is_named_is_the_only_one_whose_options_are_read():
    assert list(typer.main.get_command(app_of(["fit", "--help"])).commands) == ["fit"]
    for arguments in ([], ["--version"], ["simulte"]):
        assert len(typer.main.get_command(app_of(arguments)).commands) == len(COMMANDS)
