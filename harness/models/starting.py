"""SBML that libRoadRunner can start anew with any values of its parameters.

Promise: :func:`startable` changes no number of a model that starts with the values of its file. A reset of
libRoadRunner works out the starts of floating species and of what has a rate rule, and nothing else: a
parameter, a compartment or a boundary species with an initial assignment keeps what the values of the file
gave it. An event that is triggered at time 0 happens as soon as a model is loaded, by the values of the file,
and what it has changed, or waits to change, stays. So

- each such initial assignment becomes an assignment rule of a parameter beside it, which whoever starts a run
  reads, and sets the symbol to;
- an event that may be triggered at time 0 waits until the parameter `gate` is 1.

:func:`underway` is for a form that another one hands its state over to: those events have happened there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import libsbml

from harness.models.ruled import unused_id
from harness.models.solver_form import waits_at_start

__all__ = ["Startable", "startable", "underway"]

AT_START = re.compile(r'<trigger\b[^>]*\binitialValue="false"')


@dataclass(frozen=True)
class Startable:
    """SBML to load, and what its starts need.

    Attributes
    ----------
    starts
        By what is to be set at a start, the parameter that holds its value then: an id, or ``init([S])`` for
        the concentration of a boundary species, which a reset would put back.
    gate
        The parameter that is 1 when events may happen; empty for a model without events at time 0.
    delayed
        Whether events wait, so that what waits at the end of a run is to be forgotten.
    waits
        Id of one that may wait from time 0 on. Its time begins anew whenever an integration does.
    """

    sbml: str
    starts: Mapping[str, str] = field(default_factory=dict)
    gate: str = ""
    delayed: bool = False
    waits: str = ""


def startable(sbml: str) -> Startable:
    """Rewrite the initial assignments and the triggers of a model."""
    delayed, at_start = "<delay" in sbml, AT_START.search(sbml) is not None
    if not at_start and "<initialAssignment" not in sbml:
        return Startable(sbml, delayed=delayed)
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    _say_concentrations(model)
    starts = {}
    for assignment in list(model.getListOfInitialAssignments()):
        symbol = _restarted(model, assignment)
        if symbol:
            starts[symbol] = _beside(model, assignment)
    gate = _gated(model) if at_start else ""
    return Startable(libsbml.writeSBMLToString(document), starts, gate, delayed, waits_at_start(model))


def underway(sbml: str) -> str:
    """The same model, whose events have been looked at before: one that is triggered now does not happen."""
    return AT_START.sub(lambda found: found[0].replace('"false"', '"true"'), sbml)


def _say_concentrations(model: libsbml.Model) -> None:
    """Assign the concentrations that are declared in a compartment with an initial assignment.

    As amounts they would be those in the size which stands in the file.
    """
    for species in model.getListOfSpecies():
        name, place = species.getId(), species.getCompartment()
        if (
            species.isSetInitialConcentration()
            and model.getInitialAssignmentBySymbol(place) is not None
            and model.getInitialAssignmentBySymbol(name) is None
            and model.getRuleByVariable(name) is None
        ):
            by = f"*{place}" if species.getHasOnlySubstanceUnits() else ""
            assignment = model.createInitialAssignment()
            assignment.setSymbol(name)
            assignment.setMath(libsbml.parseL3Formula(f"{species.getInitialConcentration()!r}{by}"))


def _restarted(model: libsbml.Model, assignment: libsbml.InitialAssignment) -> str:
    """How to set a symbol that libRoadRunner does not start anew by itself; empty for one that it does."""
    name = assignment.getSymbol()
    element = model.getElementBySId(name)
    if not assignment.isSetMath() or model.getRuleByVariable(name) is not None:
        return ""
    if isinstance(element, libsbml.Species):
        fixed = element.getBoundaryCondition() or element.getConstant()
        return f"init([{name}])" if fixed else ""
    return name


def _beside(model: libsbml.Model, assignment: libsbml.InitialAssignment) -> str:
    """Let a parameter hold what an initial assignment says; returns its id."""
    element = model.getElementBySId(assignment.getSymbol())
    held = model.createParameter()
    held.setId(unused_id(model, f"start_of_{assignment.getSymbol()}"))
    held.setConstant(False)
    rule = model.createAssignmentRule()
    rule.setVariable(held.getId())
    rule.setMath(assignment.getMath())
    if isinstance(element, libsbml.Species) and element.getHasOnlySubstanceUnits():
        shared = libsbml.parseL3Formula(f"0/{element.getCompartment()}")
        shared.replaceChild(0, assignment.getMath().deepCopy())
        rule.setMath(shared)
    if isinstance(element, libsbml.SpeciesReference):
        return held.getId()  # without one it would be part of the compiled code
    if isinstance(element, libsbml.Parameter) and not element.isSetValue():
        element.setValue(0.0)
    elif isinstance(element, libsbml.Compartment) and not element.isSetSize():
        element.setSize(1.0)
    elif isinstance(element, libsbml.Species):
        element.unsetInitialAmount()
        element.setInitialConcentration(1.0)  # one without a value would not be put back by a reset
    model.removeInitialAssignment(assignment.getSymbol())
    return held.getId()


def _gated(model: libsbml.Model) -> str:
    """Let every event that may be triggered at time 0 wait for a parameter; returns its id."""
    gate = model.createParameter()
    gate.setId(unused_id(model, "events_may_happen"))
    gate.setConstant(False)
    gate.setValue(0.0)
    for event in model.getListOfEvents():
        trigger = event.getTrigger()
        if trigger is not None and trigger.isSetMath() and not trigger.getInitialValue():
            both = libsbml.parseL3Formula(f"true && {gate.getId()} > 0.5")
            both.replaceChild(0, trigger.getMath().deepCopy())
            trigger.setMath(both)
    return gate.getId()
