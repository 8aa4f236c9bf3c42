"""Formulas: read from MathML, and written as another language reads them."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.exchange.listing import _latex
from harness.exchange.rhs import python_text
from harness.models.equations import Equations
from harness.models.mathml import MATLAB, NUMBA, PYTHON, RXODE2, Expression, read_math, write

MATH_ML = "<math xmlns='http://www.w3.org/1998/Math/MathML'>{}</math>"
VALUES = {"a": 2.0, "b": 3.0, "c": 0.5}


def read(formula):
    return read_math(ElementTree.fromstring(MATH_ML.format(formula)))


def apply(operator, *parts):
    return f"<apply><{operator}/>{''.join(parts)}</apply>"


A, B, C = (f"<ci>{name}</ci>" for name in "abc")


def test_brackets_are_kept_where_they_matter():
    power = apply("power", apply("minus", "<cn>2</cn>"), "<cn>2</cn>")
    ratio = apply("divide", "<cn>6</cn>", apply("times", "<cn>3</cn>", power))
    expression = read(apply("minus", "<cn>8</cn>", apply("minus", "<cn>5</cn>", ratio)))
    assert write(expression, PYTHON) == "8 - (5 - 6/(3*(-2)**2))"
    assert write(expression, RXODE2) == "8 - (5 - 6/(3*(-2)^2))"


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (apply("power", apply("power", A, B), C), "(a^b)^c", r"\left(a^{b}\right)^{c}"),
        (apply("power", A, apply("power", B, C)), "a^(b^c)", "a^{b^{c}}"),
        (apply("minus", apply("power", A, B)), "-a^b", "-a^{b}"),
        (apply("power", apply("minus", A), B), "(-a)^b", r"\left(-a\right)^{b}"),
        (apply("power", A, apply("minus", B)), "a^(-b)", "a^{-b}"),
        (apply("minus", A, apply("minus", B)), "a - -b", r"a - \left(-b\right)"),
        (apply("minus", apply("minus", A, B)), "-(a - b)", r"-\left(a - b\right)"),
        (apply("times", A, apply("minus", B)), "a*-b", r"a \, \left(-b\right)"),
        (apply("divide", A, apply("times", B, C)), "a/(b*c)", r"\frac{a}{b \, c}"),
        (apply("times", A, apply("plus", B, C)), "a*(b + c)", r"a \, \left(b + c\right)"),
        (apply("power", "<cn>-2</cn>", B), "(-2)^b", r"\left(-2\right)^{b}"),
        (apply("times", A, "<cn>-2</cn>"), "a*-2", r"a \, \left(-2\right)"),
        (apply("power", "<cn>1e20</cn>", B), "1e+20^b", r"\left(1 \cdot 10^{20}\right)^{b}"),
    ],
)
def test_powers_and_signs_bind_as_they_were_written(formula, text, latex):
    expression = read(formula)
    for dialect in (RXODE2, MATLAB):
        assert write(expression, dialect) == text
    for dialect in (PYTHON, NUMBA):
        assert write(expression, dialect) == text.replace("^", "**")
    assert re.sub(r"\\mathrm\{(\w)\}", r"\1", _latex(expression)[0]) == latex


class Reader:
    """Reads a formula as a language does: what binds tighter goes first, and `^` groups from one side.

    In MATLAB 2^3^2 is (2^3)^2, in R and Python 2^(3^2); in all of them -2^2 is -(2^2).
    """

    def __init__(self, text, power_from_the_left):
        self.parts = re.findall(r"[0-9.]+(?:e[+-]?[0-9]+)?|\w+|\*\*|[-+*/^(),]", text)
        self.left = power_from_the_left

    def next(self):
        return self.parts[0] if self.parts else ""

    def take(self):
        return self.parts.pop(0)

    def sum(self):
        value = self.product()
        while self.next() in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self):
        value = self.signed()
        while self.next() in ("*", "/"):
            value = value * self.signed() if self.take() == "*" else value / self.signed()
        return value

    def signed(self):
        if self.next() == "-":
            self.take()
            return -self.signed()
        return self.power()

    def power(self):
        value = self.atom()
        while self.next() in ("^", "**"):
            self.take()
            value = value ** (self.atom() if self.left else self.signed())
        return value

    def atom(self):
        part = self.take()
        if part == "(":
            value = self.sum()
            assert self.take() == ")"
            return value
        if part == "exp":
            return math.exp(self.atom())
        return VALUES[part] if part in VALUES else float(part)


def value_of(expression):
    """The value of a formula, from its tree."""
    if expression.operator == "number":
        return expression.value
    if expression.operator == "name":
        return VALUES[expression.value]
    parts = [value_of(each) for each in expression.arguments]
    match expression.operator:
        case "plus":
            return sum(parts)
        case "times":
            return math.prod(parts)
        case "minus":
            return -parts[0] if len(parts) == 1 else parts[0] - parts[1]
        case "divide":
            return parts[0] / parts[1]
        case "exp":
            return math.exp(parts[0])
        case "power":
            return parts[0] ** parts[1]


LEAVES = st.one_of(
    st.sampled_from([Expression("name", value=name) for name in VALUES]),
    st.sampled_from([Expression("number", value=value) for value in (2.0, 0.25, -2.0, -1.5, 1e20)]),
)


PAIRS = ("plus", "minus", "times", "divide", "power")


def trees(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        *(
            pairs.map(lambda two, o=o: Expression(o, two))
            for o in ("plus", "minus", "times", "divide", "power")
        ),
        *(inner.map(lambda one, o=o: Expression(o, (one,))) for o in ("minus", "exp")),
    )


FORMULAS = st.recursive(LEAVES, trees, max_leaves=8)


@given(FORMULAS)
@settings(derandomize=True, deadline=None, max_examples=100)
def test_every_text_has_the_value_of_its_formula(expression):
    try:
        value = value_of(expression)
    except (OverflowError, TypeError, ZeroDivisionError):  # TypeError: exp of a complex number
        return
    if isinstance(value, complex):
        return
    for dialect, from_the_left in ((PYTHON, False), (NUMBA, False), (RXODE2, False), (MATLAB, True)):
        text = write(expression, dialect)
        assert Reader(text, from_the_left).sum() == pytest.approx(value, rel=1e-9, nan_ok=True), text
    names = {"exp": math.exp, "np": np, **VALUES}
    assert eval(write(expression, PYTHON), names) == pytest.approx(value, rel=1e-9, nan_ok=True)


def math_ml(expression):
    """A formula as MathML."""
    if expression.operator == "number":
        return f"<cn>{expression.value!r}</cn>"
    if expression.operator == "name":
        return f"<ci> {expression.value} </ci>"
    return apply(expression.operator, *map(math_ml, expression.arguments))


@given(FORMULAS)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_what_is_written_as_math_ml_is_read_as_the_same_formula(expression):
    assert read(math_ml(expression)) == expression


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("<cn type='e-notation'>12.1<sep/>-12</cn>", 12.1e-12),
        ("<cn type='rational'>3<sep/>8</cn>", 0.375),
        ("<pi/>", math.pi),
        ("<exponentiale/>", math.e),
        (apply("root", "<cn>16</cn>"), 4),
        (apply("root", "<degree><cn>3</cn></degree>", "<cn>27</cn>"), 3),
        (apply("log", "<cn>1000</cn>"), 3),
        (apply("log", "<logbase><cn>2</cn></logbase>", "<cn>32</cn>"), 5),
        (apply("max", "<cn>2</cn>", "<cn>7</cn>", "<cn>5</cn>"), 7),
        (apply("min", "<cn>2</cn>", "<cn>-7</cn>", "<cn>5</cn>"), -7),
        (apply("quotient", "<cn>-7</cn>", "<cn>2</cn>"), -3),
        (apply("quotient", "<cn>7</cn>", "<cn>2</cn>"), 3),
        (apply("rem", "<cn>7</cn>", "<cn>4</cn>"), 3),
        (apply("sec", "<cn>1</cn>"), 1 / math.cos(1)),
        (apply("csc", "<cn>1</cn>"), 1 / math.sin(1)),
        (apply("cot", "<cn>1</cn>"), 1 / math.tan(1)),
        (apply("sech", "<cn>1</cn>"), 1 / math.cosh(1)),
        (apply("csch", "<cn>1</cn>"), 1 / math.sinh(1)),
        (apply("coth", "<cn>1</cn>"), 1 / math.tanh(1)),
        (apply("arcsec", "<cn>3</cn>"), math.acos(1 / 3)),
        (apply("arccsc", "<cn>3</cn>"), math.asin(1 / 3)),
        (apply("arccot", "<cn>3</cn>"), math.atan(1 / 3)),
        (apply("arcsinh", "<cn>3</cn>"), math.asinh(3)),
        (apply("arccosh", "<cn>3</cn>"), math.acosh(3)),
        (apply("arctanh", "<cn>0.3</cn>"), math.atanh(0.3)),
        (apply("arcsech", "<cn>0.3</cn>"), math.acosh(1 / 0.3)),
        (apply("arccsch", "<cn>0.3</cn>"), math.asinh(1 / 0.3)),
        (apply("arccoth", "<cn>3</cn>"), math.atanh(1 / 3)),
        (apply("ceiling", "<cn>1.2</cn>"), 2),
        (apply("arctan", "<cn>1</cn>"), math.pi / 4),
    ],
)
def test_what_has_a_known_value_is_read_with_it(formula, value):
    functions = {name: getattr(math, name) for name in ("log", "sin", "cos", "tan", "ceil", "floor")}
    functions |= {name: getattr(math, name) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh")}
    assert eval(write(read(formula), PYTHON), functions) == pytest.approx(value, rel=1e-12)


def test_a_file_of_python_has_every_function_that_a_formula_may_use():
    still = {"x": Expression("number", value=0.0)}
    given = {}
    exec(python_text(Equations("still", {}, still, {}, still)), given)
    assert set(PYTHON.functions.values()) - {"abs"} <= given.keys()


@pytest.mark.parametrize(("a", "b"), [(True, True), (True, False), (False, True), (False, False)])
def test_an_implication_fails_only_where_what_holds_implies_what_does_not(a, b):
    formula = apply("implies", apply("lt", A, B), apply("gt", B, C))
    names = {"a": 0.0 if a else 9.0, "b": 5.0, "c": 1.0 if b else 8.0}
    assert eval(write(read(formula), PYTHON), names) is ((not a) or b)


def test_a_choice_reads_its_pieces_in_order():
    pieces = "".join(
        f"<piece><cn>{value}</cn>{apply('lt', A, f'<cn>{bound}</cn>')}</piece>"
        for value, bound in ((1, 2), (2, 5))
    )
    text = write(read(f"<piecewise>{pieces}<otherwise><cn>3</cn></otherwise></piecewise>"), PYTHON)
    assert [eval(text, {"a": a}) for a in (1, 2, 4, 5, 9)] == [1, 2, 2, 3, 3]
