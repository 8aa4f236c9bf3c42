"""A model as SBML for one use of it: with the values of a reading set, and a regimen written into it.

Promise: the file alone gives what the engine gives for the same changes and doses. A bolus at time 0 is the
dose parameter; each later one is an event on the dosed species; an infusion is a reaction that two events
switch on and off. The event that starts a dose sets the clock of a model that has one. Amounts and times
stand in parameters with units, so that they can be changed in any tool.
"""

from __future__ import annotations

from collections.abc import Mapping

import libsbml

from harness.errors import InputError
from harness.models.card import DoseTarget, ModelCard
from harness.models.solver_form import amount_of, log_state, to_solver_file
from harness.simulation.regimen import Dose, Regimen

__all__ = ["dosed_sbml"]


def dosed_sbml(
    card: ModelCard,
    changes: Mapping[str, float] | None = None,
    regimen: Regimen | None = None,
    version: str = "l3v2",
) -> str:
    """SBML of one model with `changes` set and a regimen in absolute amounts written into it.

    Parameters
    ----------
    changes
        Parameters and compartment sizes, by id, in the model's units; the caller has checked them.
    regimen
        None gives the model's own dose, an empty regimen gives none.
    version
        l3v2, l3v1, or solver: the form that integrates the effector pools as logarithms.

    Raises
    ------
    InputError
        When the regimen cannot stand in a file: the model takes no dose, or doses follow an observable.
    """
    document = libsbml.readSBMLFromFile(str(card.sbml_path("l3v1" if version == "l3v1" else "l3v2")))
    model = document.getModel()
    for name, value in (changes or {}).items():
        _set(model, name, value)
    boluses = _write_infusions(card, model, regimen) if regimen is not None else []
    if version == "solver":
        _require_cells(card, model)
        document = libsbml.readSBMLFromString(
            to_solver_file(libsbml.writeSBMLToString(document), card.solver.exported_logarithms)
        )
        model = document.getModel()
    pools = card.solver.exported_logarithms if version == "solver" else ()
    for name, dose in boluses:
        _write_bolus(model, _target(card), name, dose, _target(card).species in pools)
    return libsbml.writeSBMLToString(document)


def _require_cells(card: ModelCard, model: libsbml.Model) -> None:
    """The solver form starts from the logarithm of the dose."""
    if card.dose is not None and not model.getParameter(card.dose.parameter).getValue() > 0:
        raise InputError("the solver form needs a dose at time 0: nothing has no logarithm; use sbml-l3v2")


def _set(model: libsbml.Model, name: str, value: float) -> None:
    compartment = model.getCompartment(name)
    if compartment is not None:
        compartment.setSize(value)
    else:
        model.getParameter(name).setValue(value)


def _write_infusions(card: ModelCard, model: libsbml.Model, regimen: Regimen) -> list[tuple[str, Dose]]:
    """Set the dose at time 0, write infusions, and return the later boluses with their names."""
    target = _target(card)
    if regimen.redosing or regimen.hold:
        raise InputError("doses that follow an observable cannot stand in a file; give the doses themselves")
    _set(model, target.parameter, sum(dose.amount for dose in regimen.at_start))
    boluses = []
    for number, dose in enumerate(regimen.later, start=1 + bool(regimen.at_start)):
        name = f"dose_{number}"
        _parameter(model, name, dose.amount, model.getSubstanceUnits(), f"cells of dose {number}")
        _parameter(model, f"{name}_time", dose.time, model.getTimeUnits(), f"time of dose {number}")
        if dose.duration == 0:
            boluses.append((name, dose))
        else:
            _write_infusion(model, target, name, dose)
    return boluses


def _target(card: ModelCard) -> DoseTarget:
    if card.dose is None:
        raise InputError(f"model {card.id} takes no dose")
    return card.dose


def _write_bolus(model: libsbml.Model, target: DoseTarget, name: str, dose: Dose, logged: bool) -> None:
    event = _event(model, f"give_{name}", f"time >= {name}_time", f"{dose.amount:g} cells at once")
    species = target.species
    if logged:  # by its state: AMICI 1.0 does not compile an event that reads what a rule gives
        state = log_state(species)
        _assign(event, state, f"{state} + ln(1 + {name}/({amount_of(species)}))")
    else:
        _assign(event, species, f"{species} + {name}")
    _set_clock(model, target, event, name)


def _write_infusion(model: libsbml.Model, target: DoseTarget, name: str, dose: Dose) -> None:
    """A reaction that fills the dosed species while its switch is 1."""
    switch, duration = f"{name}_on", f"{name}_duration"
    _parameter(model, duration, dose.duration, model.getTimeUnits(), "duration of the infusion")
    running = _parameter(model, switch, float(dose.time == 0), "dimensionless", "1 while the infusion runs")
    running.setConstant(False)
    reaction = model.createReaction()
    reaction.setId(f"infusion_{name}")
    reaction.setReversible(False)
    if model.getVersion() == 1:
        reaction.setFast(False)
    reaction.setSBOTerm("SBO:0000185")
    _describe(reaction, f"{dose.amount:g} cells over the duration")
    product = reaction.createProduct()
    product.setSpecies(target.species)
    product.setStoichiometry(1)
    product.setConstant(True)
    reaction.createKineticLaw().setMath(libsbml.parseL3Formula(f"{switch}*{name}/{duration}"))
    if dose.time > 0:
        start = _event(model, f"start_{name}", f"time >= {name}_time", "the infusion starts")
        _assign(start, switch, "1 dimensionless")
        _set_clock(model, target, start, name)
    stop = _event(model, f"stop_{name}", f"time >= {name}_time + {duration}", "the infusion ends")
    _assign(stop, switch, "0 dimensionless")


def _set_clock(model: libsbml.Model, target: DoseTarget, event: libsbml.Event, name: str) -> None:
    """Have the event that starts a dose set the clock, where the model has one."""
    if target.clock is not None:
        model.getParameter(target.clock).setConstant(False)
        _assign(event, target.clock, f"{name}_time")


def _parameter(
    model: libsbml.Model, name: str, value: float, unit: str, description: str
) -> libsbml.Parameter:
    if model.getElementBySId(name) is not None:
        raise InputError(f"model {model.getId()} has a symbol {name} already, which a dose needs")
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(True)
    parameter.setValue(value)
    parameter.setUnits(unit)
    parameter.setSBOTerm("SBO:0000002")
    _describe(parameter, description)
    return parameter


def _event(model: libsbml.Model, name: str, trigger: str, description: str) -> libsbml.Event:
    """An event in time: not at the start, persistent, without delay or priority, which every tool takes."""
    event = model.createEvent()
    event.setId(name)
    event.setUseValuesFromTriggerTime(True)
    condition = event.createTrigger()
    condition.setInitialValue(False)
    condition.setPersistent(True)
    condition.setMath(libsbml.parseL3Formula(trigger))
    _describe(event, description)
    return event


def _assign(event: libsbml.Event, target: str, formula: str) -> None:
    assignment = event.createEventAssignment()
    assignment.setVariable(target)
    assignment.setMath(libsbml.parseL3Formula(formula))


def _describe(element: libsbml.SBase, text: str) -> None:
    element.setNotes(f'<p xmlns="http://www.w3.org/1999/xhtml">{text}</p>')
