"""SED-ML as it comes in: the tasks of a document, and the model file that each of them runs.

Promise: a task is a uniform time course of one SBML model with attributes changed, or a line that names what
stands in the way; nothing of it is left out in silence. The document is read in a process apart, and nothing
that it names is fetched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

import libsedml
import numpy as np

from harness.errors import InputError
from harness.models.apart import apart
from harness.reading import read_text

__all__ = ["Change", "SedTask", "changed_sbml", "read_tasks"]

SOLVERS = {"KISAO:0000019", "KISAO:0000030", "KISAO:0000032", "KISAO:0000086", "KISAO:0000087",
           "KISAO:0000088", "KISAO:0000496", "KISAO:0000560", "KISAO:0000694"}  # fmt: skip
"""Methods that solve the same differential equations: CVODE takes the place of each."""

STEP = re.compile(r"/(?:[\w.-]+:)?(\w+)(?:\[@(\w+)=(['\"])(.*?)\3\])?")
STARTS = ("initialAmount", "initialConcentration")
OVER = (("initialAssignment", "symbol", "an initial assignment"),
        ("assignmentRule", "variable", "an assignment rule"))  # fmt: skip
TIME = "urn:sedml:symbol:time"
MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Change:
    """An attribute of the model's XML, by an XPath of tags and ids, and its new value."""

    target: str
    value: str


@dataclass(frozen=True)
class SedTask:
    """One uniform time course: the model's file as the document names it, and what is changed in it.

    `observables` are ids, `reports` the reports that hold them, `notes` what the document works out from
    them, which is not read out. `refused` says why the task cannot be run; the rest then means nothing.
    """

    name: str
    source: str = ""
    changes: tuple[Change, ...] = ()
    times: tuple[float, ...] = ()
    observables: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""


def read_tasks(path: Path, said: str) -> list[SedTask]:
    """The tasks of a SED-ML file, in its order; `said` is what an error calls it.

    Raises
    ------
    InputError
        When it is no SED-ML, or holds no task.
    """
    text = read_text(path)
    found: list[SedTask] = apart("harness.exchange.sedml_tasks:parse_tasks", said, said, text)
    return found


def parse_tasks(said: str, text: str) -> list[SedTask]:
    """As :func:`read_tasks`, of its text, in this process."""
    text = re.sub(
        r"^<\?xml version=.1\.0.\s*\?>", '<?xml version="1.0" encoding="UTF-8"?>', text
    )  # as in SBML
    document = libsedml.readSedMLFromString(text)
    errors = document.getErrorLog()
    if errors.getNumFailsWithSeverity(libsedml.LIBSEDML_SEV_ERROR):
        error = errors.getError(0)
        why = " ".join(error.getMessage().split())[:200]
        raise InputError(f"{said}:{error.getLine()}: not SED-ML that can be read: {why}")
    if not document.getNumTasks():
        raise InputError(f"{said}: holds no task; there is nothing to simulate")
    return [_task(document, task) for task in _all(document, "Task")]


def _all(owner: Any, what: str) -> Iterator[Any]:
    return (getattr(owner, f"get{what}")(i) for i in range(getattr(owner, f"getNum{what}s")()))


def _task(document: Any, task: Any) -> SedTask:
    name = task.getId()
    try:
        if task.getElementName() != "task":
            raise InputError(f"is a {task.getElementName()}; only single tasks are run")
        source, changes = _model(document, task.getModelReference(), ())
        times = _times(document.getSimulation(task.getSimulationReference()))
        observables = tuple(dict.fromkeys(_observables(document, name)))
    except InputError as error:
        return SedTask(name, refused=str(error))
    reports, notes = tuple(_reports(document, name)), tuple(_worked_out(document, name))
    return SedTask(name, source, changes, times, observables, reports, notes)


def _model(document: Any, name: str, above: tuple[str, ...]) -> tuple[str, tuple[Change, ...]]:
    """File and changes of a model, those of the model that it is made from first."""
    model = document.getModel(name)
    if model is None or name in above:
        raise InputError(f"its model {name} is not in the document, or is made from itself")
    if "sbml" not in model.getLanguage():
        raise InputError(f"its model {name} is in {model.getLanguage() or 'no language'}, not in SBML")
    source, changes = model.getSource(), []
    for change in _all(model, "Change"):
        if change.getElementName() != "changeAttribute":
            raise InputError(f"its model {name} has a {change.getElementName()}; only attributes are changed")
        changes.append(Change(change.getTarget(), change.getNewValue()))
    base = source.removeprefix("#")
    if base != source or document.getModel(base) is not None:
        source, first = _model(document, base, (*above, name))
        changes = [*first, *changes]
    if ":" in source:
        raise InputError(f"its model {name} is at {source}, which is not fetched")
    return source, tuple(changes)


def _times(simulation: Any) -> tuple[float, ...]:
    if simulation is None:
        raise InputError("its simulation is not in the document")
    if simulation.getElementName() != "uniformTimeCourse":
        raise InputError(f"is a {simulation.getElementName()}; only a uniformTimeCourse is run")
    algorithm = simulation.getAlgorithm()
    method = algorithm.getKisaoID() if algorithm is not None else ""
    if method and method not in SOLVERS:
        raise InputError(f"asks for the algorithm {method}, which is none of the solvers known here")
    first, last = simulation.getOutputStartTime(), simulation.getOutputEndTime()
    steps = simulation.getNumberOfSteps() or simulation.getNumberOfPoints()
    if simulation.getInitialTime() != 0:
        raise InputError(f"begins at time {simulation.getInitialTime():g}; runs begin at 0")
    if not (0 <= first < last < math.inf and 0 < steps <= MOST_POINTS):
        raise InputError(f"asks for {steps} steps from {first:g} to {last:g}")
    return tuple(np.linspace(first, last, steps + 1).tolist())


def _observables(document: Any, task: str) -> Iterator[str]:
    """Ids that the variables of a task stand for."""
    for generator in _all(document, "DataGenerator"):
        for variable in _all(generator, "Variable"):
            if variable.getTaskReference() != task or variable.getSymbol() == TIME:
                continue
            if variable.getSymbol():
                raise InputError(f"reads out {variable.getSymbol()}, which is no id of the model")
            yield _steps(variable.getTarget())[0][-1][2]


def _worked_out(document: Any, task: str) -> Iterator[str]:
    """A note on each data generator of a task that is more than one variable."""
    for generator in _all(document, "DataGenerator"):
        math_ = generator.getMath()
        of_task = any(variable.getTaskReference() == task for variable in _all(generator, "Variable"))
        if of_task and math_ is not None and not math_.isName():
            formula = libsedml.formulaToString(math_)
            yield f"{generator.getId()} is {formula}, which is not worked out: what it is made of is read out"


def _reports(document: Any, task: str) -> Iterator[str]:
    """Ids of the reports that hold what a task gives."""
    of_task = {
        generator.getId()
        for generator in _all(document, "DataGenerator")
        if any(variable.getTaskReference() == task for variable in _all(generator, "Variable"))
    }
    for output in _all(document, "Output"):
        if output.getElementName() == "report" and any(
            each.getDataReference() in of_task for each in _all(output, "DataSet")
        ):
            yield output.getId()


def _steps(target: str) -> tuple[list[tuple[str, str, str]], str]:
    """Steps of an XPath, each a tag with an attribute and its value; and the attribute at its end."""
    path, _, attribute = target.partition("/@")
    steps = [(match[1], match[2] or "", match[4] or "") for match in STEP.finditer(path)]
    if STEP.sub("", path) or not steps or not steps[-1][2] or (attribute and not attribute.isidentifier()):
        raise InputError(f"names '{target}', which is no element of a model by its id")
    return steps, attribute


def changed_sbml(path: Path, changes: tuple[Change, ...]) -> tuple[str, tuple[str, ...]]:
    """The text of an SBML file with attributes changed, and notes on changes that do nothing.

    Raises
    ------
    InputError
        When the file is no XML, or holds no such element.
    """
    text = read_text(path)
    notes: dict[str, None] = {}
    try:
        document = minidom.parseString(text)  # it keeps the prefixes, without which libSBML reads no Level 2
    except ExpatError as error:
        raise InputError(f"{path}: not SBML that can be read: {error}") from None
    for change in changes:
        steps, attribute = _steps(change.target)
        if not attribute:
            raise InputError(f"{path}: {change.target} names no attribute to change")
        element = _found(document, steps)
        if element is None:
            raise InputError(f"{path}: holds no {change.target}, which the task changes")
        if attribute in STARTS:  # a species has one of them
            for other in set(STARTS) & set(element.attributes.keys()):
                element.removeAttribute(other)
        element.setAttribute(attribute, change.value)
        over = _worked_out_by(document, element.getAttribute("id"), attribute)
        if over:
            notes[f"the change of {change.target} does nothing: {over} of the model gives its value"] = None
    return document.toxml(), tuple(notes)


def _worked_out_by(document: minidom.Document, name: str, attribute: str) -> str:
    """What of a model goes over a value or a start of a symbol; empty where nothing does."""
    if not name or attribute not in (*STARTS, "value", "size"):
        return ""
    for tag, key, said in OVER:
        if any(each.getAttribute(key) == name for each in document.getElementsByTagNameNS("*", tag)):
            return said
    return ""


def _found(document: minidom.Document, steps: list[tuple[str, str, str]]) -> minidom.Element | None:
    """Element at the end of the steps, of which the first is the root itself."""
    level: list[Any] = [document]
    for name, attribute, value in steps:
        children = (child for element in level for child in element.childNodes)
        named = (child for child in children if getattr(child, "localName", None) == name)
        level = [e for e in named if not attribute or e.getAttribute(attribute) == value]
    return level[0] if level else None
