"""Bounds of formulas over intervals hold whatever the formula takes inside."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models.intervals import Bounds
from harness.models.mathml import PYTHON, Expression, write

NAMES = {name: getattr(math, name) for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")}
NAMES |= {"abs": abs, "floor": math.floor, "ceil": math.ceil, "atan": math.atan, "asin": math.asin}
NAMES |= {"acos": math.acos}
UNARY = ("exp", "ln", "abs", "floor", "ceiling", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh")
UNARY += ("cosh", "tanh", "minus")
BINARY = ("plus", "minus", "times", "divide", "power")
COMPARED = ("lt", "leq", "gt", "geq", "eq", "neq")

numbers = st.sampled_from((-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 7.0)).map(
    lambda v: Expression("number", value=v)
)
leaves = numbers | st.sampled_from(("time", "k")).map(lambda name: Expression("name", value=name))


def grown(parts):
    """Formulas made of smaller ones."""
    unary = st.builds(lambda o, a: Expression(o, (a,)), st.sampled_from(UNARY), parts)
    binary = st.builds(lambda o, a, b: Expression(o, (a, b)), st.sampled_from(BINARY), parts, parts)
    truth = st.builds(lambda o, a, b: Expression(o, (a, b)), st.sampled_from(COMPARED), parts, parts)
    logic = st.builds(lambda o, a, b: Expression(o, (a, b)), st.sampled_from(("and", "or")), truth, truth)
    negated = st.builds(lambda a: Expression("not", (a,)), truth)
    choice = st.builds(lambda *a: Expression("if", a), truth | logic | negated, parts, parts)
    return unary | binary | choice


formulas = st.recursive(leaves, grown, max_leaves=8)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(formulas, st.floats(1e-3, 10), st.floats(0, 5), st.sampled_from((-1.5, 0.25, 3.0)))
def test_a_formula_stays_within_its_bounds(formula, start, width, k):
    low, high = Bounds(np.array([start]), np.array([start + width]), {"k": k}, {}).of(formula)
    text = compile(write(formula, PYTHON), "formula", "eval")
    for time in np.linspace(start, start + width, 41).tolist():
        try:
            value = float(eval(text, {**NAMES, "time": time, "k": k}))
        except (ValueError, OverflowError, ZeroDivisionError, TypeError):  # no value, or a complex one
            continue
        room = 1e-9 * max(1.0, abs(value)) if abs(value) < 1e12 else np.inf
        assert low[0] - room <= value <= high[0] + room


@settings(derandomize=True, deadline=None, max_examples=100)
@given(formulas, st.floats(1e-3, 10))
def test_at_one_moment_the_bounds_are_the_value(formula, time):
    low, high = Bounds(np.array([time]), np.array([time]), {"k": 0.25}, {}).of(formula)
    try:
        value = float(eval(write(formula, PYTHON), {**NAMES, "time": time, "k": 0.25}))
    except (ValueError, OverflowError, ZeroDivisionError, TypeError):
        return
    assert (low[0], high[0]) == (pytest.approx(value, rel=1e-9, abs=1e-9),) * 2 or not np.isfinite(low[0])
