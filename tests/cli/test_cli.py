"""The command line, as a user types it."""

import subprocess
import sys

import pandas as pd
import pytest
import xarray as xr

from harness.cli.main import run


@pytest.fixture
def cart(capfd):
    """Run a command; return exit code, standard output and standard error."""

    def call(*arguments):
        code = run(list(arguments))
        return code, *capfd.readouterr()

    return call


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate"], "Missing argument"),
        (["simulate", "clincal"], "no model 'clincal'; nearest: clinical"),
        (["simulate", "clinical", "--dose", "lots"], "'lots' is not a number"),
        (["simulate", "clinical", "--dose", "-1"], "must not be negative"),
        (["simulate", "clinical", "--set", "K_12"], "write ID=VALUE"),
        (["simulate", "clinical", "--set", "K_12="], "write ID=VALUE"),
        (["simulate", "clinical", "--set", "K_12=1", "--set", "K_12=2"], "is given twice"),
        (["simulate", "clinical", "--set", "K12=1"], "nearest: K_12"),
        (["simulate", "clinical", "--set", "K_12=1\x1f"], "has the control character U+001F in it"),
        (["map", "--burden", "1_0:50"], "burden: '_0' is not a unit"),
        (["map", "--conversion", ".=1"], "write PERCENT=VALUE"),
        (
            ["scan", "clinical", "--grid", "dose=1e8", "--endpoint", "lowest(transgene, start=1_0)"],
            "no number",
        ),
        (["simulate", "clinical", "--set", "K_12=1 L"], "L does not convert to 1/day"),
        (["simulate", "clinical", "--reading", "as_rum"], "nearest: as_run"),
        (["simulate", "clinical", "--until", "soon"], "'soon' is not a number"),
        (["simulate", "clinical", "--times", "3:1:1"], "is empty"),
        (["simulate", "clinical", "--observable", "transgen"], "nearest: transgene"),
        (["simulate", "clinical", "--out", "a.xls"], "the suffix must be one of"),
        (["simulate", "clinical", "--out", "absent/a.csv"], "does not exist"),
        (["simulate", "clinical", "--plot", "a.csv"], "the suffix must be one of"),
        (["simulate", "in_vitro", "--condition", "Jeko"], "nearest: JeKo"),
        (["simulate", "clinical", "--bogus"], "No such option"),
        (["simulat"], "No such command"),
        (["scan", "clinical"], "Missing option"),
        (["scan", "clinical", "--grid", "dose=1:2:log:0"], "at least 1"),
        (["scan", "clinical", "--grid", f"dose=1:2:log:{'9' * 5000}"], "at most 10000000"),
        (["simulate", "clinical", "--until", "1e308"], "more than 1000000 output times ahead"),
        (
            ["scan", "clinical", "--grid", "dose=1e8", "--at", "1e11"],
            "more than 1000000 output times ahead",
        ),
        (["scan", "clinical", "--grid", "dose=1e8", "--grid", "dose=2e8"], "an axis is given twice"),
        (["scan", "clinical", "--grid", "dose=1e8", "--plot", "a.txt"], "the suffix must be one of"),
        (["scan", "clinical", "--grid", "dose=1e8", "--resume"], "resume: goes with --out"),
        (["scan", "clinical", "--grid", "dose=1e8", "--workers", "0"], "at least 1 and at most 1024, not 0"),
        (
            ["scan", "clinical", "--grid", "dose=1e8", "--workers", "9" * 11],
            "and at most 1024, not 99999999999",
        ),
        (["scan", "clinical", "--grid", "dose=1e8", "--workers", "9" * 5000], "--workers"),
        (["scan", "clinical", "--grid", "dose=1e8", "--scheduler", "nonsense"], "no dask scheduler"),
        (["scan", "clinical", "--grid", "K_12=1,2", "--set", "K_12=3"], "K_12 is varied between the runs"),
        (["simulate", "clinical", "--set", "K_12=\u00a01"], "1' is not a number"),
        (
            ["population", "--omega", "K_12=1e300", "--patients", "3"],
            "omegas: K_12: 1e+300 is more than 10; it is a standard deviation of the logarithm",
        ),
        (["fit", "."], "no fit '.'"),
        (["fit", "absent.yaml"], "absent.yaml: no such file"),
        (["run", "clinical", "--design", "absent.csv"], "no such file"),
        (["build", "klinical"], "nearest: clinical"),
        (["check", "klinical"], "nearest: clinical"),
        (["validate", "fig9"], "nearest: fig"),
        (["report", "--out", "report.txt"], "the suffix must be one of .html"),
        (["export", "clinical", "--format", "smbl-l3v1"], "nearest: sbml-l3v1"),
        (["export", "clinical", "--out", "absent/a.xml"], "does not exist"),
        (["export", "in_vitro", "--dose", "1e6"], "takes no dose"),
        (["export", "clinical", "--dose", "1e6@400"], "lies after the end"),
        (["export", "xenograft_constant_volume", "--format", "petab", "--out", "p"], "nearest: "),
        (["agree", "klinical"], "nearest: clinical"),
        (["agree", "--tool", "copassi"], "nearest: copasi"),
        (["agree", "--readings", "some"], "readings: must be 'all' or 'default', not 'some'"),
        (["simulate", "absent.xml"], "absent.xml: no such file"),
        (["simulate", "absent.ant"], "absent.ant: no such file"),
    ],
)
@pytest.mark.quick
def test_bad_input_is_one_line_and_exit_code_2(cart, arguments, said):
    code, out, err = cart(*arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert err.startswith("cart: ")
    assert err.count("\n") == 1


def test_simulate_prints_a_summary(cart):
    code, out, err = cart("simulate", "clinical", "--dose", "450e6", "--until", "30")
    assert (code, err) == (0, "")
    assert "transgene" in out


@pytest.mark.parametrize("suffix", ["csv", "parquet", "nc"])
@pytest.mark.quick
def test_simulate_writes_what_was_asked_for(cart, tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    code, out, err = cart(
        "simulate", "clinical", "--dose", "150e6", "--dose", "150e6@28", "--set", "K_12=0.07 1/h",
        "--times", "0,28,56", "--observable", "transgene", "--out", str(path),
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "transgene" in out
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "nc": xr.load_dataset}[suffix](path)
    assert [float(time) for time in read["time"]] == pytest.approx([0, 28, 28, 56])
    assert float(read["transgene"][0]) == pytest.approx(60000)
    assert float(read["transgene"][1]) + 60000 == pytest.approx(float(read["transgene"][2]))


def test_simulate_draws_a_picture(cart, tmp_path):
    code, _, err = cart("simulate", "xenograft", "--reading", "literal", "--plot", str(tmp_path / "a.png"))
    assert (code, err) == (0, "")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_failed_simulation_is_exit_code_1_with_one_line(cart):
    code, _, err = cart("simulate", "clinical", "--set", "P_m=1e300")
    assert code == 1
    assert err.startswith("cart: the simulation failed: not finite: M_protein is not finite at the start")
    assert err.count("\n") == 1


def test_models_lists_readings_and_conditions(cart):
    code, out, _ = cart("models")
    assert code == 0
    assert "--reading literal" in out
    assert "JeKo" in out


def test_a_model_of_ones_own_goes_by_the_name_of_its_file(cart, tmp_path):
    path = tmp_path / "own.ant"
    path.write_text("model own()\n S = 1; k = 0.5; S' = -k*S\nend\n")
    path.with_suffix(".yaml").write_text("title: What is lost\n")
    assert cart("models", str(path))[1].splitlines()[0] == f"{path}: What is lost"
    code, out, _ = cart("check", str(path))
    assert code == 1
    assert all(line.startswith("own.ant: ") for line in out.splitlines()[:-1])


def test_build_check_and_check_are_clean(cart):
    assert cart("build", "--check")[0] == 0
    code, out, _ = cart("check")
    assert code == 0
    assert out.strip().endswith(": 0 messages")


def test_validate_prints_every_target_and_exits_0(cart):
    code, out, err = cart("validate", "fig2b")
    assert "does not reach" not in err
    assert code == 0
    assert "X1-moving-rmse" in out
    assert "not reproducible (D01)" in out


def test_validate_tells_what_a_reading_does_not_reach(cart):
    _, _, err = cart("validate", "fig2b", "--reading", "literal")
    said = "cart: fig2b: reading literal does not reach constant_volume, which names its own"
    assert said in err.splitlines()


def test_report_prints_the_scores_and_writes_the_page(cart, tmp_path):
    code, out, _ = cart("report", "fig3", "--out", str(tmp_path / "report.html"))
    assert code == 0
    assert "C1-Cmax" in out
    assert (tmp_path / "report.html").exists()


@pytest.mark.quick
def test_help_imports_nothing_heavy():
    heavy = ("roadrunner", "libsbml", "antimony", "pandas", "xarray", "matplotlib", "scipy", "pint", "numpy")
    code = (
        "import sys; from harness.cli.main import run; run(['--help']);"
        f"assert not [m for m in {heavy!r} if m in sys.modules], sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_is_one_line_and_exit_code_130(cart, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.validation.suite.run_panels", interrupt)
    code, _, err = cart("validate", "fig2b")
    assert code == 130
    assert "interrupted" in err
    assert "Traceback" not in err


def test_scan_writes_the_map_and_its_picture(cart, tmp_path):
    out, plot = tmp_path / "map.parquet", tmp_path / "map.png"
    code, shown, err = cart(
        "scan", "clinical", "--grid", "dose=50e6:800e6:log:3", "--grid", "Tumor_0=1e9,2.5e9", "--endpoint",
        "Cmax,lowest(M_protein_change, start=5)", "--out", str(out), "--plot", str(plot), "--until", "60",
        "--workers", "1",
    )  # fmt: skip
    assert code == 0
    assert shown.split()[:7] == ["run", "status", "dose", "(cells)", "Tumor_0", "(cells/L)", "Cmax"]
    assert len(shown.splitlines()) == 7
    assert err == "cart: 6 runs: 6 ok\n"
    table = pd.read_parquet(out)
    assert list(table) == [
        "run", "status", "dose", "Tumor_0", "Cmax", "lowest_M_protein_change_start_5", "reason", "engine"
    ]  # fmt: skip
    assert table["Tumor_0"].tolist() == [1e9, 2.5e9] * 3
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_scan_over_one_axis_prints_and_draws(cart, tmp_path):
    code, shown, _ = cart("scan", "xenograft", "--grid", "K_21=0.2,0.3288")
    assert code == 0
    assert "Cmax" in shown
    code, _, _ = cart("scan", "xenograft", "--grid", "K_21=0.2,0.3288", "--plot", str(tmp_path / "a.svg"))
    assert code == 0
    assert (tmp_path / "a.svg").exists()


def test_run_writes_one_row_a_run_in_the_same_order(cart, tmp_path):
    design, out = tmp_path / "design.csv", tmp_path / "out.csv"
    design.write_text("dose,P_m,days\n450e6,12.1,640\n150e6,12,100\n150e6,1e300,640\n")
    code, _, err = cart(
        "run", "clinical", "--design", str(design), "--endpoints", "Cmax,M_nadir",
        "--at", "1,7,14,28,90,180,365,630", "--out", str(out),
    )  # fmt: skip
    assert (code, err) == (0, "cart: 3 runs: 2 ok, 1 not finite\n")
    table = pd.read_csv(out)
    assert list(table)[:5] == ["run", "status", "Cmax", "M_nadir", "transgene_1"]
    assert {"transgene_630", "M_protein_change_28", "sBCMA_change_365"} <= set(table)
    assert table["status"].tolist() == ["ok", "ok", "not finite"]
    assert table["transgene_90"].notna().tolist() == [True, True, False]
    assert table["transgene_180"].notna().tolist() == [True, False, False]
    assert table["reason"].notna().tolist() == [False, False, True]


def test_run_takes_regimens_from_a_file(cart, tmp_path):
    (tmp_path / "regimens.yaml").write_text(
        "regimens:\n  twice: {doses: [1x, 1x@28]}\n  once: {doses: [1x]}\n"
    )
    (tmp_path / "design.csv").write_text("dose,regimen\n150e6,twice\n150e6,once\n")
    out = tmp_path / "out.csv"
    code, _, _ = cart(
        "run", "clinical", "--design", str(tmp_path / "design.csv"),
        "--regimens", str(tmp_path / "regimens.yaml"),
        "--at", "28", "--observable", "transgene", "--out", str(out),
    )  # fmt: skip
    assert code == 0
    table = pd.read_csv(out)
    assert table["transgene_28"][0] - table["transgene_28"][1] == pytest.approx(60000, rel=1e-6)


def test_an_interrupted_run_says_what_is_kept(cart, tmp_path, monkeypatch):
    (tmp_path / "design.csv").write_text("dose\n150e6\n")

    def interrupt(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.simulation.execute.AllCores.map", interrupt)
    code, _, err = cart(
        "run", "clinical", "--design", str(tmp_path / "design.csv"), "--out", str(tmp_path / "o.csv")
    )
    assert code == 130
    assert err.startswith("cart: interrupted with 0 of 1 chunks kept in ")
    assert err.count("\n") == 1


def test_run_without_a_file_prints_the_rows(cart, tmp_path):
    (tmp_path / "regimens.yaml").write_text("regimens:\n  once: {doses: [1x]}\n")
    (tmp_path / "design.csv").write_text("dose,regimen\n150e6,once\n")
    arguments = ["--design", str(tmp_path / "design.csv"), "--regimens", str(tmp_path / "regimens.yaml")]
    code, shown, _ = cart("run", "clinical", *arguments)
    assert code == 0
    assert "Cmax" in shown


def test_an_error_on_the_way_says_what_is_kept(cart, tmp_path, monkeypatch):
    from harness.errors import InputError

    (tmp_path / "design.csv").write_text("dose\n" + "150e6\n" * 70)
    real = __import__("harness.simulation.parts", fromlist=["Parts"]).Parts.add

    def full(self, result):
        if result.start:
            raise InputError("No space left on device")
        real(self, result)

    monkeypatch.setattr("harness.simulation.parts.Parts.add", full)
    code, _, err = cart(
        "run", "clinical", "--design", str(tmp_path / "design.csv"), "--out", str(tmp_path / "o.csv"),
        "--workers", "1", "--until", "10",
    )  # fmt: skip
    assert code == 2
    assert err.startswith("cart: No space left on device; stopped with 1 of 2 chunks kept in ")


def test_export_writes_a_file_that_holds_the_doses_and_overwrites_nothing_unasked(
    cart, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = cart("export", "clinical", "--dose", "1e8", "--dose", "5e7@30")
    assert (code, out, err) == (0, "sbml-l3v2: clinical.xml\n", "")
    assert "give_dose_2" in (tmp_path / "clinical.xml").read_text("utf-8")
    code, _, err = cart("export", "clinical")
    assert code == 2
    assert "is there already" in err
    assert cart("export", "clinical", "--out", "clinical.xml")[0] == 0


def test_the_commands_work_on_a_model_of_the_users_own(cart, tmp_path):
    path = tmp_path / "own.ant"
    path.write_text("model own()\n S1 -> S2; k*S1; S1 = 10; S2 = 0; k = 0.5\nend\n", encoding="utf-8")
    code, out, err = cart("simulate", str(path), "--set", "init_S1=4", "--until", "5")
    assert (code, err) == (0, "")
    assert "S2" in out
    assert cart("simulate", str(path), "--plot", str(tmp_path / "own.png"))[0] == 0
    table = tmp_path / "scan.csv"
    code, _, _ = cart(
        "scan",
        str(path),
        "--grid",
        "k=0.1,1",
        "--endpoint",
        "highest(S2)",
        "--out",
        str(table),
        "--workers",
        "2",
    )
    assert code == 0
    assert pd.read_csv(table)["highest_S2"].to_numpy() == pytest.approx(10, rel=1e-3)
    assert cart("export", str(path), "--format", "rxode2", "--out", str(tmp_path / "own.R"))[0] == 0
    assert "d/dt(S2) = k*S1" in (tmp_path / "own.R").read_text("utf-8")


def test_agree_prints_the_largest_differences(cart, tmp_path):
    path = tmp_path / "cases.csv"
    code, out, err = cart("agree", "in_vitro", "--tool", "scipy", "--out", str(path), "--workers", "1")
    assert code == 0
    assert "2 cases, 0 failed" in out
    assert "2 runs, 0 failed" in err
    assert set(pd.read_csv(path)["file"]) == {"l3v2", "l3v1"}
