"""Results in a folder: the answer, all tables, the figure, and the file that gives them again."""

import pytest
import yaml

from harness.cli.main import run
from harness.records import RECORD

ONE = {"doses": ["1e8"]}
TWO = {"one": ONE, "two": {"doses": ["4e8"]}}
SHORT = {"until": "9 months", "patients": 10}

STUDIES = {
    "population": {"doses": [1e8, 4e8], "patients": 3, "until": "9 months", "months": [6]},
    "trial": {
        "arms": {name: {**arm, "patients": 3} for name, arm in TWO.items()},
        "visits": "0:120:30",
        "replicates": 2,
    },
    "compare": {"arms": TWO, "draws": 100, "sizes": [5], "trials": 5, **SHORT},
    "drivers": {"arms": {"one": ONE}, "parameters": {"K_m": {"percent": 20}}, "n": 0, "draws": 100, **SHORT},
    "exposure": {"doses": [1e8, 4e8], "omegas": {"Tumor_0": 0.8}, **SHORT},
    "escalate": {
        "doses": [1e8, 4e8],
        "patients": 5,
        "trials": 3,
        "toxicity": {"at": 1e4, "probability": 0.3, "slopes": [1]},
    },
}
FIRST = {
    "population": "at 100 to 400 million cells: ORR",
    "trial": "one: ORR",
    "compare": "two against one: ",
    "drivers": "response at the month (%): ",
    "exposure": "odds of response by e-fold Cmax",
    "escalate": "3+3: the right dose in ",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def held(place):
    """Files of a folder but its record, which tells the commands apart."""
    return {path.name: path.read_bytes() for path in place.iterdir() if path.name != RECORD}


@pytest.mark.parametrize("command", STUDIES)
def test_a_folder_has_all_that_a_study_gave_and_gives_it_again(command, folder, capsys):
    (folder / "mine.yaml").write_text(yaml.safe_dump(STUDIES[command], sort_keys=False), "utf-8")
    assert run([command, "mine.yaml", "--workers", "1", "--out", "once"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(FIRST[command])
    files = held(folder / "once")
    assert {"answer.txt", "figure.png", "study.yaml"} < set(files)
    assert sum(name.endswith(".csv") for name in files) >= 2
    assert files["answer.txt"].decode("utf-8").startswith(shown)
    assert files["study.yaml"].decode("utf-8").startswith(f"# cart {command} study.yaml\n")
    assert run([command, "once/study.yaml", "--workers", "1", "--out", "again"]) == 0
    assert held(folder / "again") == files
    assert run(["status", "once", "again"]) == 0
    assert "2 fresh" in capsys.readouterr().out


def test_what_is_given_beside_a_file_goes_over_it(folder):
    (folder / "mine.yaml").write_text(yaml.safe_dump(STUDIES["population"], sort_keys=False), "utf-8")
    line = ["population", "mine.yaml", "--dose", "2e8", "--set", "K_m=0.2", "--workers", "1", "--out", "once"]
    assert run([*line, "--from", "parameters.csv:K_12", "--uncertainty", "2"]) == 0
    text = (folder / "once" / "study.yaml").read_text("utf-8")
    assert text.startswith("# cart population study.yaml --from parameters.csv:K_12 --uncertainty 2\n")
    declared = yaml.safe_load(text)
    assert (declared["doses"], declared["changes"]["K_m"], declared["patients"]) == ([2e8], "0.2", 3)
    again = ["--from", "parameters.csv:K_12", "--uncertainty", "2", "--workers", "1", "--out", "again"]
    assert run(["population", "once/study.yaml", *again]) == 0
    first, second = ((folder / name / "variance.csv").read_text("utf-8") for name in ("once", "again"))
    assert first == second


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["trial", "mine.yaml", "--out", "mine.yaml"], "the suffix must be one of"),
        (["trial", "study.yaml", "--out", "."], "is a file that is read"),
        (["trial", "mine.yaml", "--out", "there/deep"], "does not exist"),
        (["trial", "mine.yaml", "--out", "taken"], "is there and no folder"),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(folder, capfd, line, said):
    for name in ("mine.yaml", "study.yaml"):
        (folder / name).write_text(yaml.safe_dump(STUDIES["trial"], sort_keys=False), "utf-8")
    (folder / "taken").write_text("", "utf-8")
    assert run(line) == 2
    err = capfd.readouterr().err
    assert said in err
    assert err.count("\n") == 1
