"""Formulas: read from MathML, written out in the syntax of another language.

Promise: :func:`read_math` understands the mathematics of SBML's core that has one value for each set of
values (numbers, names, time, arithmetic, functions, comparisons, piecewise) and refuses the rest in one line.
It reads the XML itself, so that what is made from it does not depend on libSBML.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from xml.etree import ElementTree

from harness.errors import InputError

__all__ = [
    "MATLAB",
    "NUMBA",
    "PYTHON",
    "RXODE2",
    "TIME",
    "Dialect",
    "Expression",
    "attribute",
    "names",
    "read_math",
    "tag",
    "write",
]

TIME = "time"
AVOGADRO = 6.02214179e23
"""As SBML defines it."""


@dataclass(frozen=True)
class Expression:
    """A formula: an operator and what it is applied to; `number` and `name` hold a value and an id."""

    operator: str
    arguments: tuple[Expression, ...] = ()
    value: float | str = ""


def tag(element: ElementTree.Element) -> str:
    """Tag of an XML element without its namespace, which differs between the levels of SBML."""
    return element.tag.rpartition("}")[2]


def attribute(element: ElementTree.Element, name: str) -> str:
    """An attribute that an XML element must have.

    Raises
    ------
    InputError
        When it has none.
    """
    found = element.get(name)
    if found is None:
        raise InputError(f"not SBML: <{tag(element)}> has no {name}")
    return found


ARITHMETIC = {"plus", "minus", "times", "divide", "power"}
COMPARISONS = {"lt": "<", "leq": "<=", "gt": ">", "geq": ">=", "eq": "==", "neq": "!="}
LOGIC = {"and", "or", "not"}
FUNCTIONS = {
    "exp", "ln", "abs", "floor", "ceiling", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh",
    "tanh",
}  # fmt: skip
CONSTANTS = {"pi": 3.141592653589793, "exponentiale": 2.718281828459045}


def read_math(element: ElementTree.Element) -> Expression:
    """Read one element of MathML.

    Raises
    ------
    InputError
        When it holds what has no plain formula, such as a delay.
    """
    kind = tag(element)
    if kind == "math":
        return read_math(element[0])
    if kind == "ci":
        return Expression("name", value=_text(element))
    if kind == "cn":
        return Expression("number", value=_number(element))
    if kind in CONSTANTS:
        return Expression("number", value=CONSTANTS[kind])
    if kind == "csymbol":
        if element.attrib["definitionURL"].endswith("/time"):
            return Expression("name", value=TIME)
        if element.attrib["definitionURL"].endswith("/avogadro"):
            return Expression("number", value=AVOGADRO)
        raise InputError(f"mathematics: '{_text(element)}' has no plain formula")
    if kind == "piecewise":
        return _piecewise(element)
    if kind != "apply":
        raise InputError(f"mathematics: <{kind}> is not supported")
    return _apply(element)


def _apply(element: ElementTree.Element) -> Expression:
    operator = tag(element[0])
    if operator == "csymbol":
        raise InputError(f"mathematics: '{_text(element[0])}' has no plain formula")
    if operator == "ci":
        raise InputError(f"mathematics: the function {_text(element[0])} is not expanded")
    if operator in ("root", "log"):
        return _with_qualifier(operator, element)
    if operator in COMPOSED:
        return COMPOSED[operator](*(read_math(child) for child in element[1:]))
    if operator not in ARITHMETIC | set(COMPARISONS) | LOGIC | FUNCTIONS:
        raise InputError(f"mathematics: {operator} is not supported")
    return Expression(operator, tuple(read_math(child) for child in element[1:]))


def _with_qualifier(operator: str, element: ElementTree.Element) -> Expression:
    """A root by its degree, or a logarithm by its base, in terms of power and ln."""
    given = [child for child in element[1:] if tag(child) in ("degree", "logbase")]
    base = (
        read_math(given[0][0]) if given else Expression("number", value=2.0 if operator == "root" else 10.0)
    )
    of = read_math(element[-1])
    if operator == "root":
        one = Expression("number", value=1.0)
        return Expression("power", (of, Expression("divide", (one, base))))
    return Expression("divide", (Expression("ln", (of,)), Expression("ln", (base,))))


def _of(operator: str, *arguments: Expression | float) -> Expression:
    """An operator applied to formulas and numbers."""
    given = (a if isinstance(a, Expression) else Expression("number", value=a) for a in arguments)
    return Expression(operator, tuple(given))


def _quotient(a: Expression, b: Expression) -> Expression:
    """The whole part of a ratio, rounded to 0."""
    ratio = _of("divide", a, b)
    return _of("if", _of("lt", ratio, 0.0), _of("ceiling", ratio), _of("floor", ratio))


def _root_of_square(x: Expression, more: float) -> Expression:
    return _of("power", _of("plus", _of("times", x, x), more), 0.5)


def _arcsinh(x: Expression) -> Expression:
    return _of("ln", _of("plus", x, _root_of_square(x, 1.0)))


def _arccosh(x: Expression) -> Expression:
    return _of("ln", _of("plus", x, _root_of_square(x, -1.0)))


def _arctanh(x: Expression) -> Expression:
    return _of("times", 0.5, _of("ln", _of("divide", _of("plus", 1.0, x), _of("minus", 1.0, x))))


COMPOSED: Mapping[str, Callable[..., Expression]] = {
    "max": lambda *given: reduce(lambda a, b: _of("if", _of("geq", a, b), a, b), given),
    "min": lambda *given: reduce(lambda a, b: _of("if", _of("leq", a, b), a, b), given),
    "quotient": _quotient,
    "rem": lambda a, b: _of("minus", a, _of("times", b, _quotient(a, b))),
    "implies": lambda a, b: _of("or", _of("not", a), b),
    "sec": lambda x: _of("divide", 1.0, _of("cos", x)),
    "csc": lambda x: _of("divide", 1.0, _of("sin", x)),
    "cot": lambda x: _of("divide", 1.0, _of("tan", x)),
    "sech": lambda x: _of("divide", 1.0, _of("cosh", x)),
    "csch": lambda x: _of("divide", 1.0, _of("sinh", x)),
    "coth": lambda x: _of("divide", 1.0, _of("tanh", x)),
    "arcsec": lambda x: _of("arccos", _of("divide", 1.0, x)),
    "arccsc": lambda x: _of("arcsin", _of("divide", 1.0, x)),
    "arccot": lambda x: _of("arctan", _of("divide", 1.0, x)),
    "arcsinh": _arcsinh,
    "arccosh": _arccosh,
    "arctanh": _arctanh,
    "arcsech": lambda x: _arccosh(_of("divide", 1.0, x)),
    "arccsch": lambda x: _arcsinh(_of("divide", 1.0, x)),
    "arccoth": lambda x: _arctanh(_of("divide", 1.0, x)),
}
"""What is written in terms of others."""


def _piecewise(element: ElementTree.Element) -> Expression:
    parts = [tuple(read_math(child) for child in piece) for piece in element]
    if len(parts[-1]) != 1:
        raise InputError("mathematics: a piecewise without 'otherwise' has no value everywhere")
    found = parts[-1][0]
    for value, condition in reversed(parts[:-1]):
        found = Expression("if", (condition, value, found))
    return found


def _text(element: ElementTree.Element) -> str:
    return (element.text or "").strip()


def _number(element: ElementTree.Element) -> float:
    parts = [_text(element), *((child.tail or "").strip() for child in element)]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        raise InputError(f"mathematics: '{' '.join(parts)}' is no number") from None
    match element.attrib.get("type", "real"):
        case "e-notation":
            return float(f"{parts[0]}e{int(numbers[1])}")
        case "rational":
            return numbers[0] / numbers[1]
        case _:
            return numbers[0]


def names(expression: Expression) -> Iterator[str]:
    """Ids that a formula reads, time not among them."""
    if expression.operator == "name" and expression.value != TIME:
        yield str(expression.value)
    for argument in expression.arguments:
        yield from names(argument)


@dataclass(frozen=True)
class Dialect:
    """How a language writes a formula: its power, its functions, its condition, and its names."""

    power: str
    functions: Mapping[str, str]
    condition: str
    logic: Mapping[str, str]
    name: Callable[[str], str] = str
    unequal: str = "!="


def _python_name(name: str) -> str:
    """A name that Python takes, and that hides neither a function nor a variable of the file."""
    return f"{name}_" if keyword.iskeyword(name) or name in _PYTHON_WORDS else name


def _rxode2_name(name: str) -> str:
    return "t" if name == TIME else name


def _matlab_name(name: str) -> str:
    """A name that MATLAB takes, and that hides neither a function nor a variable of the file."""
    spelled = f"x{name}" if name.startswith("_") else name
    return f"{spelled}_" if spelled in _MATLAB_WORDS else spelled


_SHARED = {"exp": "exp", "ln": "log", "abs": "abs", "floor": "floor", "ceiling": "ceil"}
_SHARED |= {name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_SHORT = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
_WORDS = {"and": " and ", "or": " or ", "not": "not "}
_SIGNS = {"and": " && ", "or": " || ", "not": "!"}

PYTHON = Dialect("**", _SHARED | _SHORT, "({1} if {0} else {2})", _WORDS, _python_name)
NUMBA = Dialect(
    "**", _SHARED | _SHORT | {"floor": "np.floor", "ceiling": "np.ceil"}, "({1} if {0} else {2})", _WORDS
)
RXODE2 = Dialect("^", _SHARED | _SHORT, "ifelse({0}, {1}, {2})", _SIGNS, _rxode2_name)
MATLAB = Dialect(
    "^", _SHARED | _SHORT, "ifelse({0}, {1}, {2})", {"and": " && ", "or": " || ", "not": "~"}, _matlab_name,
    unequal="~=",
)  # fmt: skip
_PYTHON_WORDS = {
    "STATES", "after", "formulas", "given", "initial", "moments", "rhs", "sorted", "states",
    *PYTHON.functions.values(),
}  # fmt: skip
_MATLAB_WORDS = {
    "break", "case", "catch", "classdef", "continue", "else", "elseif", "end", "for", "function", "global",
    "if", "otherwise", "parfor", "persistent", "return", "spmd", "switch", "try", "while",
    "given", "ifelse", "p", "rates", "states", "values", *MATLAB.functions.values(),
}  # fmt: skip

_RANK = {
    "or": 1,
    "and": 2,
    "not": 3,
    "plus": 5,
    "minus": 5,
    "times": 6,
    "divide": 6,
    "negative": 7,
    "power": 8,
}
_RANK |= dict.fromkeys(COMPARISONS, 4)
_ATOM = 9


def write(expression: Expression, dialect: Dialect) -> str:
    """Write a formula in a dialect, with no more brackets than it needs."""
    return _write(expression, dialect)[0]


def _write(expression: Expression, dialect: Dialect) -> tuple[str, int]:
    """Text of a formula, and how tightly its outermost operator binds."""
    operator, value = expression.operator, expression.value
    if operator == "number" and not isinstance(value, str):
        return repr(value).removesuffix(".0"), _ATOM if value >= 0 else _RANK["negative"]
    if operator == "name":
        return dialect.name(str(expression.value)), _ATOM
    if operator == "if":
        return dialect.condition.format(
            *(write(argument, dialect) for argument in expression.arguments)
        ), _ATOM
    if operator in FUNCTIONS:
        return f"{dialect.functions[operator]}({write(expression.arguments[0], dialect)})", _ATOM
    return _operation(expression, dialect)


def _operation(expression: Expression, dialect: Dialect) -> tuple[str, int]:
    operator, arguments = expression.operator, expression.arguments
    if operator == "minus" and len(arguments) == 1:
        return f"-{_bracketed(arguments[0], _RANK['negative'], dialect)}", _RANK["negative"]
    rank = _RANK[operator]
    if operator == "not":
        return f"{dialect.logic['not']}{_bracketed(arguments[0], _ATOM, dialect)}", rank
    sign = {"plus": " + ", "minus": " - ", "times": "*", "divide": "/", "power": dialect.power}
    sign |= {name: f" {text} " for name, text in COMPARISONS.items()} | {"neq": f" {dialect.unequal} "}
    sign |= {name: dialect.logic[name] for name in ("and", "or")}
    first = _bracketed(arguments[0], rank + (operator == "power"), dialect)
    rest = [_bracketed(argument, rank + 1, dialect) for argument in arguments[1:]]
    return sign[operator].join([first, *rest]), rank


def _bracketed(expression: Expression, rank: int, dialect: Dialect) -> str:
    text, own = _write(expression, dialect)
    return text if own >= rank else f"({text})"
