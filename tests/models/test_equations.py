"""Equations read from SBML: what an element must say and does not is told in one line."""

import re

import pytest

from harness.errors import InputError
from harness.models.card import repository
from harness.models.equations import read_equations

SBML = (repository() / "sbml" / "clinical.xml").read_text("utf-8")
NEEDED = [
    ("species", "id"),
    ("species", "compartment"),
    ("parameter", "id"),
    ("compartment", "id"),
    ("initialAssignment", "symbol"),
    ("assignmentRule", "variable"),
    ("speciesReference", "species"),
]


@pytest.mark.parametrize(("element", "attribute"), NEEDED)
def test_an_element_without_what_names_it_is_refused(element, attribute):
    broken, changed = re.subn(rf'(<{element}\b[^>]*?)\b{attribute}="\w+"', r"\1", SBML, count=1)
    assert changed == 1
    with pytest.raises(InputError, match=f"not SBML: <{element}> has no {attribute}"):
        read_equations(broken)


@pytest.mark.parametrize("number", ["", "one", "1 2"])
def test_a_number_that_is_none_is_refused(number):
    broken, changed = re.subn(r"(<cn[^>]*>)[^<]*(</cn>)", rf"\g<1>{number}\2", SBML, count=1)
    assert changed == 1
    with pytest.raises(InputError, match=f"mathematics: '{number}' is no number"):
        read_equations(broken)
