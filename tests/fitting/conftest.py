"""Small fits that several tests share: a written problem, and one fitted in vitro."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.fitting.prepare import prepare
from harness.fitting.problem import read_problem

VITRO = {
    "title": "one line in a well",
    "model": "in_vitro",
    "condition": "Daudi",
    "synthetic": {"times": "1,2,4", "seed": 3, "reason": "a test."},
    "arms": {f"ratio_{i}": {"changes": {"ET_ratio": str(i)}} for i in (1, 3, 10)},
    "observables": {"viability": {"model": "log", "relative": {"start": "0.05"}}},
    "parameters": {
        "K_kill_max": {"low": "0.02 1/hour", "high": "5 1/hour", "start": "0.8 1/hour"},
        "KC50": {"low": "0.1", "high": "50", "start": "1"},
    },
    "optimiser": {"starts": 2},
}


@pytest.fixture
def written(tmp_path):
    """Write a problem that differs from VITRO by some fields, and return its path."""

    def write(name: str = "problem.yaml", **changes: object) -> Path:
        content = {key: value for key, value in {**VITRO, **changes}.items() if value is not None}
        path = tmp_path / name
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def prepared(written):
    """Write, read and prepare a problem."""

    def make(**changes: object):
        path = written(**changes)
        return prepare(read_problem(path), path.parent)

    return make
