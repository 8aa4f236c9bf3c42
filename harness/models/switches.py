"""Where the rates of a model switch at a time: a piecewise, a floor, an event that asks for the time.

Promise: :func:`find_switches` finds every comparison, floor, ceiling and kink of time in the rules, kinetic
laws and triggers of a model, :meth:`Switches.times` every time at which one of them changes, for given values
of the parameters. Between those times the rates do not switch by time alone, so that an integration that
stops at each of them steps over none. What cannot be followed is refused by rule:

- a rate that compares time with what changes during a run (a state, a species, what an event sets), or takes
  the floor or ceiling of both; a trigger may, when it is that one comparison and no more;
- a trigger that asks whether the time is equal to something, which holds at no time that is reached;
- more than `MOST` switches in a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from xml.etree import ElementTree

import libsbml
import numpy as np

from harness.errors import InputError
from harness.models.intervals import Bounds
from harness.models.mathml import COMPARISONS, TIME, Expression, names, read_math, tag
from harness.models.ruled import mathematics

__all__ = [
    "FOREVER",
    "MOST",
    "RATES_FROM",
    "RATES_UNTIL",
    "Switches",
    "find_switches",
    "hold_time",
    "holds_time",
    "slack",
]

RATES_FROM, RATES_UNTIL, RATES_TIME = "rates_from", "rates_until", "rates_time"
"""Parameters that :func:`hold_time` adds: the stretch of time, and the time as rates read it."""

MOST = 10_000
"""Switches in one run."""

PARTS = 16
"""Into how many parts an interval is split in which something switches."""

WIDTH = 1e-14
"""Share of the end of a run at which a time is known."""

FOREVER = 1e300
"""A time that no run reaches."""

STEPS = ("floor", "ceiling", "abs")

# Text, and not the type of a node: once libsedml is imported, libSBML gives no type that can be compared.
_TIME = re.compile(r'<csymbol[^>]*"http://www.sbml.org/sbml/symbols/time"[^>]*>[^<]*</csymbol>')


@dataclass(frozen=True)
class Switches:
    """What switches by time in one model.

    Attributes
    ----------
    atoms
        Comparisons, floors, ceilings and absolute values that depend on time and on `names` alone.
    names
        Ids whose values they need, which stay as they are in a run.
    formulas
        What other ids in them stand for.
    """

    atoms: tuple[Expression, ...] = ()
    names: tuple[str, ...] = ()
    formulas: Mapping[str, Expression] = field(default_factory=dict)

    def times(self, values: Mapping[str, float], start: float, end: float) -> tuple[float, ...]:
        """Times after `start` and before `end` at which something switches, in order.

        Raises
        ------
        OverflowError
            When there are more than `MOST`.
        """
        low, high, width = np.array([start]), np.array([end]), WIDTH * end
        while low.size and (high - low > width).any():
            edges = np.linspace(low, high, PARTS + 1)
            low, high = edges[:-1].T.ravel(), edges[1:].T.ravel()
            open_ = self._open(low, high, values)
            low, high = low[open_], high[open_]
            if low.size > 4 * MOST:  # neighbours that touch are one, but not four
                raise OverflowError(_too_many(start, end))
        found = [time for time in _distinct(low, high, width) if start + 2 * width < time < end]
        if len(found) > MOST:
            raise OverflowError(_too_many(start, end))
        return tuple(found)

    def _open(self, low: np.ndarray, high: np.ndarray, values: Mapping[str, float]) -> np.ndarray:
        """Whether something may switch within each interval."""
        bounds = Bounds(low, high, values, self.formulas)
        found = np.zeros(low.shape, bool)
        for atom in self.atoms:
            if atom.operator == "abs":
                a, b = bounds.of(atom.arguments[0])
                found |= (a < 0) & (b >= 0)
            else:
                a, b = bounds.of(atom)
                found |= a != b
        return found


def _too_many(start: float, end: float) -> str:
    return f"rates switch by time more than {MOST} times from {start:g} to {end:g}"


def _distinct(low: np.ndarray, high: np.ndarray, width: float) -> list[float]:
    """One time for each run of intervals that touch: a short decimal where there is one within them."""
    found: list[float] = []
    last = -np.inf
    for a, b in zip(low.tolist(), high.tolist(), strict=True):
        if a > last + width:
            short = float(f"{b:.12g}")
            found.append(short if a <= short <= b else b)
        last = b
    return found


@lru_cache(maxsize=32)
def find_switches(sbml: str) -> Switches:
    """Find what switches by time in a model.

    Raises
    ------
    InputError
        When something switches by a rule that is refused, or time stands in what cannot be read.
    """
    if "symbols/time" not in sbml:
        return Switches()
    if "<functionDefinition" in sbml:
        sbml = _expanded(sbml)
    model = next(child for child in ElementTree.fromstring(sbml) if tag(child) == "model")
    try:
        return _Finder(model).switches()
    except RecursionError:
        raise InputError("a formula of time is nested too deeply") from None


def slack(end: float) -> float:
    """How near to a switch, in a run to `end`, it is not sure on which side of it a time lies."""
    return 4 * WIDTH * end


def hold_time(sbml: str) -> str:
    """The same model, whose rules and rates read the time only within a stretch, and as at its ends beyond.

    An integrator looks past the time at which it is to stop, and finds rates there that have switched. With
    the stretch set to what lies between two switches (`RATES_FROM`, `RATES_UNTIL`) it finds those of the
    stretch. A model with events is left as it is: their triggers may read what rules give.
    """
    if not holds_time(sbml):
        return sbml
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    for own, value in ((RATES_FROM, -FOREVER), (RATES_UNTIL, FOREVER), (RATES_TIME, None)):
        parameter = model.createParameter()
        parameter.setId(own)
        parameter.setConstant(False)
        if value is not None:
            parameter.setValue(value)
    for element in mathematics(model):
        if not isinstance(element, libsbml.Rule | libsbml.KineticLaw):
            continue
        written = libsbml.writeMathMLToString(element.getMath())
        element.setMath(libsbml.readMathMLFromString(_TIME.sub(f"<ci> {RATES_TIME} </ci>", written)))
    rule = model.createAssignmentRule()
    rule.setVariable(RATES_TIME)
    after = f"piecewise({RATES_UNTIL}, time > {RATES_UNTIL}, time)"
    rule.setMath(libsbml.parseL3Formula(f"piecewise({RATES_FROM}, time < {RATES_FROM}, {after})"))
    return libsbml.writeSBMLToString(document)


def holds_time(sbml: str) -> bool:
    """Whether :func:`hold_time` does anything to a model: it has no events, and none of the new ids."""
    taken = (f'id="{own}"' in sbml for own in (RATES_FROM, RATES_UNTIL, RATES_TIME))
    return "<event " not in sbml and not any(taken)


def _expanded(sbml: str) -> str:
    """The same model with the functions that it defines written out."""
    document = libsbml.readSBMLFromString(sbml)
    properties = libsbml.ConversionProperties()
    properties.addOption("expandFunctionDefinitions", True)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise InputError("functions that it defines cannot be written out")
    return libsbml.writeSBMLToString(document)


class _Finder:
    """Looks through one model element."""

    def __init__(self, model: ElementTree.Element) -> None:
        self._model = model
        self._rules = {
            rule.get("variable", ""): rule
            for rule in self._all("listOfRules")
            if tag(rule) == "assignmentRule"
        }
        self._read = {variable: frozenset(_read_by(rule)) for variable, rule in self._rules.items()}
        self._changing = set(self._changed())
        self._formulas: dict[str, Expression] = {}
        self._atoms: dict[Expression, None] = {}

    def switches(self) -> Switches:
        for element in (*self._all("listOfRules"), *self._all("listOfReactions")):
            what = element.get("variable", "") or element.get("id", "")
            for formula in self._of_time(element, what):
                self._collect(formula, what)
        for event in self._all("listOfEvents"):
            trigger = next((child for child in event if tag(child) == "trigger"), None)
            what = f"event {event.get('id', '')}".strip()
            for formula in () if trigger is None else self._of_time(trigger, what):
                self._collect_trigger(formula, what)
        leaves = {leaf for atom in self._atoms for leaf in self._leaves(atom)} - {TIME}
        return Switches(tuple(self._atoms), tuple(sorted(leaves)), self._formulas)

    def _all(self, what: str) -> list[ElementTree.Element]:
        return [element for child in self._model if tag(child) == what for element in child]

    def _changed(self) -> Iterator[str]:
        """Ids of what changes during a run by more than an assignment rule of time."""
        for element in (*self._all("listOfSpecies"), *self._all("listOfReactions")):
            yield element.get("id", "")
            yield from (inner.get("id", "") for inner in element.iter() if tag(inner) == "speciesReference")
        for rule in self._all("listOfRules"):
            if tag(rule) == "rateRule":
                yield rule.get("variable", "")
        for event in self._all("listOfEvents"):
            yield from (e.get("variable", "") for e in event.iter() if tag(e) == "eventAssignment")

    def _of_time(self, element: ElementTree.Element, what: str) -> Iterator[Expression]:
        """The formulas of an element that read the time, by themselves or through a rule."""
        for math in (inner for inner in element.iter() if tag(inner) == "math"):
            if TIME in self._all_read(frozenset(_read_by(math))):
                yield self._expression(math, what)

    def _expression(self, element: ElementTree.Element, what: str) -> Expression:
        """A formula; those of time that it names are kept."""
        math = element if tag(element) == "math" else next(c for c in element if tag(c) == "math")
        try:
            formula = read_math(math)
        except InputError as error:
            raise InputError(f"{what}: a formula of time cannot be followed: {error}") from None
        for name in names(formula):
            if (
                name in self._rules
                and name not in self._formulas
                and TIME in self._all_read(frozenset((name,)))
            ):
                self._formulas[name] = self._expression(self._rules[name], name)
        return formula

    def _all_read(self, given: frozenset[str]) -> set[str]:
        """Ids, and those that their rules read in turn."""
        found, waiting = set(given), list(given)
        while waiting:
            more = self._read.get(waiting.pop(), frozenset()) - found
            found |= more
            waiting += more
        return found

    def _leaves(self, formula: Expression) -> set[str]:
        """Ids that a formula reads, through formulas of time; time is among them where it is read."""
        found, waiting = set(), [formula]
        while waiting:
            node = waiting.pop()
            if node.operator != "name":
                waiting += node.arguments
            elif node.value in self._formulas:
                waiting.append(self._formulas[node.value])
            else:
                found.add(str(node.value))
        return found

    def _is_mixed(self, leaves: set[str]) -> bool:
        """Whether something among them changes during a run, by itself or by what its rule reads."""
        return bool(self._all_read(frozenset(leaves)) & self._changing)

    def _collect(self, formula: Expression, what: str) -> None:
        """Take note of what switches in a rate."""
        if _is_kink(formula) and self._is_mixed(self._leaves(formula.arguments[0])):
            parts = formula.arguments[1:]  # no jump; where the sides cross is for the error control
        else:
            parts = formula.arguments
            self._note(formula, what)
        for part in parts:
            self._collect(part, what)

    def _note(self, formula: Expression, what: str) -> None:
        if formula.operator not in STEPS and formula.operator not in COMPARISONS:
            return
        leaves = self._leaves(formula)
        if TIME not in leaves:
            return
        if not self._is_mixed(leaves):
            self._atoms[formula] = None
        elif formula.operator != "abs":
            changing = sorted(leaf for leaf in leaves if self._is_mixed({leaf}))
            raise InputError(
                f"{what}: compares time with {', '.join(changing)}, which changes during a run: where it "
                "switches is not known beforehand; write an event"
            )

    def _collect_trigger(self, formula: Expression, what: str) -> None:
        """Take note of what switches in the trigger of an event."""
        for node in _nodes(formula):
            if node.operator in ("eq", "neq") and _has_plain_time(node):
                raise InputError(f"{what}: asks whether a time is equal to something; write >=")
        if formula.operator in COMPARISONS and self._is_mixed(self._leaves(formula)):
            return  # one comparison: it stays as it has become, so that it cannot be stepped over
        self._collect(formula, what)


def _read_by(element: ElementTree.Element) -> Iterator[str]:
    """Ids that the mathematics in an element reads, and `TIME`."""
    for inner in element.iter():
        if tag(inner) == "ci" and inner.text:
            yield inner.text.strip()
        elif tag(inner) == "csymbol" and inner.get("definitionURL", "").endswith("/time"):
            yield TIME


def _nodes(formula: Expression) -> Iterator[Expression]:
    yield formula
    for argument in formula.arguments:
        yield from _nodes(argument)


def _is_kink(formula: Expression) -> bool:
    """Whether a choice is the higher or the lower of two formulas, which has no jump."""
    condition, *sides = formula.arguments if formula.operator == "if" else (formula,)
    return condition.operator in COMPARISONS and {*condition.arguments} == {*sides}


def _has_plain_time(formula: Expression) -> bool:
    """Whether a formula reads the time other than in whole steps."""
    if formula.operator in ("floor", "ceiling"):
        return False
    return (formula.operator, formula.value) == ("name", TIME) or any(map(_has_plain_time, formula.arguments))
