"""Checks of the built SBML: small classes, each of which collects issues and raises nothing.

Promise: :func:`check_model` runs every check of :data:`DEFAULT_CHECKS` (a list that a user can extend), of a
model of another article or of one's own those that can be asked of it, and returns all issues found; an empty
list means that nothing was found at any severity.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import libsbml
import pint

from harness.models.card import ModelCard, repository
from harness.models.card_faults import card_faults
from harness.models.provenance import parameters_of, read_terms
from harness.models.solver_form import ADDED
from harness.models.symbols import description, read_symbols
from harness.models.units import registry
from harness.reading import parse_number, read_texts

__all__ = [
    "DEFAULT_CHECKS",
    "Annotations",
    "Card",
    "Check",
    "Consistency",
    "Issue",
    "Naming",
    "NotEmpty",
    "Portability",
    "Provenance",
    "Severity",
    "Sources",
    "Subject",
    "check_model",
    "checks_of",
]


GRADES = ("A", "B", "C", "D")
"""Grades of a source, from what is printed in the article itself to what was read second-hand."""


class Severity(StrEnum):
    """How much an issue matters. Every severity counts: the aim is none of any."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Issue:
    """One finding."""

    check: str
    severity: Severity
    file: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.severity}: {self.check}: {self.message}"


@dataclass(frozen=True)
class Subject:
    """What is checked: one SBML file of one model."""

    card: ModelCard
    path: Path
    document: libsbml.SBMLDocument

    @property
    def model(self) -> libsbml.Model:
        return self.document.getModel()


def _file_said(card: ModelCard, path: Path) -> str:
    """Name of a file of a model: as built, or of what a user gave, which is run in another form."""
    return path.name if path.parent == repository() / "sbml" else card.antimony_path.name


class Check(ABC):
    """One question about one file."""

    @abstractmethod
    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        """Yield severity and message of each finding."""

    def run(self, subject: Subject) -> list[Issue]:
        name = type(self).__name__
        file = _file_said(subject.card, subject.path)
        return [Issue(name, severity, file, text) for severity, text in self.findings(subject)]


class NotEmpty(Check):
    """The file holds a model with states and processes.

    After a syntax error Antimony keeps an empty model that exports as valid SBML.
    """

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        model = subject.model
        if not (model.getNumSpecies() and model.getNumReactions() and model.getNumParameters()):
            yield Severity.ERROR, "no species, no reactions or no parameters"


class Card(Check):
    """The card says of the model what the model bears out."""

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        if subject.path != subject.card.sbml_path("solver"):  # in which pools are no states
            for fault in card_faults(subject.card, subject.model):
                yield Severity.ERROR, f"{subject.card.id}.yaml {fault}"


class Consistency(Check):
    """libSBML finds nothing, in every family of its checks, units taken strictly, at any severity."""

    FAMILIES = (
        libsbml.LIBSBML_CAT_GENERAL_CONSISTENCY,
        libsbml.LIBSBML_CAT_IDENTIFIER_CONSISTENCY,
        libsbml.LIBSBML_CAT_UNITS_CONSISTENCY,
        libsbml.LIBSBML_CAT_MATHML_CONSISTENCY,
        libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
        libsbml.LIBSBML_CAT_OVERDETERMINED_MODEL,
        libsbml.LIBSBML_CAT_MODELING_PRACTICE,
    )

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        yield from self.messages(subject.path.read_text(encoding="utf-8"))

    def messages(self, sbml: str) -> Iterator[tuple[Severity, str]]:
        """Severity and text of each message of libSBML about an SBML text."""
        document = libsbml.readSBMLFromString(sbml)
        for family in self.FAMILIES:
            document.setConsistencyChecks(family, True)
        document.checkInternalConsistency()
        document.checkConsistencyWithStrictUnits()
        for i in range(document.getNumErrors()):
            error = document.getError(i)
            severity = {
                libsbml.LIBSBML_SEV_INFO: Severity.INFO,
                libsbml.LIBSBML_SEV_WARNING: Severity.WARNING,
            }.get(error.getSeverity(), Severity.ERROR)
            text = " ".join(error.getMessage().split())
            yield severity, f"line {error.getLine()}: libSBML {error.getErrorId()}: {text}"


class Annotations(Check):
    """Every element has a description and an SBO term; the model, species and compartments are annotated.

    A term that terms.csv does not list was not looked up, and is an error.
    """

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        model, terms = subject.model, read_terms()
        places = [*model.getListOfCompartments(), *model.getListOfSpecies()]
        elements = [model, *places, *model.getListOfParameters(), *model.getListOfReactions()]
        for element in elements:
            if not description(element):
                yield Severity.ERROR, f"{element.getId()} has no description"
            if not element.isSetSBOTerm():
                yield Severity.ERROR, f"{element.getId()} has no SBO term"
            elif element.getSBOTermID() not in terms:
                yield Severity.ERROR, f"{element.getId()}: {element.getSBOTermID()} is not in terms.csv"
            for term in annotated_terms(element):
                if term not in terms:
                    yield Severity.ERROR, f"{element.getId()}: {term} is not in terms.csv"
        for element in [model, *places]:
            if not annotated_terms(element):
                yield Severity.ERROR, f"{element.getId()} has no MIRIAM annotation"
        if not model.getModelHistory():
            yield Severity.ERROR, "the model has no creator and dates"
        if "10.1002/psp4.12598" not in model.getNotesString():
            yield Severity.ERROR, "the notes do not name the article"


def annotated_terms(element: libsbml.SBase) -> list[str]:
    """Terms of the MIRIAM annotation of an element, as collection:id."""
    terms = []
    for i in range(element.getNumCVTerms()):
        resources = element.getCVTerm(i).getResources()
        terms += [
            resources.getValue(j).removeprefix("https://identifiers.org/")
            for j in range(resources.getNumAttributes())
        ]
    return terms


class Naming(Check):
    """Ids are plain identifiers, none hides a method of a simulator, and the model's id is the file's."""

    RESERVED = frozenset({"reset", "model", "simulate", "time", "plot", "getIds", "steadyState"})

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        model = subject.model
        if model.getId() != subject.card.id:
            yield Severity.ERROR, f"the model's id is {model.getId()}, not {subject.card.id}"
        for symbol in read_symbols(subject.path):
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", symbol):
                yield Severity.ERROR, f"{symbol} is not a plain identifier"
            if symbol in self.RESERVED or symbol == model.getId():
                yield Severity.ERROR, f"{symbol} hides a name that a simulator uses"


class Provenance(Check):
    """parameters.csv and the model hold the same parameters with the same values and units."""

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        symbols = read_symbols(subject.path)
        rows = parameters_of(subject.card)
        settable = {symbol.id for symbol in symbols.values() if symbol.settable}
        if subject.path == subject.card.sbml_path("solver"):
            settable -= ADDED
        for name in sorted(settable - rows.keys()):
            yield Severity.ERROR, f"{name} is not in parameters.csv"
        for name in sorted(rows.keys() - settable):
            yield Severity.ERROR, f"parameters.csv lists {name}, which is no parameter of the model"
        units = registry()
        for name in sorted(settable & rows.keys()):
            row, symbol = rows[name], symbols[name]
            try:
                value = units.Quantity(row.value, row.unit).to(symbol.unit).magnitude
            except pint.PintError:
                yield Severity.ERROR, f"{name}: {row.unit} in parameters.csv, {symbol.unit} in the model"
                continue
            if not math.isclose(value, symbol.value, rel_tol=1e-12):
                yield Severity.ERROR, f"{name}: {row.value} {row.unit} in parameters.csv, {symbol.value} here"
            if row.source == "unit conversion" and not _is_one(symbol.value, symbol.unit):
                yield Severity.ERROR, f"{name}: {symbol.value:g} {symbol.unit} does not equal 1"


class Sources(Check):
    """Every parameter of a model of another article has its row, with this value and its source."""

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        name, symbols = subject.card.id, subject.card.symbols
        path = subject.card.antimony_path.parent / "parameters.csv"
        table = read_texts(path, ("model", "id", "value", "unit", "grade", "source"))
        rows = {row.id: row for row in table[table["model"] == name].itertuples()}
        given = {symbol for symbol in symbols.offered() if symbols[symbol].kind == "parameter"}
        for symbol in sorted(given - rows.keys()):
            yield Severity.ERROR, f"{symbol} is not in library/parameters.csv"
        for symbol in sorted(rows.keys() - given):
            yield Severity.ERROR, f"library/parameters.csv lists {symbol}, which is no parameter of the model"
        for symbol in sorted(rows.keys() & given):
            row = rows[symbol]
            if parse_number(row.value) != symbols[symbol].value:
                said = f"{row.value} in library/parameters.csv, {symbols[symbol].value:g} in the model"
                yield Severity.ERROR, f"{symbol}: {said}"
            if row.grade not in GRADES or not row.source:
                yield Severity.ERROR, f"{symbol}: has no source, or no grade of it ({', '.join(GRADES)})"


def _is_one(value: float, unit: str) -> bool:
    """Whether a conversion factor is right: with its unit it is the number 1 (86400 s/day)."""
    quantity = registry().Quantity(value, unit)
    return quantity.check("[]") and math.isclose(quantity.to("dimensionless").magnitude, 1, rel_tol=1e-12)


class Portability(Check):
    """Only features that the tools of the field share: amounts, plain reactions, no convenience functions.

    COPASI stops on a compartment under a rule; AMICI takes no delay of events, and before 0.33 no priority;
    max, min and rateOf do not convert to L3V1.
    """

    FUNCTIONS = ("piecewise", "max", "min", "rateOf", "delay", "rem", "quotient", "implies")

    def findings(self, subject: Subject) -> Iterator[tuple[Severity, str]]:
        model = subject.model
        for species in model.getListOfSpecies():
            if not species.getHasOnlySubstanceUnits():
                yield Severity.ERROR, f"{species.getId()} is a concentration; cells and complexes are amounts"
        for compartment in model.getListOfCompartments():
            if model.getRuleByVariable(compartment.getId()):
                yield Severity.ERROR, f"compartment {compartment.getId()} is under a rule"
        for event in model.getListOfEvents():
            for feature in ("Delay", "Priority"):
                if getattr(event, f"isSet{feature}")():
                    yield Severity.ERROR, f"event {event.getId()} has a {feature.lower()}"
        if model.getNumFunctionDefinitions():
            yield Severity.ERROR, "holds a function definition"
        if any(rule.isAlgebraic() for rule in model.getListOfRules()):
            yield Severity.ERROR, "holds an algebraic rule"
        for i in range(subject.document.getNumPlugins()):
            package = subject.document.getPlugin(i).getPackageName()
            if package != "l3v2extendedmath":  # libSBML's own name for the mathematics of L3V2
                yield Severity.ERROR, f"uses the SBML package {package}"
        formulas = [e.getMath() for e in [*model.getListOfRules(), *model.getListOfInitialAssignments()]]
        formulas += [reaction.getKineticLaw().getMath() for reaction in model.getListOfReactions()]
        used = " ".join(libsbml.formulaToL3String(formula) for formula in formulas if formula)
        for function in self.FUNCTIONS:
            if re.search(rf"\b{function}\(", used):
                yield Severity.ERROR, f"uses {function}, which not every tool reads"


DEFAULT_CHECKS: tuple[Check, ...] = (
    NotEmpty(),
    Card(),
    Consistency(),
    Annotations(),
    Naming(),
    Provenance(),
    Portability(),
)


LIBRARY_CHECKS: tuple[Check, ...] = (Card(), Naming(), Sources())

OWN_CHECKS: tuple[Check, ...] = (Card(), Consistency())


def checks_of(card: ModelCard) -> tuple[Check, ...]:
    """What is asked of a model: all of one of the article, less of one of another, or of one's own."""
    folder = repository() / "models_antimony"
    of = {folder: DEFAULT_CHECKS, folder / "library": LIBRARY_CHECKS}
    return of.get(card.antimony_path.parent, OWN_CHECKS)


def check_model(card: ModelCard, checks: Sequence[Check] | None = None) -> list[Issue]:
    """Check all SBML files of a model, by :func:`checks_of` unless others are given; all issues found."""
    checks = checks_of(card) if checks is None else checks
    issues = []
    for path in card.sbml_paths().values():
        if not path.is_file():
            issues.append(Issue("NotEmpty", Severity.ERROR, path.name, "is missing; run: cart build"))
            continue
        subject = Subject(card, path, libsbml.readSBMLFromFile(str(path)))
        if subject.model is None:
            issues.append(Issue("NotEmpty", Severity.ERROR, path.name, "holds no model"))
            continue
        issues += [issue for check in checks for issue in check.run(subject)]
    return issues
