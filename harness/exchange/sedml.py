"""SED-ML Level 1 Version 4: which files are simulated how, what is reported and what is plotted.

Promise: one task, one report and one set of variables a curve, so that any one of them can be run alone; the
files already hold the values and doses of their curves, because tools differ in how they apply changes
(a changed dose does not reach the initial amount in all of them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import libsedml

from harness.errors import InputError

__all__ = ["Plot", "TimeCourse", "sedml_text"]

NAMESPACE = "http://www.sbml.org/sbml/level3/version2/core"
TARGET = "/sbml:sbml/sbml:model/sbml:{}/sbml:{}[@id='{}']"
LISTS = {
    "parameter": "listOfParameters",
    "species": "listOfSpecies",
    "compartment": "listOfCompartments",
    "reaction": "listOfReactions",
}
ALGORITHM = "KISAO:0000019"  # CVODE
TOLERANCES = {"KISAO:0000209": "1e-10", "KISAO:0000211": "1e-18"}  # relative, absolute


@dataclass(frozen=True)
class TimeCourse:
    """Even output times: `steps` steps from 0 to `until`, in the time unit of the model."""

    until: float
    steps: int


@dataclass(frozen=True)
class Plot:
    """One set of axes: an observable of some curves."""

    title: str
    observable: str
    curves: Sequence[str]
    logarithmic: bool = False


def sedml_text(
    sources: Mapping[str, str],
    course: TimeCourse,
    observables: Sequence[str],
    plots: Sequence[Plot] = (),
    elements: Mapping[str, str] | None = None,
) -> str:
    """Write a SED-ML document.

    Parameters
    ----------
    sources
        SBML file of each curve, by the curve's id.
    observables
        Symbols of the models that each curve reports beside time.
    elements
        What those are that are no parameters: species, compartment or reaction.

    Raises
    ------
    InputError
        When libSEDML finds an error in the document.
    """
    document = libsedml.SedDocument(1, 4)
    simulation = document.createUniformTimeCourse()
    simulation.setId("course")
    simulation.setInitialTime(0)
    simulation.setOutputStartTime(0)
    simulation.setOutputEndTime(course.until)
    simulation.setNumberOfSteps(course.steps)
    algorithm = simulation.createAlgorithm()
    algorithm.setKisaoID(ALGORITHM)
    for kisao, value in TOLERANCES.items():
        parameter = algorithm.createAlgorithmParameter()
        parameter.setKisaoID(kisao)
        parameter.setValue(value)
    for curve, source in sources.items():
        _add_curve(document, curve, source, {name: _target(name, elements or {}) for name in observables})
    for number, plot in enumerate(plots, start=1):
        _add_plot(document, f"plot_{number}", plot)
    text = libsedml.writeSedMLToString(document)
    head = '<sedML xmlns="http://sed-ml.org/sed-ml/level1/version4"'
    text = text.replace(head, f'{head} xmlns:sbml="{NAMESPACE}"', 1)
    _require_valid(text)
    return text


def _target(name: str, elements: Mapping[str, str]) -> str:
    element = elements.get(name, "parameter")
    return TARGET.format(LISTS[element], element, name)


def _add_curve(document: libsedml.SedDocument, curve: str, source: str, targets: Mapping[str, str]) -> None:
    model = document.createModel()
    model.setId(f"model_{curve}")
    model.setSource(source)
    model.setLanguage("urn:sedml:language:sbml.level-3.version-2")
    task = document.createTask()
    task.setId(f"task_{curve}")
    task.setModelReference(model.getId())
    task.setSimulationReference("course")
    report = document.createReport()
    report.setId(curve)
    report.setName(curve)
    for name in ("time", *targets):
        generator = document.createDataGenerator()
        generator.setId(_generator(curve, name))
        generator.setName(name)
        variable = generator.createVariable()
        variable.setId(f"{name}_of_{curve}")
        variable.setTaskReference(task.getId())
        if name == "time":
            variable.setSymbol("urn:sedml:symbol:time")
        else:
            variable.setTarget(targets[name])
        generator.setMath(libsedml.parseFormula(variable.getId()))
        entry = report.createDataSet()
        entry.setId(f"column_{curve}_{name}")
        entry.setLabel(name)
        entry.setDataReference(generator.getId())


def _add_plot(document: libsedml.SedDocument, name: str, plot: Plot) -> None:
    drawn = document.createPlot2D()
    drawn.setId(name)
    drawn.setName(plot.title)
    for curve in plot.curves:
        line = drawn.createCurve()
        line.setId(f"{name}_{curve}")
        line.setName(curve)
        line.setLogX(False)
        line.setLogY(plot.logarithmic)
        line.setXDataReference(_generator(curve, "time"))
        line.setYDataReference(_generator(curve, plot.observable))


def _generator(curve: str, name: str) -> str:
    return f"{curve}_{name}"


def _require_valid(text: str) -> None:
    document = libsedml.readSedMLFromString(text)
    errors = document.getErrorLog()
    if errors.getNumFailsWithSeverity(libsedml.LIBSEDML_SEV_ERROR):
        raise InputError(f"SED-ML: {' '.join(errors.getError(0).getMessage().split())}")
