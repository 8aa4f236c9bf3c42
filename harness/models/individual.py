"""Models whose parameters differ within a population: by covariates, and by values that change with time.

Promise: :func:`with_factors` and :func:`with_courses` return SBML with the same equations, in which a
parameter is multiplied by a formula, or has one value after the other. Both leave new parameters to set, so
that one model serves all individuals; rates switch exactly where a value changes (harness.models.switches).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import libsbml

from harness.models.ruled import mathematics

__all__ = ["change_time", "course_value", "rename", "with_courses", "with_factors"]

LATER = 1e15
"""A time that no run reaches, where an individual has fewer changes than others."""


def course_value(parameter: str, place: int) -> str:
    """Id of the value that a parameter has after so many changes."""
    return f"{parameter}_value_{place}"


def change_time(parameter: str, place: int) -> str:
    """Id of the time of a change; the first one has place 1."""
    return f"{parameter}_change_{place}"


def rename(model: libsbml.Model, old: str, new: str) -> None:
    """Let whatever names a parameter name another one.

    The elements are asked for kind by kind: libSBML's list of all of them holds None for each once libSEDML,
    which shares its runtime, was imported after it.
    """
    laws = [reaction.getKineticLaw() for reaction in model.getListOfReactions()]
    events = []
    for event in model.getListOfEvents():
        events += [
            event.getTrigger(),
            event.getDelay(),
            event.getPriority(),
            *event.getListOfEventAssignments(),
        ]
    lists = model.getListOfRules(), model.getListOfInitialAssignments(), model.getListOfSpecies()
    for element in (model, *laws, *events, *(element for each in lists for element in each)):
        if element is not None:
            element.renameSIdRefs(old, new)


def with_factors(sbml: str, factors: Mapping[str, str], new: Mapping[str, float]) -> str:
    """Return SBML in which parameters are multiplied by formulas.

    Parameters
    ----------
    factors
        Formula by parameter; it may name other parameters of the model and `new` ones.
    new
        Parameters to add, with a value each.

    Raises
    ------
    ValueError
        When a parameter is not a plain one, or a name is taken.
    """
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    for name, value in new.items():
        _add(model, name, value)
    for name, formula in factors.items():
        _require_plain(model, name)
        individual = f"individual_{name}"
        rename(model, name, individual)
        _add(model, individual, None)
        _rule(model, individual, f"{name} * ({formula})")
    return libsbml.writeSBMLToString(document)


def with_courses(sbml: str, changes: Mapping[str, int]) -> str:
    """Return SBML in which parameters have one value after the other, each with so many changes.

    Raises
    ------
    ValueError
        When a parameter is not a plain one, or is read at the start alone.
    """
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    at_start = {name for element in model.getListOfInitialAssignments() for name in _names(element)}
    later = {
        name
        for element in mathematics(model)
        if not isinstance(element, libsbml.InitialAssignment)
        for name in _names(element)
    }
    for name, count in changes.items():
        _require_plain(model, name)
        if name in at_start - later:
            raise ValueError(f"{name} is read at the start alone: a later value of it changes nothing")
        parameter = model.getParameter(name)
        value = parameter.getValue()
        pieces = []
        for place in range(1, count + 1):
            _add(model, change_time(name, place), LATER)
            pieces += [course_value(name, place - 1), f"time < {change_time(name, place)}"]
        for place in range(count + 1):
            _add(model, course_value(name, place), value)
        parameter.setConstant(False)
        parameter.unsetValue()
        _rule(model, name, f"piecewise({', '.join([*pieces, course_value(name, count)])})")
    return libsbml.writeSBMLToString(document)


def _names(element: libsbml.WithMath) -> set[str]:
    """Ids that the formula of an element reads."""
    return set(re.findall(r"[A-Za-z_]\w*", libsbml.formulaToL3String(element.getMath())))


def _require_plain(model: libsbml.Model, name: str) -> None:
    parameter = model.getParameter(name)
    if parameter is None or model.getRuleByVariable(name) is not None:
        raise ValueError(f"{name} is no parameter that can be set")
    if model.getInitialAssignmentBySymbol(name) is not None or not parameter.getConstant():
        raise ValueError(f"{name} is worked out by the model, or changed by its events")


def _add(model: libsbml.Model, name: str, value: float | None) -> None:
    if model.getElementBySId(name) is not None:
        raise ValueError(f"the model has {name} already; name it otherwise")
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(value is not None)
    if value is not None:
        parameter.setValue(value)


def _rule(model: libsbml.Model, name: str, formula: str) -> None:
    rule = model.createAssignmentRule()
    rule.setVariable(name)
    rule.setMath(libsbml.parseL3Formula(formula))
