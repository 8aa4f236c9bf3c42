"""A user's own model: any SBML or Antimony file, made ready for the same commands as those of the catalogue.

Promise: :func:`import_model` gives a card whose SBML means the same as the user's file, in Level 3 Version 2,
with submodels flattened and parameters of single reactions made global. It adds what makes it usable here:
`init_S` sets the start of a state S, `conc_S` reads out the concentration of a species, which is an amount
here. What libRoadRunner would compute wrongly or not at all is refused in one line.

A file NAME.yaml beside NAME.xml or NAME.ant may declare, in the schema of the catalogue's cards and with
every field optional, what is dosed, read out and solved as logarithms.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import libsbml

from harness.declarations import read_declaration
from harness.errors import InputError
from harness.models.catalog import ModelCard, SolverSettings
from harness.models.solver_form import to_solver_form

__all__ = ["SUFFIXES", "UserModel", "import_model", "is_path"]

SUFFIXES = (".xml", ".sbml", ".ant")
MOST_OBSERVABLES = 200
UNNAMED = libsbml.MissingXMLEncoding  # XML without a name of its encoding is UTF-8
HARMLESS = ("comp", "l3v2extendedmath", "layout", "render", "groups")
FUNCTIONS = {
    "delay": "a delay",
    "rateOf": "rateOf",
    **dict.fromkeys(("normal", "uniform", "exponential", "poisson"), "random numbers"),
}


class UserModel(ModelCard):
    """The card of a user's own model; `id` is the path as it was given, which names the model anywhere."""

    id: str = ""
    title: str = ""
    scale: str = "own"
    figure: str = ""
    until: float = 100.0
    observables: tuple[str, ...] = ()
    plot: tuple[str, ...] = ()
    endpoint_times: str = ""
    sbml: str = ""
    solver: SolverSettings = SolverSettings(absolute_tolerance_default=1e-12, lowest_amount=float("-inf"))

    def sbml_path(self, version: str = "l3v2") -> Path:
        """Path of the file as it is run, made from the user's; its L3V1 twin is made when asked for."""
        if version != "l3v1":
            return Path(self.sbml)
        from harness.models.build import as_l3v1

        return _keep(Path(self.id).stem, as_l3v1(libsbml.readSBMLFromFile(self.sbml), Path(self.id)))

    def sbml_paths(self) -> dict[str, Path]:
        """The one file."""
        return {"l3v2": self.sbml_path()}


def is_path(name: str) -> bool:
    """Whether a name means a file rather than a model of the catalogue."""
    return name.lower().endswith(SUFFIXES)


def import_model(name: str) -> UserModel:
    """Make a user's file ready; `name` is its path.

    Raises
    ------
    InputError
        When the file is missing, is no SBML or Antimony, or has what is not supported (delays, algebraic
        rules, fast reactions, random numbers, packages other than comp, flux balance without kinetics).
    """
    path = Path(name)
    text = _antimony_to_sbml(path) if path.suffix.lower() == ".ant" else _read(path)
    document = _as_l3v2(path, text)
    model = document.getModel()
    _refuse(path, model)
    _refuse_without_value(path, model)
    beside = path.with_suffix(".yaml")
    card = read_declaration(beside, UserModel) if beside.is_file() else UserModel()
    states = list(_states(model))
    _add_starts(model, states)
    _add_concentrations(model)
    text = libsbml.writeSBMLToString(document)
    settled = {
        "id": name,
        "title": card.title or model.getName() or model.getId() or path.stem,
        "observables": card.observables or _observables(path, model, states),
        "endpoint_times": card.endpoint_times or f"0:{card.until:g}:{card.until / 200:g}",
        "sbml": str(_keep(path.stem, text)),
    }
    card = card.model_copy(update=settled)
    dosed = card.dose.model_dump(exclude_none=True).values() if card.dose else ()
    endpoints = [endpoint.observable for endpoint in card.endpoints.values()]
    for symbol in (*card.observables, *card.plot, *card.solver.logarithms, *dosed, *endpoints):
        if model.getElementBySId(symbol) is None:
            raise InputError(f"{beside}: names {symbol}, which the model does not have")
    try:
        to_solver_form(text, (*card.solver.logarithms, *card.solver.more_logarithms))
    except ValueError as error:
        raise InputError(f"{beside}: logarithms: {error}") from None
    return card.model_copy(update={"plot": card.plot or card.observables[:3]})


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from None


def _antimony_to_sbml(path: Path) -> str:
    """SBML of the main model of an Antimony file."""
    from harness.models.build import compile_antimony

    text = _read(path)
    named = re.findall(r"^\s*(?:model|module)\s+\*?(\w+)", text, re.MULTILINE)
    starred = re.findall(r"^\s*(?:model|module)\s+\*(\w+)", text, re.MULTILINE)
    main = starred[0] if starred else named[-1] if named else "__main"
    return compile_antimony(path, main, dimensionless=False)


def _as_l3v2(path: Path, text: str) -> libsbml.SBMLDocument:
    """The document flattened, converted, with parameters of single reactions made global."""
    document = libsbml.readSBMLFromString(text)
    log = document.getErrorLog()
    found = [log.getError(i) for i in range(log.getNumErrors())]
    broken = [e for e in found if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR and e.getErrorId() != UNNAMED]
    if broken or document.getModel() is None:
        said = " ".join(broken[0].getMessage().split())[:200] if broken else "no model in it"
        line = broken[0].getLine() if broken else 1
        raise InputError(f"{path}:{line}: not SBML that can be read: {said}")
    _refuse_packages(path, document)
    for reaction in document.getModel().getListOfReactions():  # the conversion forgets which are
        if reaction.isSetFast() and reaction.getFast():
            raise InputError(f"{path}: reaction {reaction.getId()} is fast, which is not supported")
    _convert(path, document, "flatten comp")
    level, version = document.getLevel(), document.getVersion()
    if (level, version) != (3, 2) and not document.setLevelAndVersion(3, 2, False):
        raise InputError(f"{path}: SBML Level {level} Version {version} does not convert to L3V2")
    _convert(path, document, "promoteLocalParameters")
    return document


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
    """Refuse what libRoadRunner computes wrongly or not at all."""
    for reaction in model.getListOfReactions():
        if not reaction.isSetKineticLaw() or not reaction.getKineticLaw().isSetMath():
            raise InputError(f"{path}: reaction {reaction.getId()} has no kinetic law; nothing to integrate")
    if any(rule.isAlgebraic() for rule in model.getListOfRules()):
        raise InputError(f"{path}: holds an algebraic rule, which is not supported")
    formulas = " ".join(_formulas(model))
    for function, said in FUNCTIONS.items():
        if re.search(rf"\b{function}\(", formulas):
            raise InputError(f"{path}: uses {said}, which is not supported")


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
    elements = [*model.getListOfRules(), *model.getListOfInitialAssignments()]
    elements += [reaction.getKineticLaw() for reaction in model.getListOfReactions()]
    elements += list(model.getListOfFunctionDefinitions())
    for event in model.getListOfEvents():
        elements += [event.getTrigger(), *event.getListOfEventAssignments()]
    for element in elements:
        if element is not None and element.isSetMath():
            yield libsbml.formulaToL3String(element.getMath())


def _states(model: libsbml.Model) -> Iterator[libsbml.SBase]:
    """Species and rate-rule parameters that change by themselves."""
    for element in model.getListOfSpecies():
        if not element.getConstant() and not _assigned(model, element):
            yield element
    for element in model.getListOfParameters():
        rule = model.getRuleByVariable(element.getId())
        if rule is not None and rule.isRate():
            yield element


def _assigned(model: libsbml.Model, element: libsbml.SBase) -> bool:
    rule = model.getRuleByVariable(element.getId())
    return rule is not None and rule.isAssignment()


def _observables(path: Path, model: libsbml.Model, states: list[libsbml.SBase]) -> tuple[str, ...]:
    """States, and what assignment rules give."""
    changed = {
        a.getVariable() for event in model.getListOfEvents() for a in event.getListOfEventAssignments()
    }
    names = [e.getId() for e in states if not _is_fixed(model, e) or e.getId() in changed]
    given = [*model.getListOfSpecies(), *model.getListOfParameters()]
    names += [element.getId() for element in given if _assigned(model, element)]
    if not names:
        raise InputError(f"{path}: nothing in it changes; there is nothing to simulate")
    return tuple(names[:MOST_OBSERVABLES])


def _is_fixed(model: libsbml.Model, element: libsbml.SBase) -> bool:
    """Whether an element is a boundary species that no rule changes: a source or a sink."""
    is_species = isinstance(element, libsbml.Species)
    return is_species and element.getBoundaryCondition() and model.getRuleByVariable(element.getId()) is None


def _add_starts(model: libsbml.Model, states: list[libsbml.SBase]) -> None:
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
        assignment.setMath(libsbml.parseL3Formula(name))


def _start(model: libsbml.Model, element: libsbml.SBase) -> float | None:
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


@cache
def _folder() -> tempfile.TemporaryDirectory:
    """Where imported models lie while this process runs."""
    return tempfile.TemporaryDirectory(prefix="cart-models-")


def _keep(stem: str, text: str) -> Path:
    """The SBML of an imported model as a file that is named by its content."""
    path = Path(_folder().name) / f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.xml"
    path.write_text(text, encoding="utf-8")
    return path
