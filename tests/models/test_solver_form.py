import subprocess
import sys

import libsbml
import numpy as np
import pytest
import roadrunner

from harness.models.catalog import load_card, model_names
from harness.models.solver_form import to_solver_file, to_solver_form


@pytest.fixture
def clinical():
    return load_card("clinical").sbml_path().read_text(encoding="utf-8")


def rules(sbml):
    model = libsbml.readSBMLFromString(sbml).getModel()
    return {rule.getVariable(): libsbml.formulaToL3String(rule.getMath()) for rule in model.getListOfRules()}


def test_the_logarithms_follow_the_reactions_with_the_species_cancelled(clinical):
    found = rules(to_solver_form(clinical, ["CARTe_b", "CARTe_t"]))
    assert found["CARTe_b"] == "exp(ln_CARTe_b)"
    assert found["ln_CARTe_b"] == "-1 * K_12 + 1 * K_21 * exp(ln_CARTe_t - ln_CARTe_b) + -1 * K_el_e"
    assert found["ln_CARTe_t"] == "1 * K_12 * exp(ln_CARTe_b - ln_CARTe_t) + -1 * K_21 + 1 * k_exp + -1 * R_m"


def test_a_sum_is_multiplied_out_and_pools_that_vanish_together_are_paired(clinical):
    found = rules(to_solver_form(clinical, ["CARTe_t", "Cplx", "Tumor"]))["ln_Cplx"]
    assert found == (
        "1 * (k_bind * Ag_CAR * Ag_tumor * exp(ln_Tumor + ln_CARTe_t - ln_Cplx)"
        " + k_bind * Ag_CAR * Ag_tumor * CARTm_t * exp(ln_Tumor - ln_Cplx)"
        " - k_bind * (CARTe_t + CARTm_t) * Ag_CAR - k_bind * (Tumor * Ag_tumor - Cplx)) + -1 * k_unbind"
    )


@pytest.mark.parametrize("model", model_names())
def test_each_equation_is_that_of_the_amount_over_the_amount(model):
    card = load_card(model)
    sbml, pools = card.sbml_path().read_text(encoding="utf-8"), card.solver.logarithms
    plain, solved = roadrunner.RoadRunner(sbml), roadrunner.RoadRunner(to_solver_form(sbml, pools))
    for seed in range(5):
        amounts = dict(zip(pools, 10 ** np.random.default_rng(seed).uniform(-30, 9, len(pools)), strict=True))
        for name, amount in amounts.items():
            plain[name], solved[f"ln_{name}"] = amount, np.log(amount)
        for name, amount in amounts.items():
            assert solved[f"ln_{name}'"] * amount == pytest.approx(plain[f"{name}'"], rel=1e-9)


def test_a_pool_named_twice_is_taken_once(clinical):
    once, twice = (to_solver_form(clinical, ["Tumor"] * n) for n in (1, 2))
    assert once == twice


def test_a_pool_that_underflows_and_into_which_nothing_flows_has_a_rate(clinical):
    engine = roadrunner.RoadRunner(to_solver_form(clinical, ["CARTe_b"]))
    engine["ln_CARTe_b"] = -1e5
    assert engine["ln_CARTe_b'"] == pytest.approx(-1.71 - 113)


def test_everything_else_stays_as_it_is(clinical):
    before, after = rules(clinical), rules(to_solver_form(clinical, ["CARTe_b", "CARTe_t"]))
    assert {name: after[name] for name in before} == before


def test_without_species_the_model_is_unchanged(clinical):
    assert rules(to_solver_form(clinical, [])) == rules(clinical)


@pytest.mark.parametrize(("species", "said"), [("Absent", "no species Absent"), ("M_protein", "no species")])
def test_a_species_that_reactions_do_not_decide_is_refused(clinical, species, said):
    with pytest.raises(ValueError, match=said):
        to_solver_form(clinical, [species])


def test_a_species_under_a_rule_is_refused(clinical):
    once = to_solver_form(clinical, ["CARTe_b"])
    with pytest.raises(ValueError, match="not changed by reactions alone"):
        to_solver_form(once, ["CARTe_b"])


def test_the_form_is_the_same_after_tellurium_was_imported(clinical):
    """libsedml, which tellurium imports, spoils some of libSBML's functions in the same process."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); import libsbml, tellurium;"
        "from harness.models.solver_form import to_solver_form;"
        "sys.stdout.write(to_solver_form(sys.stdin.read(), ['CARTe_b', 'CARTe_t']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=clinical,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == to_solver_form(clinical, ["CARTe_b", "CARTe_t"])


def test_the_file_of_the_solver_form_starts_as_the_model_does(clinical):
    """Run by itself, at once after the start: the dose in blood, a seed in the marrow, all else unchanged."""
    engine = roadrunner.RoadRunner(to_solver_file(clinical, ["CARTe_b", "CARTe_t"]))
    assert engine["CARTe_b"] == pytest.approx(150e6, rel=1e-14)
    assert engine["CARTe_t"] == pytest.approx(1.71 * 150e6 * 1e-12, rel=1e-12)
    assert engine["transgene"] == pytest.approx(60000, rel=1e-14)
    engine["dose"] = 300e6
    engine.reset()
    assert engine["CARTe_b"] == pytest.approx(300e6, rel=1e-14)


def test_the_file_without_logarithms_is_the_model(clinical):
    assert rules(to_solver_file(clinical, [])) == rules(clinical)


def test_a_species_that_an_event_changes_is_refused(clinical):
    document = libsbml.readSBMLFromString(clinical)
    event = document.getModel().createEvent()
    event.setId("give")
    event.createEventAssignment().setVariable("CARTe_b")
    with pytest.raises(ValueError, match="changed by event give"):
        to_solver_form(libsbml.writeSBMLToString(document), ["CARTe_b"])
