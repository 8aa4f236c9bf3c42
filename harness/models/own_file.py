"""A user's SBML or Antimony text, as the SBML that libRoadRunner runs right.

Promise: :func:`normalise` gives SBML that means the same, in Level 3 Version 2, with submodels flattened and
parameters of single reactions made global, and that libRoadRunner has loaded. It adds what makes it usable
here: `init_S` sets the start of a state S, `conc_S` reads out the concentration of a species, which is an
amount here. What is no valid SBML, and what libRoadRunner would compute wrongly or not at all, is refused in
one line. A text can end the process that reads it: see harness.models.apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libsbml

from harness.errors import InputError
from harness.models.compile import compile_antimony, one_line
from harness.models.loading import load
from harness.models.mathml import TIME
from harness.models.ruled import free_ruled, mathematics
from harness.models.switches import find_switches

__all__ = ["Normalised", "normalise", "require_readable", "states_of"]

MOST_OBSERVABLES = 200
LARGEST_SCALE = 300  # of a unit, a power of ten
State = libsbml.Species | libsbml.Parameter

HARMLESS_ERRORS = {  # of no account for the numbers: a unit that is none, a modifier that is not listed
    libsbml.DanglingUnitReference: libsbml.LIBSBML_CAT_IDENTIFIER_CONSISTENCY,
    libsbml.UndeclaredSpeciesRef: libsbml.LIBSBML_CAT_GENERAL_CONSISTENCY,
}
HARMLESS = ("comp", "l3v2extendedmath", "layout", "render", "groups")
FUNCTIONS = {
    "delay": "a delay",
    **dict.fromkeys(("normal", "uniform", "exponential", "poisson"), "random numbers"),
}
UNCHECKED = (  # of no account for the numbers
    libsbml.LIBSBML_CAT_UNITS_CONSISTENCY,
    libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
    libsbml.LIBSBML_CAT_OVERDETERMINED_MODEL,
    libsbml.LIBSBML_CAT_MODELING_PRACTICE,
)


@dataclass(frozen=True)
class Normalised:
    """What a file becomes: its SBML, the name of its model, and the symbols that change in it."""

    sbml: str
    title: str
    changing: tuple[str, ...]


def normalise(path: Path, text: str) -> Normalised:
    """Make the text of a user's file ready; `path` says what it is, and where what it names is looked for.

    Raises
    ------
    InputError
        When it is no valid SBML or Antimony, or has what is not supported (delays, algebraic rules, fast
        reactions, random numbers, packages other than comp, flux balance without kinetics).
    """
    if path.suffix.lower() == ".ant":
        text = compile_antimony(path, dimensionless=False)
    document = _as_l3v2(path, text)
    model = document.getModel()
    _refuse(path, model)
    _refuse_delayed(path, model)
    _refuse_without_value(path, model)
    states = list(states_of(model))
    changing = _changing(path, model, states)
    _add_starts(model, states)
    free_ruled(model)
    _add_concentrations(model)
    text = libsbml.writeSBMLToString(document)
    _require_loads(path, text)
    try:
        find_switches(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Normalised(text, model.getName() or model.getId() or path.stem, changing)


def _as_l3v2(path: Path, text: str) -> libsbml.SBMLDocument:
    """The document flattened, converted, with parameters of single reactions made global."""
    document = _read(path, text)
    _refuse_packages(path, document)
    for reaction in document.getModel().getListOfReactions():  # the conversion forgets which are
        if reaction.isSetFast() and reaction.getFast():
            raise InputError(f"{path}: reaction {reaction.getId()} is fast, which is not supported")
    for category in UNCHECKED:
        document.setConsistencyChecks(category, False)
    document.checkConsistency()
    for error, category in HARMLESS_ERRORS.items():
        if document.getErrorLog().contains(error):
            document.getErrorLog().removeAll(error)
            _require_no_error(path, document, "not valid SBML")
            document.setConsistencyChecks(category, False)  # else libSBML looks no further than that
            document.checkConsistency()
    _require_no_error(path, document, "not valid SBML")
    _convert(path, document, "flatten comp")
    level, version = document.getLevel(), document.getVersion()
    if (level, version) != (3, 2) and not document.setLevelAndVersion(3, 2, False):
        raise InputError(f"{path}: SBML Level {level} Version {version} does not convert to L3V2")
    _convert(path, document, "promoteLocalParameters")
    return document


def require_readable(path: Path, text: str) -> None:
    """Refuse what libSBML cannot read, or finds no model in; see :func:`normalise` for all the rest."""
    _read(path, text)


def _read(path: Path, text: str) -> libsbml.SBMLDocument:
    """The document; XML without a name of its encoding is UTF-8.

    While the log holds any error, that one too, libSBML would check nothing more.
    """
    document = libsbml.readSBMLFromString(text)
    document.setLocationURI(f"file:{path.resolve()}")  # where an external model is looked for
    document.getErrorLog().remove(libsbml.MissingXMLEncoding)
    _require_no_error(path, document, "not SBML that can be read")
    if document.getModel() is None:
        raise InputError(f"{path}:1: not SBML that can be read: no model in it")
    return document


def _require_no_error(path: Path, document: libsbml.SBMLDocument, what: str) -> None:
    """Tell the first error that libSBML has found, with its line where the file is SBML itself.

    That submodels cannot be flattened comes before the reason.
    """
    log = document.getErrorLog()
    found = [log.getError(i) for i in range(log.getNumErrors())]
    found = [error for error in found if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR]
    for error in sorted(found, key=lambda each: each.getErrorId() == libsbml.CompModelFlatteningFailed):
        line = "" if path.suffix.lower() == ".ant" else f":{error.getLine()}"
        raise InputError(f"{path}{line}: {what}: {_specific(error.getMessage())}")


def _specific(message: str) -> str:
    """What libSBML says of the file behind the rule that it breaks; the rule where it says no more."""
    rule, *found = re.split(r"Reference: L\dV\d Sections? [\d.]+", message)
    return one_line(found[-1] if found and found[-1].strip() else rule)


def _require_loads(path: Path, text: str) -> None:
    """Refuse what libRoadRunner does not load, in its own words."""
    try:
        load(text)
    except Exception as error:  # it raises RuntimeError, and others for what it does not foresee
        said = one_line(str(error).split("; In ")[0])
        raise InputError(f"{path}: libRoadRunner cannot load it: {said}") from None


def _convert(path: Path, document: libsbml.SBMLDocument, what: str) -> None:
    properties = libsbml.ConversionProperties()
    properties.addOption(what, True)
    if what == "flatten comp":
        if document.getPlugin("comp") is None:
            return
        properties.addOption("basePath", str(path.parent.resolve()))
        properties.addOption("performValidation", False)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise InputError(f"{path}: libSBML cannot convert it ({what})")


def _refuse_packages(path: Path, document: libsbml.SBMLDocument) -> None:
    for i in range(document.getNumPlugins()):
        package = document.getPlugin(i).getPackageName()
        if package not in HARMLESS and document.getPackageRequired(package):
            raise InputError(f"{path}: needs the SBML package {package}; supported are core and comp")
    for i in range(document.getNumUnknownPackages()):
        package = document.getUnknownPackagePrefix(i)
        if document.getPackageRequired(package):
            raise InputError(f"{path}: needs the SBML package {package}; supported are core and comp")


def _refuse(path: Path, model: libsbml.Model) -> None:
    """Refuse what libRoadRunner computes wrongly or not at all, and what libSBML does not look at."""
    for species in model.getListOfSpecies():
        if model.getCompartment(species.getCompartment()) is None:
            raise InputError(f"{path}: species {species.getId()} lies in no compartment of the model")
    if model.getElementBySId(TIME) is not None:
        raise InputError(f"{path}: the id {TIME} stands for the time itself; name it otherwise")
    for definition in model.getListOfUnitDefinitions():
        if any(abs(unit.getScale()) > LARGEST_SCALE for unit in definition.getListOfUnits()):
            raise InputError(f"{path}: unit {definition.getId()}: its scale is beyond {LARGEST_SCALE}")
    for reaction in model.getListOfReactions():
        if not reaction.isSetKineticLaw() or not reaction.getKineticLaw().isSetMath():
            raise InputError(f"{path}: reaction {reaction.getId()} has no kinetic law; nothing to integrate")
    if any(rule.isAlgebraic() for rule in model.getListOfRules()):
        raise InputError(f"{path}: holds an algebraic rule, which is not supported")
    formulas = " ".join(_formulas(model))
    for function, said in FUNCTIONS.items():
        if re.search(rf"\b{function}\(", formulas):
            raise InputError(f"{path}: uses {said}, which is not supported")


def _refuse_delayed(path: Path, model: libsbml.Model) -> None:
    """Refuse a delayed event that sets a compartment in which a concentration has a rate rule.

    libRoadRunner would change an amount.
    """
    late = [event for event in model.getListOfEvents() if event.getDelay() is not None]
    set_ = {assigned.getVariable() for event in late for assigned in event.getListOfEventAssignments()}
    for species in model.getListOfSpecies():
        rule, place = model.getRuleByVariable(species.getId()), species.getCompartment()
        if place in set_ and rule is not None and rule.isRate() and not species.getHasOnlySubstanceUnits():
            said = f"an event sets {place} after a delay, and the concentration {species.getId()} has a rate"
            raise InputError(f"{path}: {said}; make it an amount (hasOnlySubstanceUnits)")


def _refuse_without_value(path: Path, model: libsbml.Model) -> None:
    """Refuse a symbol without a value that a formula reads; a species that none reads starts at 0."""
    read = set(re.findall(r"[A-Za-z_]\w*", " ".join(_formulas(model))))
    for element in [*model.getListOfSpecies(), *model.getListOfParameters()]:
        name, is_species = element.getId(), isinstance(element, libsbml.Species)
        valued = (
            element.isSetInitialAmount() or element.isSetInitialConcentration()
            if is_species
            else element.isSetValue()
        )
        if valued or _assigned(model, element) or model.getInitialAssignmentBySymbol(name) is not None:
            continue
        if name in read:
            raise InputError(f"{path}: {name} has no value")
        if is_species:
            element.setInitialAmount(0.0)


def _formulas(model: libsbml.Model) -> Iterator[str]:
    return (libsbml.formulaToL3String(element.getMath()) for element in mathematics(model))


def states_of(model: libsbml.Model) -> Iterator[State]:
    """Species and rate-rule parameters that change by themselves."""
    for species in model.getListOfSpecies():
        if not species.getConstant() and not _assigned(model, species):
            yield species
    for parameter in model.getListOfParameters():
        rule = model.getRuleByVariable(parameter.getId())
        if rule is not None and rule.isRate():
            yield parameter


def _assigned(model: libsbml.Model, element: libsbml.SBase) -> bool:
    rule = model.getRuleByVariable(element.getId())
    return rule is not None and rule.isAssignment()


def _changing(path: Path, model: libsbml.Model, states: list[State]) -> tuple[str, ...]:
    """States, what assignment rules give, and what events set; all that has a value where nothing changes."""
    set_ = {a.getVariable() for event in model.getListOfEvents() for a in event.getListOfEventAssignments()}
    ruled = {rule.getVariable() for rule in model.getListOfRules()}
    given = [*model.getListOfSpecies(), *model.getListOfParameters(), *model.getListOfCompartments()]
    names = [e.getId() for e in states if not _is_fixed(model, e) or e.getId() in set_]
    names += [e.getId() for e in given if e.getId() in ruled | set_]
    names = names or [element.getId() for element in given]
    if not names:
        raise InputError(f"{path}: nothing is defined in it; there is nothing to simulate")
    return tuple(dict.fromkeys(names))[:MOST_OBSERVABLES]


def _is_fixed(model: libsbml.Model, element: State) -> bool:
    """Whether an element is a boundary species that no rule changes: a source or a sink."""
    fixed = isinstance(element, libsbml.Species) and element.getBoundaryCondition()
    return fixed and model.getRuleByVariable(element.getId()) is None


def _add_starts(model: libsbml.Model, states: list[State]) -> None:
    """A parameter `init_S` for the start of each state that has a plain one."""
    for element in states:
        name = f"init_{element.getId()}"
        taken = model.getElementBySId(name) or model.getInitialAssignmentBySymbol(element.getId())
        value = _start(model, element)
        if taken is not None or value is None:
            continue
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setConstant(True)
        parameter.setValue(value)
        if isinstance(element, libsbml.Parameter):
            parameter.setUnits(element.getUnits())
        elif element.getHasOnlySubstanceUnits():
            parameter.setUnits(element.getSubstanceUnits() or model.getSubstanceUnits())
        assignment = model.createInitialAssignment()
        assignment.setSymbol(element.getId())
        assignment.setMath(libsbml.parseL3Formula(name + _by_size(model, element)))


def _by_size(model: libsbml.Model, element: State) -> str:
    """Factor of the start of a concentration declared as an amount, which another size leaves as it is."""
    if isinstance(element, libsbml.Parameter) or element.getHasOnlySubstanceUnits():
        return ""
    place = model.getCompartment(element.getCompartment())
    size = place.getSize() if place.isSetSize() else 0.0
    return f"*{size!r}/{place.getId()}" if element.isSetInitialAmount() and size else ""


def _start(model: libsbml.Model, element: State) -> float | None:
    """Declared start of a state in the meaning of its id, an amount or a concentration; None without one."""
    if isinstance(element, libsbml.Parameter):
        return element.getValue() if element.isSetValue() else None
    place = model.getCompartment(element.getCompartment())
    size = place.getSize() if place.isSetSize() else 1.0
    if _assigned(model, place) or model.getInitialAssignmentBySymbol(place.getId()) is not None:
        return None
    is_amount = element.getHasOnlySubstanceUnits()
    if element.isSetInitialAmount():
        return element.getInitialAmount() / (1.0 if is_amount or not size else size)
    if element.isSetInitialConcentration():
        return element.getInitialConcentration() * (size if is_amount else 1.0)
    return None


def _add_concentrations(model: libsbml.Model) -> None:
    """A parameter `conc_S` for each species that is a concentration in the file, unless its volume is 1."""
    for element in list(model.getListOfSpecies()):
        place = model.getCompartment(element.getCompartment())
        same = place.getConstant() and place.isSetSize() and place.getSize() == 1
        name = f"conc_{element.getId()}"
        if element.getHasOnlySubstanceUnits() or same or model.getElementBySId(name) is not None:
            continue
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setConstant(False)
        rule = model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(libsbml.parseL3Formula(element.getId()))
