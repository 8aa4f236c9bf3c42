"""The solver form of a model: a copy in which chosen species are integrated as logarithms.

Promise: :func:`to_solver_form` turns the exchange SBML into SBML with the same symbols and the same
solution, in which each chosen species S follows the state ``ln_S`` by the rule S = exp(ln_S). The plain
file is only read. Written for pools that pass below one cell and grow again: in amounts, the noise of the
error control makes such a pool negative and the expansion term then grows the negative value.

For dS/dt = sum of n_r * v_r over the reactions r, the state obeys d(ln S)/dt = sum of n_r * v_r / S. The
quotient is taken term by term, also of the terms of a sum that is a factor of v_r: S is cancelled where it is
a factor, and other chosen species P, Q become exp(ln_P + ln_Q - ln_S), so no quotient of two vanishing
numbers is ever evaluated.

The logarithms start at 0 (one cell): who runs the form sets them from the amounts of the plain file.
"""

from __future__ import annotations

from collections.abc import Sequence

import libsbml

__all__ = [
    "ADDED",
    "add_infusion",
    "amount_of",
    "log_state",
    "to_solver_file",
    "to_solver_form",
    "waits_at_start",
]

NOTHING = "1e-300"
"""Kept from 0/0: a pool that underflows, and into which nothing flows."""
UNIT, MOMENT = "log_unit", "start_moment"
ADDED = frozenset({UNIT, MOMENT})
"""Parameters that the file of the solver form has beside those of the exchange file."""


def log_state(species: str) -> str:
    """Id of the state that carries the logarithm of a species."""
    return f"ln_{species}"


def amount_of(species: str) -> str:
    """Formula of a species that the file of the solver form carries as a logarithm."""
    return f"{UNIT}*exp({log_state(species)})"


def to_solver_form(sbml: str, species: Sequence[str]) -> str:
    """Return SBML in which `species` are integrated as logarithms.

    Parameters
    ----------
    sbml
        The exchange SBML, as text.
    species
        Ids of species changed by reactions with plain kinetic laws and by nothing else.

    Raises
    ------
    ValueError
        When a species is absent, or is set by a rule or an event, so that its equation is not the sum
        of its reactions; when an event may wait from time 0 on.
    """
    species = tuple(dict.fromkeys(species))
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    waits = waits_at_start(model) if species else ""
    if waits:  # in the plain form, at time 0, which hands over what the states hold and no more
        raise ValueError(f"event {waits} is delayed and may be triggered at time 0")
    for name in species:
        _require_reaction_species(model, name)
    for name in species:
        _add_log_state(model, name, species)
    return libsbml.writeSBMLToString(document)


def waits_at_start(model: libsbml.Model) -> str:
    """Id of an event that may be triggered at time 0 and is delayed; empty for none."""
    for event in model.getListOfEvents():
        trigger = event.getTrigger()
        if event.getDelay() is not None and trigger is not None and not trigger.getInitialValue():
            return event.getId() or "of no name"
    return ""


def to_solver_file(sbml: str, species: Sequence[str]) -> str:
    """Return the solver form as a file that stands alone, for tools other than the engine.

    The form of the engine has no units and no start, which the engine gives it. Here the logarithms start
    from initial assignments: of the amount at time 0, or, for a pool that is empty then, of what flows into
    it within 1e-12 of the time unit, which shifts the solution by no more than that. A dose of 0 has no
    logarithm: the file needs a positive one.

    Raises
    ------
    ValueError
        As :func:`to_solver_form`.
    """
    before = libsbml.readSBMLFromString(sbml).getModel()
    document = libsbml.readSBMLFromString(to_solver_form(sbml, species))
    model = document.getModel()
    if species:
        _constant(model, UNIT, 1.0, model.getSubstanceUnits(), "unit of the logarithms")
        _constant(model, MOMENT, 1e-12, model.getTimeUnits(), "moment in which an empty pool fills")
    for name in species:
        state = log_state(name)
        _rule(model, name).setMath(libsbml.parseL3Formula(amount_of(name)))
        start = model.createInitialAssignment()
        start.setSymbol(state)
        start.setMath(libsbml.parseL3Formula(f"ln(({_amount_at_start(before, name, species)})/{UNIT})"))
        _note(model.getParameter(state), f"logarithm of {name}, counted in cells")
        _give_units(_rule(model, state))
    return libsbml.writeSBMLToString(document)


def _rule(model: libsbml.Model, variable: str) -> libsbml.Rule:
    return next(rule for rule in model.getListOfRules() if rule.getVariable() == variable)


def _amount_at_start(model: libsbml.Model, name: str, species: Sequence[str]) -> str:
    """Formula of what a pool holds at time 0, or of what flows into it soon after when it is empty."""
    held = _held_at_start(model, name)
    if held:
        return held
    inflow = [
        f"({stoichiometry!r} dimensionless)*({_at_start(model, law, species)})"
        for stoichiometry, law in _terms(model, name)
        if stoichiometry > 0 and not any(f.isName() and f.getName() == name for f in _factors(law))
    ]
    return f"{MOMENT}*({' + '.join(inflow)})"


def _held_at_start(model: libsbml.Model, name: str) -> str:
    """Formula of what a pool holds at time 0; empty for an empty pool."""
    assigned = model.getInitialAssignment(name)
    if assigned is not None:
        return libsbml.formulaToL3String(assigned.getMath())
    amount = model.getSpecies(name).getInitialAmount()
    return f"{amount!r}*{UNIT}" if amount > 0 else ""


def _at_start(model: libsbml.Model, law: libsbml.ASTNode, species: Sequence[str]) -> str:
    """Formula of a law at time 0, of what `species` hold; AMICI 1.0 works out no rule for it."""
    law = law.deepCopy()
    for name in species:
        held = _held_at_start(model, name)
        if held:
            law.replaceIDWithFunction(name, libsbml.parseL3Formula(held))
    return libsbml.formulaToL3String(law)


def _constant(model: libsbml.Model, name: str, value: float, unit: str, description: str) -> None:
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(True)
    parameter.setValue(value)
    parameter.setUnits(unit)
    _note(parameter, description)


def _note(element: libsbml.SBase, text: str) -> None:
    element.setNotes(f'<p xmlns="http://www.w3.org/1999/xhtml">{text}</p>')
    element.setSBOTerm("SBO:0000002")


def _give_units(rule: libsbml.Rule) -> None:
    """Give a unit to the numbers of a formula, which the strict check of units asks for."""
    formula = rule.getMath().deepCopy()
    written = libsbml.formulaToL3String(formula)
    if NOTHING in written:
        formula = libsbml.parseL3Formula(written.replace(NOTHING, f"{NOTHING}*{UNIT}"))
    waiting = [formula]
    while waiting:
        node = waiting.pop()
        if node.isNumber() and not node.isSetUnits():
            node.setUnits("dimensionless")
        waiting += [node.getChild(i) for i in range(node.getNumChildren())]
    rule.setMath(formula)


def add_infusion(sbml: str, species: str, rate: str) -> str:
    """Return SBML in which the reaction `infusion` adds `rate` (a new parameter, 0) to a species."""
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    parameter = model.createParameter()
    parameter.setId(rate)
    parameter.setConstant(True)
    parameter.setValue(0.0)
    reaction = model.createReaction()
    reaction.setId("infusion")
    reaction.setReversible(False)
    product = reaction.createProduct()
    product.setSpecies(species)
    product.setStoichiometry(1)
    product.setConstant(True)
    reaction.createKineticLaw().setMath(libsbml.parseL3Formula(rate))
    return libsbml.writeSBMLToString(document)


def _require_reaction_species(model: libsbml.Model, name: str) -> None:
    target = model.getSpecies(name)
    if target is None:
        raise ValueError(f"no species {name} to solve as a logarithm")
    if not target.getHasOnlySubstanceUnits():
        raise ValueError(f"species {name} is a concentration; only amounts are solved as logarithms")
    if target.getBoundaryCondition() or target.getConstant() or model.getRuleByVariable(name):
        raise ValueError(f"species {name} is not changed by reactions alone")
    for event in model.getListOfEvents():
        if event.getEventAssignment(name) is not None:
            raise ValueError(f"species {name} is changed by event {event.getId()}")


def _add_log_state(model: libsbml.Model, name: str, logged: Sequence[str]) -> None:
    terms = [
        f"({stoichiometry!r})*({_quotient(law, name, logged)})" for stoichiometry, law in _terms(model, name)
    ]
    state = model.createParameter()
    state.setId(log_state(name))
    state.setConstant(False)
    state.setValue(0.0)
    state.setUnits("dimensionless")
    rate = model.createRateRule()
    rate.setVariable(state.getId())
    rate.setMath(libsbml.parseL3Formula(" + ".join(terms) or "0"))

    target = model.getSpecies(name)
    model.removeInitialAssignment(name)
    target.unsetInitialAmount()
    target.setBoundaryCondition(True)
    rule = model.createAssignmentRule()
    rule.setVariable(name)
    rule.setMath(libsbml.parseL3Formula(f"exp({state.getId()})"))


def _terms(model: libsbml.Model, name: str) -> list[tuple[float, libsbml.ASTNode]]:
    """Net stoichiometry and kinetic law of each reaction that changes the species."""
    terms = []
    for reaction in model.getListOfReactions():
        net = sum(p.getStoichiometry() for p in reaction.getListOfProducts() if p.getSpecies() == name)
        net -= sum(r.getStoichiometry() for r in reaction.getListOfReactants() if r.getSpecies() == name)
        if net:
            terms.append((net, reaction.getKineticLaw().getMath()))
    return terms


def _quotient(law: libsbml.ASTNode, name: str, logged: Sequence[str]) -> str:
    """Formula of law / name, with name cancelled, or paired with other logarithms, where it is a factor.

    Where it is none, factors that are sums with such terms are multiplied out.
    """
    if _is(law, "/"):
        return f"({_quotient(law.getChild(0), name, logged)})/({libsbml.formulaToL3String(law.getChild(1))})"
    factors = _factors(law)
    for index, factor in enumerate(factors):
        if factor.isName() and factor.getName() == name:
            return _product([f for i, f in enumerate(factors) if i != index])
    for index, factor in enumerate(factors):
        if (_is(factor, "+") or _is(factor, "-")) and _holds_factor(factor, logged):
            rest = _product([f for i, f in enumerate(factors) if i != index])
            return _distributed(factor, rest, name, logged)
    pools = [factor.getName() for factor in factors if factor.isName() and factor.getName() in logged]
    if not pools:
        return f"({libsbml.formulaToL3String(law)})/({name} + {NOTHING})"
    rest = _product([f for f in factors if not (f.isName() and f.getName() in logged)])
    return f"({rest})*exp({' + '.join(map(log_state, pools))} - {log_state(name)})"


def _distributed(total: libsbml.ASTNode, rest: str, name: str, logged: Sequence[str]) -> str:
    """Formula of total * rest / name, the sum `total` multiplied out."""
    terms = [total.getChild(i) for i in range(total.getNumChildren())]
    signs = ["+"] * len(terms)
    if _is(total, "-"):
        signs[-1] = "-"
    found = ""
    for sign, term in zip(signs, terms, strict=True):
        multiplied = libsbml.parseL3Formula(f"({rest})*({libsbml.formulaToL3String(term)})")
        found += f" {sign} ({_quotient(multiplied, name, logged)})"
    return found.removeprefix(" + ")


def _holds_factor(node: libsbml.ASTNode, logged: Sequence[str]) -> bool:
    """Whether one of `logged` is a factor of the node, or of a term of a sum in it."""
    if node.isName():
        return node.getName() in logged
    children = [node.getChild(i) for i in range(node.getNumChildren())]
    if _is(node, "/"):
        children = children[:1]
    return any(_is(node, c) for c in "+-*/") and any(_holds_factor(child, logged) for child in children)


def _is(node: libsbml.ASTNode, operator: str) -> bool:
    # Not getType(): once libsedml is imported (tellurium does), it returns no number any more.
    return node.isOperator() and node.getCharacter() == operator


def _factors(node: libsbml.ASTNode) -> list[libsbml.ASTNode]:
    if not _is(node, "*"):
        return [node]
    return [factor for i in range(node.getNumChildren()) for factor in _factors(node.getChild(i))]


def _product(factors: Sequence[libsbml.ASTNode]) -> str:
    return "*".join(f"({libsbml.formulaToL3String(factor)})" for factor in factors) or "1"
