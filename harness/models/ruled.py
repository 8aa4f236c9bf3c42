"""Species and stoichiometries under rules, said so that every state is a species of reactions or a parameter.

Promise: :func:`free_ruled` changes no number. libRoadRunner counts a species under a rule among those that
reactions change, and gives it, as a stoichiometry under a rule, no rate of change. Afterwards a species under
an assignment rule is a boundary species, which no reaction changes; what is no parameter and has a rate rule
is given by an assignment rule from a parameter, in the meaning of its id (`conc_S` for a concentration,
`amount_S` for an amount), which has the rate rule, the start and what events set.
"""

from __future__ import annotations

from collections.abc import Iterator

import libsbml

__all__ = ["free_ruled", "mathematics", "unused_id"]

Ruled = libsbml.Species | libsbml.SpeciesReference


def free_ruled(model: libsbml.Model) -> None:
    """Rewrite the rules of species and of stoichiometries, in place."""
    for rule in list(model.getListOfRules()):
        element = None if rule.isAlgebraic() else model.getElementBySId(rule.getVariable())
        if isinstance(element, libsbml.Species):
            element.setBoundaryCondition(True)
        if rule.isRate() and isinstance(element, Ruled):
            _carry(model, element, rule)
    ruled = {rule.getVariable() for rule in model.getListOfRules()}
    for reaction in list(model.getListOfReactions()):
        _split(model, reaction, ruled)


def _split(model: libsbml.Model, reaction: libsbml.Reaction, ruled: set[str]) -> None:
    """Name no species twice in a reaction that gives it a stoichiometry by a rule.

    libRoadRunner then sums them wrongly. The others become reactions of the same rate.
    """
    named = [*reaction.getListOfReactants(), *reaction.getListOfProducts()]
    doubtful = {reference.getSpecies() for reference in named if reference.getId() in ruled}
    for sides, add in (
        (reaction.getListOfReactants(), libsbml.Reaction.addReactant),
        (reaction.getListOfProducts(), libsbml.Reaction.addProduct),
    ):
        for reference in list(sides):
            name = reference.getSpecies()
            if name not in doubtful or sum(other.getSpecies() == name for other in named) < 2:
                continue
            named.remove(reference)
            part = model.createReaction()
            part.setId(unused_id(model, f"{reaction.getId()}_{name}"))
            part.setReversible(reaction.getReversible())
            moved = reference.clone()
            reference.removeFromParentAndDelete()
            add(part, moved)
            part.createKineticLaw().setMath(libsbml.parseL3Formula(reaction.getId()))


def _carry(model: libsbml.Model, element: Ruled, rule: libsbml.Rule) -> None:
    """Let a parameter carry what a rate rule says of an element."""
    name = element.getId()
    carrier = model.createParameter()
    carrier.setConstant(False)
    _name(model, element, carrier)
    assigned = model.getInitialAssignmentBySymbol(name)
    if assigned is not None:
        assigned.setSymbol(carrier.getId())
    elif isinstance(element, libsbml.Species):
        _carry_start(model, element, carrier)
    else:
        carrier.setValue(element.getStoichiometry())
    for event in model.getListOfEvents():
        for assignment in event.getListOfEventAssignments():
            if assignment.getVariable() == name:
                assignment.setVariable(carrier.getId())
        if isinstance(element, libsbml.Species) and not element.getHasOnlySubstanceUnits():
            _keep_amount(event, element.getCompartment(), carrier.getId())
    for formula in mathematics(model):
        math = formula.getMath().deepCopy()
        if _rename_rate(math, name, carrier.getId()):
            formula.setMath(math)
    rule.setVariable(carrier.getId())
    given = model.createAssignmentRule()
    given.setVariable(name)
    given.setMath(libsbml.parseL3Formula(carrier.getId()))


def _keep_amount(event: libsbml.Event, place: str, concentration: str) -> None:
    """Have an event that sets a compartment leave the amount in it, whose concentration is carried."""
    volume = event.getEventAssignment(place)
    if volume is None:
        return
    given = event.getEventAssignment(concentration)
    value = concentration if given is None else libsbml.formulaToL3String(given.getMath())
    if given is None:
        given = event.createEventAssignment()
        given.setVariable(concentration)
    after = libsbml.formulaToL3String(volume.getMath())
    given.setMath(libsbml.parseL3Formula(f"({value})*{place}/({after})"))


def _name(model: libsbml.Model, element: Ruled, carrier: libsbml.Parameter) -> None:
    """Give a carrier its id, and the unit of what it carries."""
    prefix = "stoichiometry"
    if isinstance(element, libsbml.Species):
        prefix = "amount" if element.getHasOnlySubstanceUnits() else "conc"
        unit = element.getSubstanceUnits() or model.getSubstanceUnits()
        if prefix == "amount" and unit:
            carrier.setUnits(unit)
    carrier.setId(unused_id(model, f"{prefix}_{element.getId()}"))


def _carry_start(model: libsbml.Model, species: libsbml.Species, carrier: libsbml.Parameter) -> None:
    """Give a carrier what its species starts from, an amount divided by the volume where that is meant."""
    place = species.getCompartment()
    value, by = species.getInitialAmount(), ""
    if species.isSetInitialConcentration():
        value = species.getInitialConcentration()
        by = f"*{place}" if species.getHasOnlySubstanceUnits() else ""
    elif not species.getHasOnlySubstanceUnits():
        by = f"/{place}"
    volume = model.getCompartment(place)
    if by and not (volume.getConstant() and volume.isSetSize() and volume.getSize() == 1):
        start = model.createInitialAssignment()
        start.setSymbol(carrier.getId())
        start.setMath(libsbml.parseL3Formula(f"{value!r}{by}"))
    carrier.setValue(value)


def unused_id(model: libsbml.Model, name: str) -> str:
    """An id like `name` that nothing in the model has."""
    while model.getElementBySId(name) is not None:
        name += "_"
    return name


def mathematics(model: libsbml.Model) -> Iterator[libsbml.WithMath]:
    """Every element of a model that holds a formula, the parts of events and function definitions too."""
    elements = [*model.getListOfRules(), *model.getListOfInitialAssignments()]
    elements += [reaction.getKineticLaw() for reaction in model.getListOfReactions()]
    elements += list(model.getListOfFunctionDefinitions())
    for event in model.getListOfEvents():
        elements += [event.getTrigger(), event.getDelay(), event.getPriority()]
        elements += list(event.getListOfEventAssignments())
    return (element for element in elements if element is not None and element.isSetMath())


def _rename_rate(node: libsbml.ASTNode, name: str, other: str) -> bool:
    """Whether a formula asked for the rate of change of one id; it then asks for that of another."""
    found = False
    # Not getType(): once libsedml is imported (tellurium does), it returns no number any more.
    if node.isFunction() and node.getName() == "rateOf" and node.getChild(0).getName() == name:
        node.getChild(0).setName(other)
        found = True
    children = [node.getChild(i) for i in range(node.getNumChildren())]
    return any([found, *(_rename_rate(child, name, other) for child in children)])
