"""Damaged files of every kind that is read, but models: a result, or one line that says what is wrong."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml

from harness.analysis.digitised import read_digitised
from harness.analysis.observations import read_observations
from harness.archives.omex import read_archive
from harness.declarations import read_declaration
from harness.fitting.arms import laid_out
from harness.fitting.long_table import LongTable, read_long_table
from harness.fitting.prepare import prepare
from harness.fitting.problem import FitProblem, read_problem
from harness.fitting.result import read_result
from harness.models.card import ModelCard, repository
from harness.models.catalog import load_card
from harness.models.imported import UserModel
from harness.models.provenance import read_parameters, read_terms
from harness.simulation.declared_regimens import read_regimens
from harness.simulation.design import read_design
from harness.studies.patient_table import read_patients
from harness.studies.published import read_published
from harness.studies.trial import Trial
from harness.validation.ledger import Ledger
from harness.validation.measures.of_tables import read_cases
from harness.validation.spec import PanelSpec
from tests.fuzz import survive

CLINICAL, VITRO = load_card("clinical"), load_card("in_vitro")
ROOT = repository()
FILES = {"models": ROOT / "models_antimony", "panels": ROOT / "validation", "examples": ROOT / "examples"}

DESIGN = b"""dose,K_12 [1/hour],days,regimen,run
1e8,0.07,640,split,a
150000000,7.5e-2,30,1,b # a remark
0,.08,1,split,
"""
OBSERVED = b"""observable,arm,ET_ratio,time,time_unit,value,unit,reading_error,source
viability,Daudi,1,4,hour,80,percent,1,"a test, made up"
viability,Daudi,3,240,min,0.5,dimensionless,1,a test
viability,Daudi,10,4,hour,20,percent,1,a test
"""
LONG = b"""#ID,TIME,DV,AMT,RATE,EVID,DVID,MDV,CENS,LIMIT,ADDL,II,WT
1,0,.,150e6,1e9,1,.,1,.,.,1,2.5,70
1,7,1200,.,.,0,1,0,0,.,.,.,70
1,28,50,.,.,0,1,0,1,10,.,.,70
1,28,-6e1,.,.,0,2,0,-1,.,.,.,70
2,0,.,450e6,.,1,.,1,.,.,.,.,55
2,14,.,.,.,0,1,1,0,.,.,.,55
2,20,4.2e4,.,.,0,1,0,0,.,.,.,55
"""
PATIENTS = b"dose,category,n,source\n150e6,VGPR,2,made up\n50e6,sCR,1,made up\n450e6,PD,12,made up\n"
PROBLEM = b"""title: wells
model: in_vitro
condition: Daudi
observations: data.csv
columns: {ET_ratio: parameter}
arms:
  one: {observed: Daudi, changes: {ET_ratio: 1}}
  three: {observed: Daudi, changes: {ET_ratio: 3}}
  ten: {observed: Daudi, changes: {ET_ratio: 10}}
observables:
  viability: {model: log, relative: {start: 0.05}, lloq: 1 percent}
parameters:
  K_kill_max: {low: 0.02 1/hour, high: 5 1/hour, prior: {mean: 1 1/hour, sd: 1}}
  KC50: {low: 0.1, high: 50}
optimiser: {starts: 2, seed: 3}
ridge: [K_kill_max, KC50]
"""
REGIMENS = b"""regimens:
  split: {doses: [0.3x, 0.7x@3]}
  1: {doses: [1e8@0 for 2 hours, 150e6 cells @ 4 weeks]}
  at_relapse:
    doses: &once [1x]
    redosing: {amount: 1x, observable: M_protein, rise: 25 percent, every: 4 weeks, start: 8 weeks}
  again: {doses: *once}
"""
PANEL = b"""panel: small
place: 1
title: A panel
figure: Figure 1
source: made up
summary: a test
observations: data.csv
columns: {ET_ratio: parameter}
slots: [Daudi]
curves:
  well: {label: a well, model: in_vitro, condition: Daudi, changes: {ET_ratio: 5}, times: "0,4"}
studies:
  ratios: {kind: scan, model: in_vitro, grid: {ET_ratio: "1:10:log:3"}, endpoints: [lowest(viability)]}
axes:
  - {title: t, observable: viability, curves: [well], label: y, scored_against: none, arms: {Daudi: wells}}
targets:
  - id: T1
    claim: V1
    statement: it falls
    evidence: internal
    measure: {kind: endpoint, endpoint: lowest, curve: well, observable: viability}
    unit: percent
    threshold: {at_least: 0, at_most: 1e2, because: a test}
  - {id: T2, claim: V2, statement: s, evidence: text, pending: later, unit: "-"}
"""
CARD = b"""title: mine
until: 50
observables: [S]
plot: [S]
dose: {parameter: init_S, species: S}
endpoints: {low: {function: lowest, observable: S, options: {start: 1.5}}}
endpoint_times: 0:50:1
solver: {logarithms: [S], relative_tolerance: 1e-8, absolute_tolerance: {S: 1e-12}}
readings: {fast: {ledger: D01, statement: s, set: {k: 2 1/day}}}
"""
RESULT = json.dumps(
    {
        "title": "t", "problem": {"title": "t"}, "checksum": "c", "seed": 1, "time_unit": "day",
        "versions": {"numpy": "2"}, "synthetic": "", "runs": 3, "failed": 0,
        "numbers": {"AIC": 1.5, "BIC": None},
        "tables": {"estimates": {"parameter": ["a"], "estimate": [2.5], "unit": ["day"], "at_bound": [True]}},
    }
).encode()  # fmt: skip


def head(path: Path, lines: int) -> bytes:
    return b"".join(path.read_bytes().splitlines(keepends=True)[:lines])


def parquet() -> bytes:
    stream = io.BytesIO()
    pd.read_csv(io.BytesIO(DESIGN), comment="#").to_parquet(stream)
    return stream.getvalue()


def archive() -> bytes:
    stream = io.BytesIO()
    manifest = (
        '<omexManifest xmlns="m"><content location="."/><content location="./sub/a.csv"/></omexManifest>'
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("manifest.xml"), manifest)
        file.writestr(zipfile.ZipInfo("sub/a.csv"), "a,b\n1,2\n" * 20)
    return stream.getvalue()


def design(path):
    read_design(path).checked(CLINICAL.symbols, ("split", "1"))


def problem(path):
    (path.parent / "data.csv").write_bytes(OBSERVED)
    prepare(read_problem(path), path.parent)


def data(path):
    """A table of observations, as a fit reads it."""
    beside = path.parent / "problem.yaml"
    beside.write_bytes(PROBLEM.replace(b"data.csv", path.name.encode()))
    prepare(read_problem(beside), path.parent)


def courses(path):
    """What changes with time, as a fit reads it."""
    (path.parent / "data.csv").write_bytes(OBSERVED)
    laid_out(WELLS.model_copy(update={"courses": path.name}), path.parent, VITRO)


def long_table(path):
    """A long table, as a fit reads it."""
    declared = LongTable(
        file=path.name, columns={"WT": "remark"}, observables={"1": "transgene", "2": "sBCMA"}
    )
    names = ("transgene", "sBCMA")
    read_long_table(declared, path.parent, names, CLINICAL.symbols, CLINICAL.dose)


def workbook():
    stream = io.BytesIO()
    pd.read_csv(io.BytesIO(LONG), dtype=str, keep_default_na=False).to_excel(stream, index=False)
    return stream.getvalue()


def result(path):
    found = read_result(path)
    for name in found.tables:
        found.table(name)


def trial(path):
    read_declaration(path, Trial).size()


def panel(path):
    spec = read_declaration(path, PanelSpec)
    for study in spec.studies.values():
        study.size()


WELLS = FitProblem.model_validate(yaml.safe_load(PROBLEM))
TRIAL = (FILES["examples"] / "trial.yaml").read_bytes()
KINDS = {
    "design.csv": (design, DESIGN),
    "design.parquet": (design, parquet()),
    "observed.csv": (lambda path: read_observations(path, {"ET_ratio": "parameter"}), OBSERVED),
    "fitted.csv": (data, OBSERVED),
    "figure.json": (read_digitised, (FILES["examples"] / "tables" / "figure.json").read_bytes()),
    "figure.csv": (read_digitised, b"a,,b c,\nX,Y,X,Y\n0.5,1e3,1,2\n7,-2,,\n"),
    "courses.csv": (courses, b"arm,parameter,time,value,unit\none,Ag_tumor,0,1e4,\none,Ag_tumor,2,5e3,\n"),
    "long.csv": (long_table, LONG),
    "decimal_commas.csv": (
        long_table,
        LONG.replace(b",", b";").replace(b"2.5", b"2,5").replace(b".2e4", b",2e4"),
    ),
    "long.xlsx": (long_table, workbook()),
    "patients.csv": (read_patients, PATIENTS),
    "outcomes.csv": (read_published, head(FILES["panels"] / "trials" / "trial_outcomes.csv", 6)),
    "cases.csv": (
        lambda path: read_cases(path, "viability_percent", VITRO.symbols),
        head(FILES["panels"] / "fig2a" / "check_viability.csv", 5),
    ),
    "parameters.csv": (read_parameters, head(FILES["models"] / "parameters.csv", 6)),
    "terms.csv": (read_terms, head(FILES["models"] / "terms.csv", 6)),
    "fit.yaml": (problem, PROBLEM),
    "regimens.yaml": (lambda path: read_regimens(path, CLINICAL.symbols), REGIMENS),
    "trial.yaml": (trial, TRIAL),
    "spec.yaml": (panel, PANEL),
    "ledger.yaml": (lambda path: read_declaration(path, Ledger), head(FILES["panels"] / "ledger.yaml", 14)),
    "model.yaml": (
        lambda path: read_declaration(path, ModelCard),
        (FILES["models"] / "xenograft.yaml").read_bytes(),
    ),
    "own.yaml": (lambda path: read_declaration(path, UserModel), CARD),
    "result.json": (result, RESULT),
    "small.omex": (lambda path: read_archive(path, path.parent / "unpacked"), archive()),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path, name):
    read, seed = KINDS[name]
    read_whole(read, tmp_path / name, seed)
    found = survive(read, tmp_path / name, [seed], 200)
    assert found["refused"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_file_damaged_in_many_more_ways_is_read_or_refused_in_one_line(tmp_path, name):
    read, seed = KINDS[name]
    survive(read, tmp_path / name, [seed], 2000, seed=2)


def read_whole(read, path, seed):
    """What is damaged is right before."""
    path.write_bytes(seed)
    read(path)
