from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.fitting.fit import fit
from harness.fitting.objective import Objective
from harness.fitting.petab import prepare_petab

MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="decay">
<listOfCompartments><compartment id="c" size="1" spatialDimensions="3" constant="true"/></listOfCompartments>
<listOfSpecies><species id="A" compartment="c" initialAmount="10" hasOnlySubstanceUnits="true"
 boundaryCondition="false" constant="false"/></listOfSpecies>
<listOfParameters><parameter id="k" value="1" constant="true"/></listOfParameters>
<listOfReactions><reaction id="r" reversible="false" fast="false"><listOfReactants>
<speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw><math
 xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>k</ci><ci>A</ci></apply></math></kineticLaw>
</reaction></listOfReactions></model></sbml>
"""


@pytest.fixture
def problem(tmp_path):
    """Decay of A at a rate of 0.3, observed twofold, without noise; the optimum is known."""
    times = np.arange(1, 8)
    rows = "".join(f"twice\tc0\t{20 * np.exp(-0.3 * t):.12f}\t{t}\n" for t in times)
    files = {
        "model.xml": MODEL,
        "conditions.tsv": "conditionId\nc0\n",
        "measurements.tsv": "observableId\tsimulationConditionId\tmeasurement\ttime\n" + rows,
        "observables.tsv": "observableId\tobservableFormula\tnoiseFormula\ntwice\t2*A\t0.5\n",
        "parameters.tsv": "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
        "k\tlog10\t0.01\t10\t0.3\t1\n",
        "problem.yaml": "format_version: 1\nparameter_file: parameters.tsv\nproblems:\n"
        "- {condition_files: [conditions.tsv], measurement_files: [measurements.tsv],"
        " observable_files: [observables.tsv], sbml_files: [model.xml]}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / "problem.yaml"


def test_a_petab_problem_is_fitted_by_the_same_code(problem):
    pytest.importorskip("petab")
    result = fit(prepare_petab(problem, starts=2), profile=False)
    assert result.number("estimate_k") == pytest.approx(0.3, rel=1e-5)
    assert result.number("objective") == pytest.approx(7 * np.log(2 * np.pi * 0.25), abs=1e-4)


def test_what_is_not_supported_is_refused_in_one_line(problem):
    pytest.importorskip("petab")
    observables = problem.parent / "observables.tsv"
    observables.write_text(observables.read_text(encoding="utf-8").replace("0.5", "0.1*A"), encoding="utf-8")
    with pytest.raises(InputError, match=r"twice: noise '0.1[*]A' is neither a number nor a parameter"):
        prepare_petab(problem)


def test_a_benchmark_from_elsewhere_is_fitted_to_its_published_optimum():
    """Boehm et al. 2014, J. Proteome Res. 13:5685: negative log-likelihood 138.222 at the published point."""
    path = Path(find_spec("petab_gui").origin).parent / "example" / "Boehm" / "problem.yaml"
    prepared = prepare_petab(path, starts=2)
    published = np.array([c.scaled(c.declared) for c in prepared.coordinates])
    assert Objective(prepared).value(published) / 2 == pytest.approx(138.221997, abs=1e-4)
    assert fit(prepared, profile=False).number("objective") / 2 == pytest.approx(138.222, abs=1e-3)
