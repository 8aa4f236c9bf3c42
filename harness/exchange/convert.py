"""Other forms of the SBML of a use: older levels, and Antimony.

Promise: a conversion that libSBML or Antimony cannot make, or that would lose part of the model, is refused
in one line.
"""

from __future__ import annotations

import antimony
import libsbml

from harness.errors import InputError
from harness.models.compile import converted

__all__ = ["antimony_text", "level_2_text"]


def level_2_text(sbml: str) -> str:
    """SBML Level 2 Version 4, by libSBML's strict conversion.

    Level 2 has no units on the numbers of a formula; they are dropped. Its triggers count as true before the
    start, which is the same here, where no dose that is an event falls on time 0.
    """
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    model.unsetModelHistory()  # Level 2 asks for a given and a family name; the notes tell who encoded it
    elements = [*model.getListOfRules(), *model.getListOfInitialAssignments()]
    elements += [reaction.getKineticLaw() for reaction in model.getListOfReactions()]
    for event in model.getListOfEvents():
        event.getTrigger().setInitialValue(True)
        elements += [event.getTrigger(), *event.getListOfEventAssignments()]
    for element in elements:
        formula = element.getMath().deepCopy()
        waiting = [formula]
        while waiting:
            node = waiting.pop()
            node.unsetUnits()
            waiting += [node.getChild(i) for i in range(node.getNumChildren())]
        element.setMath(formula)
    return converted(document, 2, 4, model.getId())


def antimony_text(sbml: str) -> str:
    """Antimony of an SBML text; comments of the source file are not in it."""
    antimony.clearPreviousLoads()  # otherwise every load is kept in memory
    if antimony.loadSBMLString(sbml) == -1:
        raise InputError(f"Antimony cannot hold it: {' '.join(antimony.getLastError().split())}")
    text = antimony.getAntimonyString(libsbml.readSBMLFromString(sbml).getModel().getId())
    antimony.clearPreviousLoads()
    return "\n".join(line for line in text.splitlines() if not line.startswith("// Created by")) + "\n"
