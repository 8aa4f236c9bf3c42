"""Damaged files of models: one line that says what is wrong, or a run with its status."""

import antimony
import numpy as np
import pytest

from harness.models.card import repository
from harness.simulation.simulate import simulate
from tests.fuzz import survive

SMALL = """function f(a, b)
  a^b + 1
end
model part()
  species S; S = 5; q = 1; S -> ; q*S
end
model *m()
  compartment C = 2
  species A in C, D in C, $B in C
  A = 3; B = 1; D = 0
  k = 0.4; K = 1e-3; on = 0; x = -1; total := A + D*f(k, 2)
  J1: A -> 2 D; C*k*A/(K + A)
  J2: D -> ; C*k*D*piecewise(1, time < 2, 0.1)
  x' = k*(1 - x)
  E: at 1 after (time > 3), priority=2: on = 1, A = A + on
  Sub: part(); Sub.q is k
end
"""


def sources():
    """A file name and its content, of each kind that is read."""
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(SMALL) != -1, antimony.getLastError()
    small = antimony.getSBMLString("m").encode()
    antimony.clearPreviousLoads()
    models = repository() / "models_antimony"
    yield "small.ant", SMALL.encode()
    yield "small.xml", small
    yield "in_vitro.ant", (models / "in_vitro.ant").read_bytes()
    yield "in_vitro.xml", (repository() / "sbml" / "in_vitro_l3v1.xml").read_bytes()


SOURCES = dict(sources())


def run(path):
    """A run of a model has a status, and numbers where that is ok."""
    found = simulate(str(path), times=[0, 1, 4])
    assert found.attrs["status"] != "ok" or all(np.isfinite(values).all() for values in found.values())


@pytest.mark.parametrize("name", SOURCES)
def test_a_damaged_model_is_refused_in_one_line_or_runs(tmp_path, name):
    found = survive(run, tmp_path / name, [SOURCES[name]], 50)
    assert min(found["read"], found["refused"]) > 4


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_many_damaged_models_are_refused_in_one_line_or_run(tmp_path, name):
    found = survive(run, tmp_path / name, [SOURCES[name]], 500, seed=2)
    assert min(found["read"], found["refused"]) > 40
