"""Which number stands in which printed column: each cell of a made outcome has a number of its own."""

import re

import numpy as np
import pandas as pd
import pytest

from harness.cli.main import run
from harness.exchange.agreement import Agreement
from harness.studies.map import Map
from harness.studies.outcome import Outcome
from harness.studies.patients import Patients
from harness.studies.population import Population
from harness.studies.sensitivity import Sensitivity
from harness.studies.trial import Trial


@pytest.fixture
def printed(monkeypatch, capsys):
    """Exit code of a command whose study has a given outcome, and what it prints."""

    def call(study, outcome, *arguments):
        monkeypatch.setattr(study, "run", lambda *_: outcome)
        code = run([*map(str, arguments), "--workers", "1"])
        return code, capsys.readouterr().out

    return call


def tables(text):
    """Rows of the tables in a text, each by its heads; a line of one cell is between them."""
    found, heads = [], None
    for line in text.splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) < 2:
            heads = None
        elif heads is None:
            heads = cells
        else:
            found.append(dict(zip(heads, cells, strict=True)))
    return found


def test_a_population(printed):
    bins = {"PD": 11.1, "SD": 22.2, "PR": 33.3, "CR": 44.4}
    fractions = [
        {"dose": 150e6, "month": month, "bin": name, "percent": percent + month}
        for month in (6.0, 21.0)
        for name, percent in bins.items()
    ]
    interval = {"dose": 150e6, "low": 1.0, "high": 2.0}
    outcome = Outcome(
        numbers={},
        tables={
            "responses": pd.DataFrame(
                [
                    {**interval, "outcome": "orr", "percent": 71.0, "low": 61.0, "high": 81.0},
                    {**interval, "outcome": "cr", "percent": 31.0, "low": 21.0, "high": 41.0},
                ]
            ),
            "fractions": pd.DataFrame(fractions),
            "medians": pd.DataFrame(
                [
                    {
                        **interval,
                        "outcome": "pfs",
                        "rule": "nadir_25",
                        "median": 9.0,
                        "low": 8.0,
                        "high": 12.0,
                    },
                    {**interval, "outcome": "pfs", "rule": "baseline_25", "median": 7.0},
                    {**interval, "outcome": "dor", "rule": "nadir_25", "median": 5.0},
                ]
            ),
        },
    )
    code, text = printed(Population, outcome, "population", "--dose", "150e6", "--rule", "nadir_25")
    assert code == 0
    assert tables(text) == [
        {
            "dose (10⁶ cells)": "150", "ORR (%)": "71.0 (61.0-81.0)", "CR (%)": "31.0 (21.0-41.0)",
            "PD at 6 months (%)": "17.1", "CR at 6 months (%)": "50.4", "PD at 21 months (%)": "32.1",
            "CR at 21 months (%)": "65.4", "median PFS by nadir_25 (months)": "9.0 (8.0-12.0)",
        }
    ]  # fmt: skip


def test_a_trial(printed, tmp_path):
    file = tmp_path / "trial.yaml"
    file.write_text("arms:\n  high: {patients: 2, doses: [1e8]}\nvisits: 28:84:28\n", encoding="utf-8")
    shares = [("CR", 5.0), ("PR", 25.0), ("SD", 65.0)]
    rows = [
        {"arm": "high", "category": name, "percent": p, "low": p - 1, "high": p + 2} for name, p in shares
    ]
    ends = {"orr_high": 51.0, "orr_low_high": 41.0, "orr_high_high": 61.0}
    numbers = {
        **ends,
        **{f"median_pfs{end}_high": value for end, value in (("", 9.5), ("_low", 8.5), ("_high", 12.5))},
        "power": 37.0,
        "power_low": 28.0,
        "power_high": 47.0,
        "p_value": 0.0213,
    }
    outcome = Outcome(numbers, {"responses": pd.DataFrame(rows)})
    code, text = printed(Trial, outcome, "trial", file)
    assert code == 0
    assert tables(text)[0] == {
        "arm": "high", "CR (%)": "5.0 (4.0-7.0)", "PR (%)": "25.0 (24.0-27.0)", "SD (%)": "65.0 (64.0-67.0)",
        "ORR (%)": "51.0 (41.0-61.0)", "median PFS (months)": "9.5 (8.5-12.5)",
    }  # fmt: skip
    assert "log-rank between the arms: median p = 0.0213\n" in text
    assert "a trial tells the arms apart by PFS with a probability of 37 % (28-47)" in text


def patients_outcome():
    shared = {"dose": 150e6, "rule": "nadir_25"}
    fits = [
        {
            **shared, "category": "CR", "change": -98.76, "in_category": True, "K_12_sd": 0.51,
            "gamma_m_sd": -1.52, "largest_sd": 1.52, "distance_sd": 2.53, "pfs_nadir_25": 10.44,
            "pfs_baseline_25": 20.44,
        },
        {
            **shared, "category": "PD", "change": 12.34, "in_category": False, "K_12_sd": -3.54,
            "gamma_m_sd": 4.55, "largest_sd": 4.55, "distance_sd": 5.56, "pfs_nadir_25": np.inf,
            "pfs_baseline_25": 20.44,
        },
    ]  # fmt: skip
    medians = {
        "rule": "nadir_25", "patients": 30, "events": 7, "median": 10.2, "lower": 8.3, "upper": 12.4,
        "predicted": 9.5, "predicted_lower": 6.6, "predicted_upper": 13.7, "published": 11.8,
    }  # fmt: skip
    arms = [medians | {"arm": "low", "patients": 3, "median": 2.1}, medians | {"arm": "high"}]
    none = medians | {"arm": "none", "median": np.nan}
    tables = {
        "patients": pd.DataFrame([fits[0], fits[0], fits[1]]),
        "medians": pd.DataFrame([*arms, none]),
    }
    return Outcome({}, tables)


def test_patients(printed):
    code, text = printed(Patients, patients_outcome(), "patients")
    assert code == 0
    rows = tables(text)
    heads = (
        "category",
        "dose (CAR+ T cells)",
        "patients",
        "best change (%)",
        "K_12",
        "gamma_m",
        "distance",
        "PFS (months)",
    )
    assert rows[:2] == [
        dict(zip(heads, ("CR", "1.5e+08", "2", "-98.8", "+0.51", "-1.52", "2.53", "10.4"), strict=True)),
        dict(
            zip(heads, ("PD", "1.5e+08", "1", "12.3 (outside)", "-3.54", "+4.55", "5.56", "inf"), strict=True)
        ),
    ]
    ends = {
        "95 %": "8.3 to 12.4", "draws": "9.5", "95 % of the draws": "6.6 to 13.7", "published": "11.8",
        "rule": "nadir_25",
    }  # fmt: skip
    assert rows[2:] == [
        {"arm": "low", "patients": "3", "median": "2.1"} | ends,
        {"arm": "high", "patients": "30", "median": "10.2"} | ends,
    ]


@pytest.mark.parametrize(("largest", "code"), [(0.42, 0), (1.0, 0), (1.01, 1), (np.inf, 1), (np.nan, 1)])
def test_an_agreement_and_its_exit_code(printed, largest, code):
    row = {
        "tool": "copasi", "model": "clinical", "file": "l3v2", "ratio": largest, "reading": "literal",
        "regimen": "twice", "observable": "transgene", "reason": "", "time": 28.5,
    }  # fmt: skip
    outcome = Outcome(
        {"cases": 3, "failed": 2, "largest_over_tolerance": largest}, {"largest": pd.DataFrame([row])}
    )
    found, text = printed(Agreement, outcome, "agree", "clinical", "--tool", "copasi")
    assert found == code
    assert f"3 cases, 2 failed; largest {largest:.3g} of the tolerance" in text
    assert tables(text) == [
        {
            "tool": "copasi", "model": "clinical", "file": "l3v2", "over tolerance": f"{largest:.3g}",
            "reading": "literal", "regimen": "twice", "observable": "transgene", "time": "28.5",
        }
    ]  # fmt: skip


def test_indices_of_sensitivity(printed):
    base = {"observable": "transgene", "time": 10.0, "first_low": 0.0, "total_low": 0.0}
    table = pd.DataFrame(
        [
            base
            | {
                "parameter": "K_12",
                "rank": 2,
                "total": 0.25,
                "total_high": 0.31,
                "first": 0.14,
                "prcc": -0.63,
            },
            base
            | {
                "parameter": "K_21",
                "rank": 1,
                "total": 0.75,
                "total_high": 0.83,
                "first": 0.52,
                "prcc": 0.48,
            },
        ]
    )
    arguments = ("sensitivity", "clinical", "--parameters", "K_12", "--observable", "transgene", "--at", "10")
    _, text = printed(Sensitivity, Outcome({}, {"indices": table}, extra={"time_unit": "day"}), *arguments)
    heads = ("observable", "parameter", "time (days)", "rank", "total", "first", "prcc")
    assert tables(text) == [
        dict(zip(heads, ("transgene", "K_21", "10", "1", "0.750 ± 0.080", "0.520", "+0.480"), strict=True)),
        dict(zip(heads, ("transgene", "K_12", "10", "2", "0.250 ± 0.060", "0.140", "-0.630"), strict=True)),
    ]


def test_numbers_of_a_map(printed):
    table = pd.DataFrame({"half_life": [3.5, 1.25]})
    outcome = Outcome({"Cmax_share": 0.1234567}, {"map": table}, extra={"more": ["half_life"]})
    assert printed(Map, outcome, "map", "--points", 2) == (
        0,
        "Cmax_share: 0.123457\nhalf_life: 1.25 to 3.5\n",
    )
