"""What is wrong with a file of a trial or a decision: one line, exit code 2, and nothing runs."""

import json

import pytest
import yaml

from harness.cli.main import run

ARMS = {"one": {"doses": ["1e8"]}, "two": {"doses": ["4e8"]}}
TRIAL = {
    "arms": {name: {**arm, "patients": 3} for name, arm in ARMS.items()},
    "visits": "0:120:30",
    "replicates": 2,
}
ESCALATION = {
    "doses": [1e8, 4e8],
    "patients": 5,
    "trials": 3,
    "toxicity": {"at": 1e4, "probability": 0.3, "slopes": [1]},
}
RULE = {"amount": "1e8", "observable": "transgene", "below": "5", "every": "7 days", "start": "7 days"}


def trial_arm(**fields):
    return TRIAL | {"arms": {"one": {"doses": ["1e8"], "patients": 3, **fields}}}


FILES = [
    ("trial", TRIAL | {"arms": {}}, "a trial has at least one arm"),
    ("trial", trial_arm(patients=0), "arms.one.patients: "),
    ("trial", trial_arm(patients=2.5), "arms.one.patients: "),
    ("trial", trial_arm(doses=["1e8", "-1"]), "must not be negative"),
    ("trial", trial_arm(doses=["1e8@400"]), "lies after the end"),
    ("trial", trial_arm(redosing=RULE | {"at_most": 1_000_000}), "never stops"),
    ("trial", trial_arm(redosing=RULE | {"every": "0 days"}), "every and at_most must be positive"),
    ("trial", trial_arm(redosing=RULE | {"start": "2 years"}), "the rule first looks at"),
    ("trial", TRIAL | {"dropout": -0.1}, "dropout: "),
    ("trial", TRIAL | {"dropout": "often"}, "dropout: "),
    ("trial", TRIAL | {"visits": "0"}, "at least one visit after baseline"),
    ("trial", TRIAL | {"replicates": 0}, "replicates: "),
    ("trial", TRIAL | {"omegas": {"K_12": -1}}, "omega must be finite and not negative"),
    ("compare", {"arms": {"one": {"doses": ["1e8"]}}}, "two arms or more"),
    ("compare", {"arms": ARMS, "patients": 0}, "patients: "),
    ("escalate", ESCALATION | {"doses": [4e8, 1e8]}, "each is to be above the one before"),
    ("escalate", ESCALATION | {"doses": [1e8, 1e8]}, "each is to be above the one before"),
    ("escalate", ESCALATION | {"target": 1.3}, "target: "),
    ("escalate", ESCALATION | {"start": 2e8}, "start: 2e+08 is none of the doses"),
    ("escalate", ESCALATION | {"designs": ["crm"]}, "designs"),
    (
        "escalate",
        ESCALATION | {"toxicity": {"at": 1e4, "probability": 1.2, "slopes": [1]}},
        "toxicity.probability: ",
    ),
    (
        "escalate",
        ESCALATION | {"toxicity": {"at": 1e4, "probability": 0.3, "slopes": [-1]}},
        "toxicity.slopes: ",
    ),
    ("escalate", {name: value for name, value in ESCALATION.items() if name != "toxicity"}, "toxicity: "),
    ("population", {"doses": [], "patients": 3}, "doses: "),
    ("population", {"doses": [1e8], "patients": 0}, "patients: "),
    ("exposure", {"doses": [-1e8]}, "doses: "),
    ("drivers", {"arms": {"one": {"doses": ["1e8"]}}, "parameters": {}}, "parameters: "),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capfd, line):
    assert run([*line, "--workers", "1", "--out", "none"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize(("command", "fields", "said"), FILES)
def test_a_file_that_makes_no_sense_is_told_in_one_line(command, fields, said, folder, capfd):
    (folder / "mine.yaml").write_text(yaml.safe_dump(fields, sort_keys=False), "utf-8")
    assert said in told(capfd, [command, "mine.yaml"])
    assert not (folder / "none").exists()


ESTIMATES = {"parameter": ["K_12"], "estimate": [1.7], "unit": ["1/day"], "scale": ["log"]}


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"estimates": ESTIMATES}, "has no error of K_12"),
        (
            {"estimates": ESTIMATES, "covariance": {"parameter": ["K_12"], "K_12": [0.0]}},
            "has no error of K_12",
        ),
        ({"estimates": ESTIMATES | {"parameter": ["K_13"]}}, "K_13"),
        ({}, "has no table of estimates"),
    ],
)
def test_uncertainty_that_a_result_does_not_hold_is_told(tables, said, folder, capfd):
    (folder / "mine.yaml").write_text(yaml.safe_dump(TRIAL, sort_keys=False), "utf-8")
    (folder / "result.json").write_text(json.dumps({"tables": tables}), "utf-8")
    line = ["trial", "mine.yaml", "--from", "result.json", "--uncertainty", "3"]
    assert said in told(capfd, line)
