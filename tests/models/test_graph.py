"""Formulas as a graph: shared values, and derivatives that are exact."""

import cmath
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models.graph import LOG_OF_BASE, POWER_SLOPE, Graph
from harness.models.mathml import Expression

X, Y = Expression("name", value="x"), Expression("name", value="y")


def number(value):
    return Expression("number", value=value)


def smooth_functions(child):
    """Formulas that are analytic where x and y are positive."""
    two = st.tuples(child, child)

    def positive(e):
        return Expression("plus", (number(1.5), Expression("times", (e, e))))

    return st.one_of(
        two.map(lambda p: Expression("plus", p)),
        two.map(lambda p: Expression("minus", p)),
        two.map(lambda p: Expression("times", p)),
        two.map(lambda p: Expression("divide", (p[0], positive(p[1])))),
        st.tuples(child, st.sampled_from([0.5, 1.0, 2.0, 3.0, -1.5])).map(
            lambda p: Expression("power", (positive(p[0]), number(p[1])))
        ),
        two.map(lambda p: Expression("power", (positive(p[0]), Expression("tanh", (p[1],))))),
        child.map(lambda e: Expression("ln", (positive(e),))),
        st.tuples(st.sampled_from(["sin", "cos", "arctan", "tanh"]), child).map(
            lambda p: Expression(p[0], (p[1],))
        ),
    )


FORMULAS = st.recursive(
    st.sampled_from([X, Y]) | st.floats(0.2, 3).map(number), smooth_functions, max_leaves=8
)

OPERATIONS = {
    "plus": lambda a, b: a + b,
    "minus": lambda a, b=None: -a if b is None else a - b,
    "times": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "exp": cmath.exp,
    "ln": cmath.log,
    "sin": cmath.sin,
    "cos": cmath.cos,
    "arctan": cmath.atan,
    "tanh": cmath.tanh,
    POWER_SLOPE: lambda a, b: b * a ** (b - 1),
    LOG_OF_BASE: cmath.log,
}


def worked_out(graph, place, **values):
    """Value of a node, in complex numbers."""
    found = {}
    for at in graph.needed([place]):
        node = graph.nodes[at]
        if node.operator == "number":
            found[at] = node.value
        elif node.operator == "name":
            found[at] = values[node.value]
        else:
            found[at] = OPERATIONS[node.operator](*(found[a] for a in node.arguments))
    return found[place]


@given(FORMULAS, st.floats(0.1, 2), st.floats(0.1, 2))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_a_derivative_is_that_of_a_complex_step(formula, x, y):
    graph = Graph({})
    place = graph.add(formula)
    slope = worked_out(graph, graph.slope(place, "x"), x=x, y=y)
    expected = complex(worked_out(graph, place, x=complex(x, 1e-30), y=y)).imag / 1e-30
    assert slope.real == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_what_is_said_twice_is_worked_out_once():
    graph = Graph({"z": Expression("times", (X, Y))})
    first = graph.add(Expression("plus", (Expression("name", value="z"), X)))
    assert graph.add(Expression("plus", (Expression("times", (X, Y)), X))) == first


@pytest.mark.parametrize(
    "name", ["exp", "ln", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"]
)
def test_every_function_has_its_derivative(name):
    python = {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}.get(name, name)
    operations = {
        **OPERATIONS,
        **{n: getattr(cmath, n) for n in ("sinh", "cosh", "exp")},
        name: getattr(cmath, python),
    }
    graph = Graph({})
    slope = graph.slope(graph.add(Expression(name, (X,))), "x")
    found = {}
    for at in graph.needed([slope]):
        node = graph.nodes[at]
        found[at] = (
            node.value
            if node.operator == "number"
            else 0.4
            if node.operator == "name"
            else operations[node.operator](*(found[a] for a in node.arguments))
        )
    h = 1e-6
    of = getattr(math, python)
    assert complex(found[slope]).real == pytest.approx((of(0.4 + h) - of(0.4 - h)) / (2 * h), rel=1e-8)
