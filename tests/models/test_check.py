"""Each check finds what it is there to find: a good file is spoiled in one place, and the issue is named."""

import libsbml
import pytest
from pymetadata.ontologies.sbo import SBO

from harness.models.catalog import load_card, model_names
from harness.models.check import (
    Annotations,
    Card,
    Consistency,
    Naming,
    NotEmpty,
    Portability,
    Provenance,
    Subject,
    check_model,
)
from harness.models.provenance import read_terms


@pytest.fixture
def spoiled(tmp_path):
    """A copy of the clinical model, changed by a function of its libSBML model."""

    def make(change):
        card = load_card("clinical")
        document = libsbml.readSBMLFromFile(str(card.sbml_path()))
        change(document.getModel())
        path = tmp_path / "spoiled.xml"
        libsbml.writeSBMLToFile(document, str(path))
        return Subject(card, path, libsbml.readSBMLFromFile(str(path)))

    return make


@pytest.mark.parametrize("name", model_names())
def test_no_check_says_anything_about_the_models(name):
    assert check_model(load_card(name)) == []


def test_an_empty_model_is_found(spoiled):
    def empty(model):
        for listed in (model.getListOfReactions(), model.getListOfSpecies(), model.getListOfParameters()):
            listed.clear()

    assert any("no species" in issue.message for issue in NotEmpty().run(spoiled(empty)))
    assert any("names transgene" in issue.message for issue in Card().run(spoiled(empty)))


@pytest.mark.quick
def test_a_wrong_unit_is_found(spoiled):
    issues = Consistency().run(spoiled(lambda model: model.getParameter("K_12").setUnits("item")))
    assert any("10541" in issue.message for issue in issues)


def test_an_sbo_term_of_the_wrong_branch_is_found(spoiled):
    issues = Consistency().run(spoiled(lambda model: model.getSpecies("Tumor").setSBOTerm("SBO:0000009")))
    assert any("107" in issue.message for issue in issues)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model.getSpecies("Tumor").unsetNotes(), "Tumor has no description"),
        (lambda model: model.getReaction("killing").unsetSBOTerm(), "killing has no SBO term"),
        (
            lambda model: model.getParameter("K_12").setSBOTerm("SBO:0000022"),
            "SBO:0000022 is not in terms.csv",
        ),
        (lambda model: model.getCompartment("V_b").unsetCVTerms(), "V_b has no MIRIAM annotation"),
        (lambda model: model.unsetNotes(), "do not name the article"),
        (lambda model: model.unsetModelHistory(), "no creator"),
    ],
)
def test_a_gap_in_the_annotation_is_found(spoiled, change, said):
    assert any(said in issue.message for issue in Annotations().run(spoiled(change)))


def test_an_id_that_hides_a_method_is_found(spoiled):
    issues = Naming().run(spoiled(lambda model: model.getParameter("uL_per_L").setId("reset")))
    assert any("reset hides" in issue.message for issue in issues)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model.getParameter("K_12").setValue(1.72), "K_12: 1.71"),
        (lambda model: model.getParameter("K_12").setUnits("per_second"), "K_12: 1.71"),
        (lambda model: model.getParameter("K_12").setUnits("item"), "K_12: 1/day in parameters.csv"),
        (lambda model: model.getParameter("K_12").setId("K_13"), "K_13 is not in parameters.csv"),
        (lambda model: model.getParameter("K_12").setId("K_13"), "lists K_12"),
        (lambda model: model.getParameter("s_per_day").setValue(86401), "does not equal 1"),
    ],
)
def test_a_model_that_disagrees_with_parameters_csv_is_found(spoiled, change, said):
    assert any(said in issue.message for issue in Provenance().run(spoiled(change)))


def test_a_concentration_species_is_found(spoiled):
    issues = Portability().run(spoiled(lambda m: m.getSpecies("Tumor").setHasOnlySubstanceUnits(False)))
    assert any("Tumor is a concentration" in issue.message for issue in issues)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.getCompartment("V_b").setConstant(False) or rule(m, "V_b"), "V_b is under a rule"),
        (lambda m: event(m).createDelay().setMath(libsbml.parseL3Formula("1")), "has a delay"),
        (lambda m: event(m).createPriority().setMath(libsbml.parseL3Formula("1")), "has a priority"),
        (lambda m: m.getRuleByVariable("k_exp").setMath(libsbml.parseL3Formula("max(1, 2)")), "uses max"),
        (
            lambda m: m.getRuleByVariable("k_exp").setMath(
                libsbml.parseL3Formula("piecewise(1, Tumor > 2, 3)")
            ),
            "uses piecewise",
        ),
        (lambda m: m.createAlgebraicRule(), "algebraic rule"),
        (lambda m: m.createFunctionDefinition().setId("f"), "function definition"),
    ],
)
def test_a_feature_that_not_every_tool_reads_is_found(spoiled, change, said):
    assert any(said in issue.message for issue in Portability().run(spoiled(change)))


def rule(model, variable):
    made = model.createAssignmentRule()
    made.setVariable(variable)
    made.setMath(libsbml.parseL3Formula("5"))


def event(model):
    made = model.createEvent()
    made.setId("late")
    made.setUseValuesFromTriggerTime(True)
    trigger = made.createTrigger()
    trigger.setInitialValue(False)
    trigger.setPersistent(True)
    trigger.setMath(libsbml.parseL3Formula("time >= 5"))
    return made


def test_sbo_terms_are_those_of_the_ontology_with_their_labels():
    for term, label in read_terms().items():
        if term.startswith("SBO:"):
            assert SBO(term).label == label
