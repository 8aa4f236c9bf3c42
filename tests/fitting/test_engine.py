"""What runs a fit: the kernel gives the rows and derivatives of the reference, or says why it is not used."""

from dataclasses import replace

import numpy as np
import pytest

from harness.fitting import engine as of_engine
from harness.fitting.engine import with_engine
from harness.fitting.objective import Objective
from harness.fitting.prepare import prepare
from harness.fitting.problem import find_problem, read_problem
from harness.fitting.simulations import Simulations


@pytest.fixture(scope="module")
def prepared():
    path = find_problem("fig3/synthetic")
    return prepare(read_problem(path), path.parent)


def test_rows_and_derivatives_are_those_of_the_reference(prepared):
    by_kernel, said = with_engine(prepared, "kernel")
    assert (by_kernel.engine, said) == ("kernel", "runs on the kernel")
    objectives = Objective(prepared), Objective(by_kernel)
    x, free = prepared.start, np.arange(prepared.start.size)
    truth, found = (each.rows(x) for each in objectives)
    assert found == pytest.approx(truth, rel=1e-3, abs=1e-3)
    slopes = [each.jacobian(x, free) for each in objectives]
    size = np.abs(slopes[0]).max(axis=0)
    assert (np.abs(slopes[1] - slopes[0]) / size).max() < 2e-3
    assert objectives[1].failed == 0


def test_a_fit_asks_for_the_reference_unless_it_is_told_otherwise(prepared):
    assert with_engine(prepared, "roadrunner") == (prepared, "")
    assert with_engine(prepared, "auto")[0].engine == "kernel"


def test_a_kernel_that_cannot_be_used_is_one_line(prepared, monkeypatch):
    monkeypatch.setattr(of_engine, "usable", lambda *_: "the kernel needs numba")
    assert with_engine(prepared, "kernel") == (prepared, "runs on RoadRunner: the kernel needs numba")


def test_a_kernel_with_other_numbers_is_not_used(prepared, monkeypatch):
    real = Simulations.trajectory

    def wrong(self, *arguments):
        run = real(self, *arguments)
        return replace(run, values=run.values * 1.01) if self.prepared.engine == "kernel" else run

    monkeypatch.setattr(Simulations, "trajectory", wrong)
    found, said = with_engine(prepared, "kernel")
    assert found.engine == "roadrunner"
    assert said.startswith("runs on RoadRunner: on a sample of starts, ")
