"""No command writes over a file that it reads, whatever link leads there."""

from __future__ import annotations

import os

import pytest

from harness.cli.main import run
from harness.models.card import repository

MODEL = "model m; S -> ; k*S; S = 1; k = 0.1; end\n"
FIT = """title: x
model: in_vitro
condition: Daudi
observations: estimates.csv
fixed_from: {result.json: [KC50]}
arms: {well: {}}
observables: {viability: {model: log, relative: "0.1"}}
parameters: {K_kill_max: {low: "0.1", high: "5"}}
"""
DATA = "observable,arm,time,time_unit,value,unit,reading_error,source\n" + "".join(
    f"viability,well,{hour},hour,{50 - hour},percent,0,a test\n" for hour in range(1, 5)
)
RESULT = """{"title": "", "problem": {}, "checksum": "", "seed": 1, "time_unit": "hour", "versions": {},
"synthetic": "", "runs": 1, "failed": 0, "numbers": {},
"tables": {"estimates": {"parameter": ["KC50"], "estimate": [1], "unit": ["dimensionless"]}}}"""
FILES = {
    "design.csv": "dose\n1e8\n",
    "patients.csv": "dose,category,n\n150e6,VGPR,1\n",
    "regimens.yaml": "regimens: {a: {doses: [1e8]}}\n",
    "trial.yaml": (repository() / "examples" / "trial.yaml").read_text(encoding="utf-8"),
    "model.ant": MODEL,
    "model.yaml": "title: m\n",
    "fit.yaml": FIT,
    "estimates.csv": DATA,
    "result.json": RESULT,
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with one file of each kind, and a link to each under the suffix of a result."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in ("regimens.yaml", "trial.yaml", "model.ant", "model.yaml"):
        for suffix in (".csv", ".png"):
            (tmp_path / f"{name}{suffix}").symlink_to(name)
    (tmp_path / "folder").mkdir()
    for name in ("estimates.png", "patients.csv"):
        (tmp_path / "folder" / name).symlink_to(tmp_path / ("fit.yaml" if "png" in name else name))
    os.link("design.csv", "twin.csv")
    return tmp_path


COMMANDS = [
    ("run clinical --design design.csv --out design.csv", "design.csv"),
    ("run clinical --design design.csv --out ./folder/../design.csv", "design.csv"),
    ("run clinical --design design.csv --out twin.csv", "twin.csv"),
    ("run clinical --design twin.csv --regimens regimens.yaml --out regimens.yaml.csv", "regimens.yaml.csv"),
    ("run model.ant --design design.csv --out model.ant.csv", "model.ant.csv"),
    ("scan model.ant --grid k=1,2 --out model.ant.csv", "model.ant.csv"),
    ("scan model.ant --grid k=1,2 --endpoint lowest(S) --plot model.ant.png", "model.ant.png"),
    ("simulate model.ant --out model.ant.csv", "model.ant.csv"),
    ("simulate model.ant --out model.yaml.csv", "model.yaml.csv"),
    ("simulate model.ant --plot model.ant.png", "model.ant.png"),
    ("sensitivity model.ant --parameters k --observable S --at 5 --out model.ant.csv", "model.ant.csv"),
    ("sensitivity model.ant --parameters k --observable S --at 5 --plot model.ant.png", "model.ant.png"),
    ("export model.ant --format antimony --out model.ant", "model.ant"),
    ("agree model.ant --out model.ant.csv", "model.ant.csv"),
    ("trial trial.yaml --out trial.yaml.csv", "trial.yaml.csv"),
    ("trial trial.yaml --plot trial.yaml.png", "trial.yaml.png"),
    ("patients patients.csv --out .", "patients.csv"),
    ("patients patients.csv --out folder", "folder/patients.csv"),
    ("fit fit.yaml --out .", "result.json"),
    ("fit fit.yaml --out folder", "folder/estimates.png"),
    ("validate fig2b --out {validation}/fig2b/observed.csv", "observed.csv"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "told"), COMMANDS)
def test_what_is_read_is_never_written_over(files, capfd, command, told):
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    code = run(command.format(validation=repository() / "validation").split())
    out, err = capfd.readouterr()
    assert (code, out) == (2, "")
    assert f"{told}: is a file that is read; write elsewhere" in err
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before
