"""What commands that run have in common: exit code 1 when nothing ran well, notes on what was given."""

import pytest

from harness.cli.main import run

FAILS = ("--set", "P_m=1e300")


@pytest.fixture
def cart(capfd, tmp_path, monkeypatch):
    """Run a command in a folder of its own, with a few files there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "design.csv").write_text("dose,P_m\n1e8,1e300\n2e8,1e300\n")
    (tmp_path / "half.csv").write_text("dose,P_m\n1e8,1e300\n2e8,12.1\n")
    (tmp_path / "few.csv").write_text("dose\n2e8\n450\n")
    (tmp_path / "regimens.yaml").write_text("regimens:\n  few: {doses: [450, 0.1x@3]}\n")
    (tmp_path / "named.csv").write_text("dose,regimen\n1e8,few\n")
    trial = "kind: trial\narms: {{a: {{patients: 2, doses: ['{}']}}}}\nvisits: 28:168:28\nchanges: {{{}}}\n"
    (tmp_path / "failing.yaml").write_text(trial.format("1e8", "P_m: '1e300'"))
    (tmp_path / "few.yaml").write_text(trial.format("450", ""))

    def call(*arguments):
        code = run(list(arguments))
        return code, *capfd.readouterr()

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "clinical", *FAILS),
        ("scan", "clinical", "--grid", "P_m=1e300,1e300", "--until", "5"),
        ("scan", "clinical", "--grid", "dose=1e8,2e8", *FAILS, "--out", "out.parquet", "--plot", "a.png"),
        ("run", "clinical", "--design", "design.csv"),
        ("run", "clinical", "--design", "design.csv", "--out", "out.csv"),
        ("run", "clinical", "--design", "design.csv", "--out", "out.nc"),
        ("population", "--patients", "2", *FAILS),
        ("trial", "failing.yaml"),
        ("map", "--points", "3", *FAILS),
        ("sensitivity", "clinical", "--parameters", "K_12", "--observable", "transgene", "--at", "10",
         "--n", "16", *FAILS),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_of_which_no_run_succeeds_ends_with_exit_code_1(cart, tmp_path, arguments):
    workers = () if arguments[0] == "simulate" else ("--workers", "1")
    code, _, err = cart(*arguments, *workers)
    assert code == 1
    assert "not finite" in err
    assert err.count("\n") == 1
    if "--out" in arguments:  # what there is to write is written
        assert (tmp_path / arguments[arguments.index("--out") + 1]).is_file()


def test_a_command_of_which_some_runs_succeed_ends_with_exit_code_0(cart):
    assert cart("run", "clinical", "--design", "half.csv", "--workers", "1")[0] == 0


def test_patients_that_cannot_be_simulated_end_with_exit_code_1(cart, tmp_path, monkeypatch):
    from harness.studies.patient_fits import PatientFits

    real = PatientFits.profiles

    def failing(*arguments):
        fitted, curves = real(*arguments)
        return fitted.assign(status="not finite", reason="nothing is finite"), curves

    monkeypatch.setattr(PatientFits, "profiles", failing)
    (tmp_path / "patients.csv").write_text("dose,category,n\n1e8,PR,1\n")
    code, _, err = cart("patients", "patients.csv", "--workers", "1", "--draws", "2")
    assert (code, err) == (1, "cart: every simulation failed; the first: nothing is finite\n")


NOTE = "cart: dose 450: 450 cells; this model's doses are of 1e6 and more\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "clinical", "--dose", "450", "--until", "5"),
        ("simulate", "clinical", "--dose", "1e8", "--dose", "450@3", "--until", "5"),
        ("simulate", "clinical", "--set", "dose=450", "--until", "5"),
        ("scan", "clinical", "--grid", "dose=450:800e6:log:3", "--until", "5"),
        ("scan", "clinical", "--grid", "K_12=1,2", "--dose", "450", "--until", "5"),
        ("run", "clinical", "--design", "few.csv", "--until", "5"),
        ("run", "clinical", "--design", "named.csv", "--regimens", "regimens.yaml", "--until", "5"),
        ("population", "--patients", "2", "--dose", "450"),
        ("trial", "few.yaml"),
        ("map", "--points", "3", "--dose", "450:800e6"),
        ("export", "clinical", "--dose", "450"),
    ],
    ids=" ".join,
)
def test_a_dose_far_below_the_model_s_own_is_answered_by_a_note(cart, arguments):
    workers = () if arguments[0] in ("simulate", "export") else ("--workers", "1")
    code, _, err = cart(*arguments, *workers)
    assert code == 0
    assert err.count(NOTE) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("clinical", "--dose", "1e6"), ("clinical", "--dose", "0"), ("clinical",), ("in_vitro",),
        ("clinical", "--dose", "1e8", "--dose", "0.001x@3"), ("xenograft", "--dose", "1e4"),
    ],
)  # fmt: skip
def test_other_doses_are_not(cart, arguments):
    assert cart("simulate", *arguments, "--until", "4")[2] == ""


def test_the_note_follows_the_model(cart):
    assert "this model's doses are of 1e4 and more" in cart("simulate", "xenograft", "--dose", "9e3")[2]
