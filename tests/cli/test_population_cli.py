"""The commands population and trial: tables, pictures, and one line for what is wrong."""

import pandas as pd
import pytest

from harness.cli.main import run
from harness.models.card import repository

SMALL = ["population", "--patients", "3", "--dose", "50e6", "--workers", "1"]


def test_a_population_is_printed_with_intervals(capsys):
    assert run([*SMALL, "--omega", "Tumor_0=0.8", "--month", "12"]) == 0
    shown = capsys.readouterr()
    assert "median PFS by nadir_25_and_5 (months)" in shown.out
    assert "PD at 12 months (%)" in shown.out
    assert "3 runs, 0 failed" in shown.err


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_population_is_written_with_one_row_a_patient_and_dose(tmp_path, suffix):
    out, plot = tmp_path / f"runs{suffix}", tmp_path / "population.svg"
    assert run([*SMALL, "--dose", "450e6", "--out", str(out), "--plot", str(plot)]) == 0
    table = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    assert len(table) == 6
    assert {"patient", "dose", "best_response", "response_21", "pfs_nadir_25", "status"} <= set(table)
    assert "<svg" in plot.read_text(encoding="utf-8")


def test_a_trial_is_run_from_its_file(tmp_path, capsys):
    out, plot = tmp_path / "patients.csv", tmp_path / "trial.png"
    example = str(repository() / "examples" / "trial.yaml")
    arguments = ["trial", example, "--replicates", "1", "--workers", "1"]
    assert run([*arguments, "--out", str(out), "--plot", str(plot)]) == 0
    assert len(pd.read_csv(out)) == 80
    assert plot.stat().st_size > 1000
    assert run(arguments) == 0
    assert "log-rank between the arms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["population", "--patients", "0"], "patients: "),
        (["population", "--dose", "lots"], "dose: 'lots' is not a number"),
        (["population", "--omega", "K_12"], "--omega 'K_12': write ID=VALUE"),
        (["population", "--omega", "K_13=1"], "nearest: K_21, K_12"),
        (["population", "--rule", "nadir"], "nearest: nadir_25"),
        (["population", "--model", "in_vitro"], "has no M_protein_change"),
        (["population", "--month", "60"], "lies after the end"),
        (["population", "--out", "a.xls"], "the suffix must be one of .csv, .parquet, .nc"),
        (["population", "--plot", "a.csv"], "the suffix must be one of"),
        (["trial", "absent.yaml"], "no such file"),
    ],
)
def test_bad_input_is_told_in_one_line_with_exit_code_2(arguments, said, capsys):
    assert run(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error


def test_a_broken_trial_is_told_with_file_line_and_field(tmp_path, capsys):
    path = tmp_path / "trial.yaml"
    path.write_text("arms:\n  a: {patients: -1, doses: [1e8]}\nvisits: 28:84:28\n", encoding="utf-8")
    assert run(["trial", str(path)]) == 2
    assert f"{path}:2: arms.a.patients" in capsys.readouterr().err
