"""The model of a PEtab problem as each of its conditions has it.

Promise: what the problem sets is set whatever the model itself would start with: parameters, sizes of
compartments, starts of states, by numbers or by parameters of the problem. Observables are parameters under
assignment rules, one for each set of observable parameters. The model is made ready and tried out as any
model of a user's own. Of a condition that begins in the steady state of another, what it does not set itself
begins there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import libsbml
import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.equilibrium import Equilibrium
from harness.fitting.petab_files import conditions_of, texts_of
from harness.fitting.simulations import TOLERANCE
from harness.models.apart import apart
from harness.models.imported import OwnSolver
from harness.models.individual import rename
from harness.models.own_file import Normalised, states_of
from harness.reading import parse_number
from harness.simulation.engines import engine_of
from harness.simulation.program import Program
from harness.simulation.trial import try_out

if TYPE_CHECKING:
    from petab.v1 import Problem

__all__ = ["Conditions", "Observable", "observables_of", "place_names"]

POINTS = 201
"""Times, from 0 to the last measurement, at which the trial of the model is looked at."""


BEFORE_ALL = '<cn type="e-notation"> -1 <sep/> 30 </cn>'
"""The time in a steady state, in MathML."""


@dataclass(frozen=True)
class Observable:
    """An observable of the problem with one set of observable parameters, under its name in the model."""

    name: str
    of: str
    formula: str


def observables_of(path: Path, problem: Problem) -> dict[tuple[str, str], Observable]:
    """Observables by name and observable parameters, as the rows of the measurements have them.

    Raises
    ------
    InputError
        When a row has other parameters than the formula asks for.
    """
    measured = problem.measurement_df
    every = pd.DataFrame(
        {"of": measured["observableId"], "given": texts_of(measured, "observableParameters")}
    )
    found = {}
    for of, rows in every.drop_duplicates().groupby("of", sort=False):
        formula = str(problem.observable_df["observableFormula"][of])
        for place, given in enumerate(rows["given"]):
            name = str(of) if len(rows) == 1 else f"{of}__{place + 1}"
            filled = place_names(path, formula, f"observableParameter{{}}_{of}", given)
            found[str(of), given] = Observable(name, str(of), filled)
    return found


def place_names(path: Path, formula: str, placeholder: str, given: str) -> str:
    """A formula with the values of a cell such as ``0.5;scale`` in place of its placeholders, 1 and on.

    Raises
    ------
    InputError
        When there are more or fewer values than placeholders.
    """
    values = [value.strip() for value in given.split(";")] if given else []
    wanted = set(re.findall(rf"\b{placeholder.format('([0-9]+)')}\b", formula))
    if wanted != {str(i + 1) for i in range(len(values))}:
        raise InputError(f"{path}: '{formula}' wants {len(wanted)} parameters, a row has '{given}'")
    for i, value in enumerate(values):
        formula = re.sub(rf"\b{placeholder.format(i + 1)}\b", f"({value})", formula)
    return formula


class Conditions:
    """Programs of the conditions of a problem; conditions that set the same things share one.

    Parameters
    ----------
    noises
        Parameters of the problem that noise has in it; they may be in no model.

    Attributes
    ----------
    parameters
        Parameters of the problem that are in the model, in an observable or in a condition.
    """

    def __init__(
        self,
        path: Path,
        problem: Problem,
        observables: Mapping[tuple[str, str], Observable],
        noises: set[str],
    ) -> None:
        self._path, self._problem, self._observables = path, problem, list(observables.values())
        self._kept: dict[tuple, Program] = {}
        document = self._document()  # a model is gone with its document
        self._until = float(problem.measurement_df["time"].max()) or 1.0
        self._sizes = {each.getId() for each in document.getModel().getListOfCompartments()}
        declared = problem.parameter_df
        self.parameters = self._in_model(document.getModel(), noises)
        nominal = declared["nominalValue"].astype(float)
        self._nominal = {name: float(nominal[name]) for name in self.parameters}
        self._fixed = [name for name in self.parameters if declared["estimate"][name] != 1]

    def of(
        self, condition: str, carried: Mapping[str, float] = MappingProxyType({})
    ) -> tuple[Program, dict[str, float]]:
        """The program of a condition, and the numbers that it sets there; `carried` starts states too.

        Raises
        ------
        InputError
            When the model lacks what is set, or an observable cannot be read.
        """
        numbers, names = self._given(condition)
        sizes = {name: value for name, value in numbers.items() if name in self._sizes}
        key = tuple(sorted(numbers.keys() - sizes)), tuple(names.items()), tuple(sizes.items()), *carried
        if key not in self._kept:
            self._kept[key] = self._program({**carried, **numbers}, names)
        program = self._kept[key]
        values = {**{name: self._nominal[name] for name in self._fixed}, **numbers}
        return program, {_settable(program, name): v for name, v in values.items() if name not in sizes}

    def after(self, condition: str, before: str) -> tuple[Program, dict[str, float], Equilibrium]:
        """As :meth:`of`, for a condition that begins in the steady state of another; and that state.

        Raises
        ------
        InputError
            Also when the other has no steady state at the nominal values, or none that could be carried over.
        """
        states = self._carried(condition, before)
        program, fixed = self.of(before)
        read = {
            name: name if f'"conc_{name}"' not in program.plain_sbml else f"conc_{name}" for name in states
        }
        carried = {read[name]: name for name in states}
        reached, later = (Equilibrium(p, fixed, carried, self._until) for p in (_long_ago(program), program))
        nominal = self._steady(before, reached)
        if reached != later and not _same(nominal, self._steady(before, later)):
            raise self._refused(before, "a steady state that depends on the time")
        program, fixed = self.of(condition, nominal)
        carried = {read[name]: _settable(program, name) for name in states}
        fixed_start = next((name for name in states if carried[read[name]] == name), None)
        if fixed_start:
            raise self._refused(before, f"no simulation can begin at a value of {fixed_start}")
        return program, fixed, replace(reached, carried=carried)

    def _steady(self, before: str, reached: Equilibrium) -> dict[str, float]:
        found = reached.starts(engine_of(reached.program, relative_tolerance=TOLERANCE), {})
        if not np.isfinite(list(found.values())).all():
            raise self._refused(before, "no steady state is reached at the nominal values")
        return found

    def _carried(self, condition: str, before: str) -> list[str]:
        """States that a condition takes over from the steady state of another: all that it does not set."""
        document = self._document()
        model, (own, theirs) = document.getModel(), (self._given(each) for each in (condition, before))
        if len(model.getListOfEvents()):
            raise self._refused(before, "a steady state of a model with events")
        sizes = [
            {name: given.get(name) for given in both for name in self._sizes & set(given)}
            for both in (own, theirs)
        ]
        if sizes[0] != sizes[1] or any(model.getRuleByVariable(name) for name in self._sizes):
            raise self._refused(before, "compartments that have another size afterwards")
        return [each.getId() for each in states_of(model) if each.getId() not in {**own[0], **own[1]}]

    def _refused(self, condition: str, what: str) -> InputError:
        return InputError(f"{self._path}: preequilibration {condition}: {what}, which is not supported")

    def _given(self, condition: str) -> tuple[dict[str, float], dict[str, str]]:
        """Numbers that a condition sets, and parameters that it puts in the place of others."""
        numbers, names = {}, {}
        for name, value in conditions_of(self._problem).loc[condition].items():
            if pd.isna(value) or str(value).strip() == "":
                continue
            number = parse_number(str(value))
            if np.isfinite(number):
                numbers[str(name)] = number
            else:
                names[str(name)] = str(value)
        return numbers, names

    def _document(self) -> libsbml.SBMLDocument:
        return libsbml.readSBMLFromFile(str(self._path))

    def _in_model(self, model: libsbml.Model, noises: set[str]) -> list[str]:
        """Parameters of the problem that are in the model, in an observable or in a condition."""
        conditions, declared = conditions_of(self._problem), self._problem.parameter_df
        used = set()
        for value in set(map(str, conditions.to_numpy().ravel())) - {"", "nan"}:
            used |= set(_symbols(libsbml.parseL3Formula(value)))
        for observable in self._observables:
            used |= set(_symbols(self._tree(observable)))
        found = []
        for name in map(str, declared.index):
            estimated = declared["estimate"][name] == 1
            if model.getElementBySId(name) is not None or name in used:
                found.append(name)
            elif name not in noises:
                raise InputError(f"{self._path}: has no {name}, which the problem sets")
            if estimated and name in conditions:
                raise InputError(f"{self._path}: {name} is estimated, and set by conditions; one of them")
        return found

    def _program(self, numbers: Mapping[str, float], names: Mapping[str, str]) -> Program:
        text = self._text(numbers, names)
        made: Normalised = apart("harness.models.own_file:normalise", str(self._path), self._path, text)
        program = Program(self._problem.model.model_id, made.sbml, made.sbml, None, OwnSolver())
        measured = self._problem.measurement_df["time"].to_numpy(float)
        times = np.union1d(measured, np.linspace(0, self._until, POINTS))
        tried = try_out(program, times, [observable.name for observable in self._observables])
        return replace(program, **vars(tried))

    def _text(self, numbers: Mapping[str, float], names: Mapping[str, str]) -> str:
        """The SBML with what the problem and a condition set, and with the observables."""
        document = self._document()
        model = document.getModel()
        for name in self.parameters:
            if model.getElementBySId(name) is None:
                _add(model, name, constant=True).setValue(self._nominal[name])
            else:
                self._set(model, name, self._nominal[name])
        for observable in self._observables:
            self._observe(model, observable)
        for name, value in numbers.items():
            self._set(model, name, value)
        for name, parameter in names.items():
            self._let(model, name, parameter)
        return libsbml.writeSBMLToString(document)

    def _tree(self, observable: Observable) -> libsbml.ASTNode:
        tree = libsbml.parseL3Formula(observable.formula)
        if tree is None:
            raise InputError(
                f"{self._path}: observable {observable.of}: '{observable.formula}' is no formula"
            )
        return tree

    def _observe(self, model: libsbml.Model, observable: Observable) -> None:
        tree = self._tree(observable)
        if model.getElementBySId(observable.name) is not None:
            raise InputError(f"{self._path}: observable {observable.of}: the model has this name already")
        for symbol in _symbols(tree):
            if model.getElementBySId(symbol) is None:
                raise InputError(f"{self._path}: observable {observable.of}: the model has no {symbol}")
        _add(model, observable.name, constant=False)
        rule = model.createAssignmentRule()
        rule.setVariable(observable.name)
        rule.setMath(tree)

    def _free(self, model: libsbml.Model, name: str) -> libsbml.SBase:
        """What is to be set, without what the model would start it with."""
        element = model.getElementBySId(name)
        if element is None:
            raise InputError(f"{self._path}: has no {name}, which the problem sets")
        rule = model.getRuleByVariable(name)
        if rule is not None and rule.isAssignment():
            raise InputError(f"{self._path}: {name} follows from a rule; the problem cannot set it")
        model.removeInitialAssignment(name)
        return element

    def _set(self, model: libsbml.Model, name: str, value: float) -> None:
        """Set a parameter, a size or the start of a state."""
        match self._free(model, name):
            case libsbml.Parameter() as element:
                element.setValue(value)
            case libsbml.Compartment() as element:
                element.setSize(value)
            case libsbml.Species() as element if element.getHasOnlySubstanceUnits():
                element.setInitialAmount(value)
            case libsbml.Species() as element:
                element.setInitialConcentration(value)
            case _:
                raise InputError(
                    f"{self._path}: {name}, which the problem sets, is no parameter, size or state"
                )

    def _let(self, model: libsbml.Model, name: str, parameter: str) -> None:
        """Let a parameter of the problem, or a formula of some, stand for one of the model, or for the start
        of a state."""
        element, plain = self._free(model, name), parameter.isidentifier()
        if plain and isinstance(element, libsbml.Parameter) and model.getRuleByVariable(name) is None:
            rename(model, name, parameter)
            return
        assignment = model.createInitialAssignment()
        assignment.setSymbol(name)
        assignment.setMath(libsbml.parseL3Formula(parameter))


def _long_ago(program: Program) -> Program:
    """A program before every time that its formulas ask for."""
    sbml = re.sub(r'<csymbol[^>]*symbols/time"[^>]*>[^<]*</csymbol>', BEFORE_ALL, program.plain_sbml)
    return replace(program, plain_sbml=sbml, solver_sbml=sbml)


def _same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return np.allclose(list(one.values()), list(other.values()), rtol=1e-5, atol=0.0)


def _add(model: libsbml.Model, name: str, constant: bool) -> libsbml.Parameter:
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(constant)
    return parameter


def _settable(program: Program, name: str) -> str:
    """What sets a parameter or the start of a state."""
    start = f"init_{name}"
    return start if f'<parameter id="{start}"' in program.plain_sbml else name


def _symbols(tree: libsbml.ASTNode) -> Iterator[str]:
    """Names in a formula."""
    if tree.isName() and tree.getName() not in ("time", "avogadro"):
        yield tree.getName()
    for place in range(tree.getNumChildren()):
        yield from _symbols(tree.getChild(place))
