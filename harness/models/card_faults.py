"""What a card says of a model that the model does not bear out: names, states, what is dosed.

Promise: :func:`card_faults` yields one sentence a fault, the same for a model of the catalogue and for a
user's own; what can be told without the model is checked where the card is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import libsbml

from harness.models.card import DoseTarget, ModelCard
from harness.models.limits import Limits

__all__ = ["card_faults"]


def card_faults(card: ModelCard, model: libsbml.Model) -> Iterator[str]:
    """Faults of a card, as 'names X, which ...'."""
    endpoints = [endpoint.observable for endpoint in card.endpoints.values()]
    own = [reading for reading in card.readings.values() if reading.model in (None, card.id)]
    set_ = [symbol for reading in own for symbol in reading.set]
    dosed = card.dose.model_dump(exclude_none=True).values() if card.dose else ()
    solver = card.solver
    logged = (*solver.logarithms, *solver.exported_logarithms, *([solver.regrows] if solver.regrows else []))
    states = _states(model)
    named = [
        *card.observables,
        *card.plot,
        *logged,
        *card.solver.absolute_tolerance,
        *dosed,
        *endpoints,
        *set_,
        *card.limits,
    ]
    unknown = [name for name in dict.fromkeys(named) if model.getElementBySId(name) is None]
    for name in unknown:
        yield f"names {name}, which the model does not have"
    for name in card.solver.absolute_tolerance:
        if name not in (*unknown, *states):
            yield f"solver: absolute_tolerance: {name} is no state of the model, so that none is integrated"
    if card.dose and not set(dosed) & set(unknown):
        yield from _dose_faults(card.dose, model, states)
    for name in card.limits:
        if name not in unknown:
            yield from _limit_faults(name, card.limits[name], model)


def _limit_faults(name: str, limits: Limits, model: libsbml.Model) -> Iterator[str]:
    """Whether limits are of what can be set, and the model keeps to them."""
    parameter, compartment = model.getParameter(name), model.getCompartment(name)
    if model.getRuleByVariable(name) is not None or (parameter is None and compartment is None):
        yield f"limits: {name} is no parameter that can be set"
        return
    value = parameter.getValue() if compartment is None else compartment.getSize()
    if limits.excludes(value):
        yield f"limits: {name}: {limits.said}, and the model has {value:g}"


def _states(model: libsbml.Model) -> set[str]:
    """Ids of what is integrated: species that reactions or rates change, and what else has a rate."""
    found = {rule.getVariable() for rule in model.getListOfRules() if rule.isRate()}
    ruled = {rule.getVariable() for rule in model.getListOfRules()}
    return found | {
        species.getId()
        for species in model.getListOfSpecies()
        if not (species.getConstant() or species.getBoundaryCondition() or species.getId() in ruled)
    }


def _dose_faults(dose: DoseTarget, model: libsbml.Model, states: set[str]) -> Iterator[str]:
    """Whether doses go into a species that is a state, and its start is set by the parameter."""
    parameter, species = model.getParameter(dose.parameter), model.getSpecies(dose.species)
    if parameter is None and species is None:
        yield f"dose: {dose.parameter} is no parameter and {dose.species} no species; are the two swapped?"
    elif parameter is None or model.getRuleByVariable(dose.parameter) is not None:
        yield f"dose: {dose.parameter} is no parameter that can be set"
    elif species is None or dose.species not in states:
        yield f"dose: {dose.species} is no species that doses can be added to"
    elif dose.parameter not in _read_at_start(model, dose.species):
        said = f"write {dose.species} = {dose.parameter} in the model"
        yield f"dose: {dose.parameter} does not set the start of {dose.species}; {said}"


def _read_at_start(model: libsbml.Model, name: str) -> set[str]:
    """Ids that the start of a symbol depends on, itself among them."""
    found, waiting = {name}, [name]
    while waiting:
        symbol = waiting.pop()
        rule = model.getRuleByVariable(symbol)
        given = model.getInitialAssignmentBySymbol(symbol) or (rule if rule and rule.isAssignment() else None)
        formula = libsbml.formulaToL3String(given.getMath()) if given and given.isSetMath() else ""
        read = set(re.findall(r"[A-Za-z_]\w*", formula)) - found
        found |= read
        waiting += read
    return found
