from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.fitting.fit import fit
from harness.fitting.objective import Objective
from harness.fitting.petab import prepare_petab
from tests.fuzz import survive

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


STARTED = (
    '<listOfInitialAssignments><initialAssignment symbol="A"><math xmlns="http://www.w3.org/1998/Math/MathML">'
    "<cn>7</cn></math></initialAssignment></listOfInitialAssignments>"
)


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


@pytest.mark.parametrize("encoding", [' encoding="UTF-8"', ""], ids=["encoding", "none"])
def test_a_petab_problem_is_fitted_by_the_same_code(problem, encoding):
    pytest.importorskip("petab")
    (problem.parent / "model.xml").write_text(MODEL.replace(' encoding="UTF-8"', encoding), encoding="utf-8")
    result = fit(prepare_petab(problem, starts=2), profile=False)
    assert result.number("estimate_k") == pytest.approx(0.3, rel=1e-5)
    assert result.number("objective") == pytest.approx(7 * np.log(2 * np.pi * 0.25), abs=1e-4)


def rewrite(problem, file, old, new):
    path = problem.parent / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


STARTS = [
    ("an amount", []),
    ("a concentration", [("model.xml", 'hasOnlySubstanceUnits="true"', 'hasOnlySubstanceUnits="false"')]),
    ("none of its own", [("model.xml", 'initialAmount="10" ', "")]),
    ("one that the model assigns", [("model.xml", "</listOfParameters>", "</listOfParameters>" + STARTED)]),
]


@pytest.mark.parametrize("changes", [changes for _, changes in STARTS], ids=[name for name, _ in STARTS])
def test_a_condition_sets_the_start_of_a_species_whatever_that_was(problem, changes):
    """Each condition its own: 10 and 40 in place of what the file has; the data are those of both."""
    pytest.importorskip("petab")
    for change in changes:
        rewrite(problem, *change)
    times = np.arange(1, 8)
    rows = "".join(
        f"twice\tc{i}\t{2 * start * np.exp(-0.3 * t):.12f}\t{t}\n"
        for i, start in enumerate((10, 40))
        for t in times
    )
    rewrite(problem, "conditions.tsv", "conditionId\nc0\n", "conditionId\tA\nc0\t10\nc1\t40\n")
    head = "observableId\tsimulationConditionId\tmeasurement\ttime\n"
    (problem.parent / "measurements.tsv").write_text(head + rows, encoding="utf-8")
    result = fit(prepare_petab(problem, starts=2), profile=False)
    assert result.number("estimate_k") == pytest.approx(0.3, rel=1e-5)


def test_amounts_in_mol_are_fitted_as_right_as_any(problem):
    """Michaelis-Menten from 1e-15 mol; the shares at two times are those of Lambert's W at k = 1."""
    pytest.importorskip("petab")
    rewrite(problem, "model.xml", 'initialAmount="10"', 'initialAmount="1e-15"')
    saturated = "<apply><divide/><apply><times/><cn>4e-16</cn><ci>A</ci></apply><apply><plus/><cn>2e-16</cn>"
    rewrite(problem, "model.xml", "<ci>A</ci>", f"{saturated}<ci>A</ci></apply></apply>")
    rewrite(problem, "observables.tsv", "2*A\t0.5", "A/1e-15\t0.01")
    head = "observableId\tsimulationConditionId\tmeasurement\ttime\n"
    rows = "twice\tc0\t0.388891\t2\ntwice\tc0\t0.040633\t4\n"
    (problem.parent / "measurements.tsv").write_text(head + rows, encoding="utf-8")
    result = fit(prepare_petab(problem, starts=2), profile=False)
    assert result.number("estimate_k") == pytest.approx(1, rel=1e-5)


def test_a_size_of_noise_that_is_fixed_is_none_of_the_model_s_parameters(problem):
    pytest.importorskip("petab")
    rewrite(problem, "observables.tsv", "\t0.5", "\tsd")
    rewrite(problem, "parameters.tsv", "0.3\t1\n", "0.3\t1\nsd\tlin\t0.1\t1\t0.5\t0\n")
    result = fit(prepare_petab(problem, starts=2), profile=False)
    assert result.number("estimate_k") == pytest.approx(0.3, rel=1e-5)


def test_what_is_not_supported_is_refused_in_one_line(problem):
    pytest.importorskip("petab")
    observables = problem.parent / "observables.tsv"
    observables.write_text(observables.read_text(encoding="utf-8").replace("0.5", "exp(A)"), encoding="utf-8")
    with pytest.raises(InputError, match=r"twice: noise 'exp[(]A[)]' is not supported; a, b y"):
        prepare_petab(problem)


AT_K = '<parameter id="q" value="1" constant="true"/>'
RULE_OF_K = (
    '<listOfRules><assignmentRule variable="k"><math xmlns="http://www.w3.org/1998/Math/MathML"><ci>q</ci>'
    "</math></assignmentRule></listOfRules>"
)

OF_FILES = [
    ("measurements.tsv", "measurement\t", "measured\t", "requires the columns"),
    ("measurements.tsv", "\tc0\t", "\tc1\t", "no condition in .* 'c1'; nearest: c0"),
    ("measurements.tsv", "\t1\n", "\tinf\n", "a time is not a finite number"),
    ("measurements.tsv", "\t1\n", "\t-1\n", "a time is negative"),
    ("measurements.tsv", "twice\tc0", "thrice\tc0", "thrice"),
    ("observables.tsv", "\tnoiseFormula", "\tnoise", "requires the columns"),
    ("observables.tsv", "2*A", "2*B", "observable twice: the model has no B"),
    ("observables.tsv", "twice\t", "A\t", "is no PEtab problem"),
    ("parameters.tsv", "lowerBound", "lowestBound", "requires the columns"),
    ("parameters.tsv", "\nk\t", "\nq\t", "has no q, which the problem sets"),
    ("parameters.tsv", "0.01\t10", "10\t0.01", "greater than"),
    ("parameters.tsv", "0.3\t1", "0.3\t0", "no parameter is estimated"),
    ("parameters.tsv", "0.01", "low", "is no PEtab problem|is not a finite number"),
    ("conditions.tsv", "conditionId\nc0", "conditionId\tq\nc0\t1", "has no q, which the problem sets"),
    ("conditions.tsv", "conditionId\nc0", "conditionId\tA\nc0\tmany", "A: 'many' is neither a finite num"),
    ("problem.yaml", "[model.xml]", "[../model.xml]", "names '../model.xml', which is no place"),
    ("problem.yaml", "[model.xml]", "[/dev/zero]", "names '/dev/zero', which is no place"),
    ("problem.yaml", "[model.xml]", "[]", "sbml_files"),
    ("problem.yaml", "[model.xml]", "[none.xml]", "none.xml: no such file"),
    ("problem.yaml", "[conditions.tsv]", "[http://a.b/c.tsv]", "which is no place in its own folder"),
    ("problem.yaml", "parameter_file", "parameters", "parameter_file: is missing"),
    ("model.xml", "<model", "<modl", "not SBML that can be read"),
    ("model.xml", "</listOfParameters>", f"{AT_K.replace('q', 'k')}</listOfParameters>", "conflicts with"),
    ("model.xml", 'compartment="c"', 'compartment="d"', "the compartment 'd' which is not defined"),
    ("model.xml", "<ci>A</ci>", "<ci>B</ci>", "uses 'B' that is not the id"),
    ("model.xml", "<times/>", "<ci>f</ci>", "uses 'f' which is not a function"),
    ("model.xml", "<ci>A</ci>", "<apply><minus/>" * 5000 + "<ci>A</ci>" + "</apply>" * 5000, "too deeply"),
    ("model.xml", "</listOfParameters>", f"{AT_K}</listOfParameters>{RULE_OF_K}", "k follows from a rule"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), OF_FILES)
def test_a_broken_petab_problem_is_refused_in_one_line(problem, file, old, new, said):
    pytest.importorskip("petab")
    path = problem.parent / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=said) as refused:
        prepare_petab(problem)
    assert str(refused.value).isprintable()


FILES = (
    "conditions.tsv", "measurements.tsv", "observables.tsv", "parameters.tsv", "problem.yaml", "model.xml",
)  # fmt: skip


def damage(problem, count, seed):
    for file in FILES:
        whole = (problem.parent / file).read_bytes()
        survive(lambda _: prepare_petab(problem), problem.parent / file, [whole], count, seed)
        (problem.parent / file).write_bytes(whole)


def test_a_damaged_petab_problem_is_read_or_refused_in_one_line(problem):
    pytest.importorskip("petab")
    damage(problem, 40, seed=1)


@pytest.mark.slow
def test_a_petab_problem_damaged_in_many_more_ways_is_read_or_refused_in_one_line(problem):
    pytest.importorskip("petab")
    damage(problem, 400, seed=2)


def test_a_benchmark_from_elsewhere_is_fitted_to_its_published_optimum():
    """Boehm et al. 2014, J. Proteome Res. 13:5685: negative log-likelihood 138.222 at the published point."""
    path = Path(find_spec("petab_gui").origin).parent / "example" / "Boehm" / "problem.yaml"
    prepared = prepare_petab(path, starts=2)
    published = np.array([c.scaled(c.declared) for c in prepared.coordinates])
    assert Objective(prepared).value(published) / 2 == pytest.approx(138.221997, abs=1e-4)
    assert fit(prepared, profile=False).number("objective") / 2 == pytest.approx(138.222, abs=1e-3)
