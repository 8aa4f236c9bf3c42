"""The text of a kernel: the functions of the contract, written for one model from its equations.

Promise: the text depends on the equations alone; what follows from the parameters alone is worked out once a
run, every other value once a call; nothing is 0/0 where the model is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from harness.errors import InputError
from harness.models.equations import Equations
from harness.models.graph import Graph
from harness.models.mathml import TIME, Expression
from harness.models.solver_form import log_state
from harness.simulation.kernel import course, stepper, tableau
from harness.simulation.kernel.elimination import Elimination, plan_elimination
from harness.simulation.kernel.printer import Printer, function_text

__all__ = ["INFUSION", "Layout", "kernel_text"]

INFUSION = "rate of infusion"
"""Name of the last parameter; no id of SBML has a space."""


@dataclass(frozen=True)
class Layout:
    """Where things stand in the arrays of a kernel.

    Attributes
    ----------
    parameters
        Ids that can be set, in order; the rate of infusion comes after them.
    states
        Ids of the states, in order.
    logarithms
        States that are solved as logarithms.
    symbols
        Ids that `observe` gives: states, formulas, concentrations that do not change.
    """

    parameters: tuple[str, ...]
    states: tuple[str, ...]
    logarithms: tuple[str, ...]
    symbols: tuple[str, ...]

    def place(self, name: str) -> int:
        """Place of what is read out: a symbol, or behind all of them a parameter."""
        if name in self.symbols:
            return self.symbols.index(name)
        return len(self.symbols) + self.parameters.index(name)


def kernel_text(
    plain: Equations, solved: Equations, logarithms: Sequence[str], dosed: str
) -> tuple[str, Layout]:
    """Text of a kernel and where things stand in its arrays.

    Parameters
    ----------
    plain, solved
        Equations of the exchange file and of its solver form.
    logarithms
        States that the solver form has as logarithms.
    dosed
        Species that a dose goes into; empty without one.

    Raises
    ------
    InputError
        When the kernel cannot express the model.
    """
    _require_expressible(plain)
    layout = Layout(
        tuple(plain.constants),
        tuple(plain.rates),
        tuple(name for name in plain.rates if name in logarithms),
        (*plain.rates, *plain.formulas, *(name for name in plain.constants if name in plain.volumes)),
    )
    return _Writer(plain, solved, layout, dosed).text(), layout


def _require_expressible(equations: Equations) -> None:
    if not equations.rates:
        raise InputError(f"{equations.model}: has no state to integrate")
    for event in equations.events:
        sets = f"{equations.model}: an event sets {', '.join(event.assignments)}"
        if event.time.operator != "number" or not float(event.time.value or 0.0) > 0:
            raise InputError(f"{sets} at a time that is no number above 0")
        if {*event.assignments} & {*equations.volumes.values()}:
            raise InputError(f"{sets}, the volume of a concentration")
    for name in [*equations.constants, *equations.rates, *equations.formulas]:
        if name == TIME:
            raise InputError(f"{equations.model}: a symbol is called {TIME}")


def _name(name: str) -> Expression:
    return Expression("name", value=name)


def _number(value: float) -> Expression:
    return Expression("number", value=value)


class _Writer:
    def __init__(self, plain: Equations, solved: Equations, layout: Layout, dosed: str) -> None:
        self._plain, self._solved, self._layout, self._dosed = plain, solved, layout, dosed

    def text(self) -> str:
        functions, sizes = self._functions_of_rates(self._rates_by_logarithms())
        more, settled = self._functions_of_amounts()
        return (
            f'"""Compiled kernel of {self._plain.model}. Written by cart-pkpd; changes are lost."""\n\n'
            "from math import acos, asin, atan, cos, cosh, exp, isfinite, log, sin, sinh, tan, tanh\n\n"
            "import numba\nimport numpy as np\n\n"
            f"{self._places({**sizes, 'SETTLED': settled})}{_tableau()}{_HELPERS}"
            f"{functions}{more}{_stepper()}"
        )

    def _places(self, sizes: Mapping[str, int]) -> str:
        """Constants of the contract: how many there are of each kind, and where each stands in `z`."""
        layout, n = self._layout, len(self._layout.states)
        counts = {
            "STATES": n,
            "LOGARITHMS": len(layout.logarithms),
            "VALUES": len(layout.parameters) + 1,
            "SYMBOLS": len(layout.symbols),
            "EVENTS": len(self._plain.events),
        }
        kinds = ("STATE", "END", "RATES", "BY_TIME", "AMOUNTS", "SUPPLIES", "LIVE", "NEEDED")
        sizes = {**sizes, "READ_OUT": counts["SYMBOLS"], "PARAMETERS": counts["VALUES"]}
        sizes |= dict.fromkeys((*kinds, "TOLERANCE", "COUNTS_SIZE", "LOWEST"), n)
        sizes |= {"STAGES": 8 * n, "DENSE": 3 * n, "EDGES": 2}
        starts = dict(zip([*sizes, "ROOM"], accumulate(sizes.values(), initial=0), strict=True))
        places = {name: i for i, name in enumerate(layout.logarithms)}
        logged = [places.get(name, -1) for name in layout.states]
        text = "".join(f"{name} = {number}\n" for name, number in {**counts, **starts}.items())
        return f"{text}LOGGED = np.array({logged})\n"

    def _rates_by_logarithms(self) -> dict[str, Expression]:
        """Rate of each state as it is solved, by the id of the pool, infusion included."""
        found = {}
        for name in self._layout.states:
            logged = name in self._layout.logarithms
            rate = self._solved.rates[log_state(name) if logged else name]
            if name == self._dosed:
                flow = _name(INFUSION)
                if logged:  # not flow/amount: that would be 0/0 when the amount cannot be told from 0
                    share = Expression("exp", (Expression("minus", (_name(log_state(name)),)),))
                    share = Expression("times", (flow, share))
                    flow = Expression("if", (Expression("gt", (flow, _number(0.0))), share, _number(0.0)))
                elif name in self._plain.volumes:
                    flow = Expression("divide", (flow, _name(self._plain.volumes[name])))
                rate = Expression("plus", (rate, flow))
            found[name] = rate
        return found

    def _functions_of_rates(self, of: Mapping[str, Expression]) -> tuple[str, dict[str, int]]:
        layout, graph = self._layout, Graph(self._solved.formulas)
        variables = [log_state(n) if n in layout.logarithms else n for n in layout.states]
        logarithms = frozenset(map(log_state, layout.logarithms))
        f = [graph.add(of[name]) for name in layout.states]
        ft = [graph.slope(place, TIME) for place in f]
        j = {
            (row, column): graph.slope(f[row], variable)
            for row in range(len(f))
            for column, variable in enumerate(variables)
        }
        j = {where: place for where, place in j.items() if not graph.is_number(place, 0.0)}
        given = self._given() | {name: f"y_{i}" for i, name in enumerate(variables)}
        printer = Printer(graph, given, "PREPARED", [*f, *ft, *j.values()], logarithms)
        logged = {layout.states.index(name): i for i, name in enumerate(layout.logarithms)}
        live = {row: f" if z[LIVE + {i}] > 0.0 else 0.0" for row, i in logged.items()}

        def shown(places: Sequence[int], row_of: Iterable[int]) -> list[str]:
            pairs = zip(places, row_of, strict=True)
            return [f"{printer.value(place)}{live.get(row, '')}" for place, row in pairs]

        rows = range(len(f))
        several = _several("y", len(f))
        text = printer.prepare("prepare")
        text += printer.function(
            f"rates(t, {several} z)", f, [f"f_{i} = {v}" for i, v in enumerate(shown(f, rows))],
            f"return {_several('f', len(f))}", [_inside("t")],
        )  # fmt: skip
        text += printer.function(
            "slopes(t, z)",
            [*f, *ft, *j.values()],
            _stores("RATES", shown(f, rows)) + _stores("BY_TIME", shown(ft, rows))
            + _stores("JACOBIAN", shown(list(j.values()), [row for row, _ in j])),
            first=[_inside("t"), *_states(len(f))],
        )  # fmt: skip
        plan = plan_elimination(len(f), j)
        text += _factor(plan, {where: i for i, where in enumerate(j)}) + _solve(plan)
        text += _stages(len(f), any(not graph.is_number(place, 0.0) for place in ft))
        return text, {"PREPARED": printer.kept, "JACOBIAN": len(j), "FACTORS": len(plan.entries)}

    def _functions_of_amounts(self) -> tuple[str, int]:
        layout, plain = self._layout, self._plain
        graph = Graph(plain.formulas)
        every = [graph.name(name) for name in layout.symbols]
        for i, name in enumerate(layout.symbols):
            if name in plain.volumes:  # a species is read out as an amount, as the engine does
                every[i] = graph.apply("times", every[i], graph.name(plain.volumes[name]))
        flow = [graph.add(plain.rates[name]) for name in layout.logarithms]
        flow = [
            graph.apply("plus", place, graph.name(INFUSION)) if name == self._dosed else place
            for name, place in zip(layout.logarithms, flow, strict=True)
        ]
        given = self._given() | {name: f"z[AMOUNTS + {i}]" for i, name in enumerate(layout.states)}
        printer = Printer(graph, given, "SETTLED", [*every, *flow])
        needs = [[name in graph.leaves(place) for name in layout.states] for place in every]
        text = f"NEEDS = np.array({needs})\n\n\n{printer.prepare('settle')}"
        for head, array, places in (
            ("observe(t, z)", "READ_OUT", every),
            ("supplies(t, z)", "SUPPLIES", flow),
        ):
            text += printer.function(head, places, _stores(array, map(printer.value, places)))
        return text + self._begin() + self._give() + self._happen(), printer.kept

    def _happen(self) -> str:
        """What events set at their times, every value worked out before any is set."""
        plain, states = self._plain, self._layout.states
        graph = Graph(plain.formulas)
        places: list[int] = []
        lines = []
        for event in plain.events:
            moment = float(event.time.value or 0.0)
            now = f"abs(t - {moment!r}) <= SAME*{max(moment, 1.0)!r}"
            for name, formula in event.assignments.items():
                entry = f"z[AMOUNTS + {states.index(name)}]"
                lines.append(f"{entry} = n_{len(places)} if {now} else {entry}")
                places.append(graph.add(formula))
        given = self._given() | {name: f"z[AMOUNTS + {i}]" for i, name in enumerate(states)}
        printer = Printer(graph, given, "", places)
        values = [f"n_{i} = {printer.value(place)}" for i, place in enumerate(places)]
        return printer.function("happen(t, z)", places, [*values, *lines])

    def _begin(self) -> str:
        plain = self._plain
        graph = Graph({**plain.formulas, **plain.initial, TIME: _number(0.0)})
        start = [graph.name(name) for name in self._layout.states]
        printer = Printer(graph, self._given(), "", start)
        return printer.function("begin(z)", start, _stores("AMOUNTS", map(printer.value, start)))

    def _give(self) -> str:
        if not self._dosed:
            return function_text("give(amount, z)", ["pass"])
        volume = self._plain.volumes.get(self._dosed)
        over = f"/z[PARAMETERS + {self._layout.parameters.index(volume)}]" if volume else ""
        place = self._layout.states.index(self._dosed)
        return function_text("give(amount, z)", [f"z[AMOUNTS + {place}] += amount{over}"])

    def _given(self) -> dict[str, str]:
        """Where the leaves stand that are no states."""
        given = {name: f"z[PARAMETERS + {i}]" for i, name in enumerate((*self._layout.parameters, INFUSION))}
        return given | {TIME: "t"}


def _factor(plan: Elimination, of_jacobian: Mapping[tuple[int, int], int]) -> str:
    lines = []
    for row, column in plan.entries:
        entry = f"-z[JACOBIAN + {of_jacobian[row, column]}]" if (row, column) in of_jacobian else "0.0"
        if row == column:
            entry = "g" + (
                f" - z[JACOBIAN + {of_jacobian[row, column]}]" if (row, column) in of_jacobian else ""
            )
        lines.append(f"w_{row}_{column} = {entry}")
    for pivot in plan.order:
        lines.append(f"w_{pivot}_{pivot} = 1.0/w_{pivot}_{pivot}")
        for row in plan.below(pivot):
            lines.append(f"w_{row}_{pivot} = w_{row}_{pivot}*w_{pivot}_{pivot}")
            lines += [f"w_{row}_{c} = w_{row}_{c} - w_{row}_{pivot}*w_{pivot}_{c}" for c in plan.right(pivot)]
    lines += [f"z[FACTORS + {i}] = w_{row}_{column}" for i, (row, column) in enumerate(plan.entries)]
    return function_text("factor(g, z)", lines)


def _solve(plan: Elimination) -> str:
    at = {where: i for i, where in enumerate(plan.entries)}
    lines = []
    for pivot in plan.order:
        lines += [f"b_{row} = b_{row} - z[FACTORS + {at[row, pivot]}]*b_{pivot}" for row in plan.below(pivot)]
    for pivot in reversed(plan.order):
        rest = "".join(f" - z[FACTORS + {at[pivot, c]}]*b_{c}" for c in plan.right(pivot))
        lines.append(f"b_{pivot} = (b_{pivot}{rest})*z[FACTORS + {at[pivot, pivot]}]")
    several = _several("b", len(plan.order))
    return function_text(f"solve({several} z)", [*lines, f"return {several}"])


def _stages(states: int, timed: bool) -> str:
    """The stages of a step, written out: every state a variable of its own, every coefficient a number."""
    rows = range(states)
    lines = ["x = 1.0/h", *_states(states)]
    for s in range(8):
        at = [f"z[RATES + {i}]" for i in rows]
        if s:
            lines += [f"u_{i} = y_{i}{_sum_of_stages(tableau.A[s], s, i)}" for i in rows]
            at = [f"g_{i}" for i in rows]
            time = f"t + {float(tableau.c[s])!r}*h"
            lines.append(f"{_several('g', states)} = rates({time}, {_several('u', states)} z)")
        by_time = f"{float(tableau.D[s])!r}*h" if timed and tableau.D[s] else ""
        for i, rate in enumerate(at):
            slope = f" + {by_time}*z[BY_TIME + {i}]" if by_time else ""
            stages = _sum_of_stages(tableau.C[s], s, i)
            lines.append(f"g_{i} = {rate}{slope}{f' + x*({stages[3:]})' if stages else ''}")
        lines.append(f"{_several(f'k{s}', states)} = solve({_several('g', states)} z)")
    lines += [f"z[STAGES + {s * states + i}] = k{s}_{i}" for s in range(8) for i in rows]
    lines += [f"z[END + {i}] = u_{i} + k7_{i}" for i in rows]
    return function_text("take_stages(t, h, z)", lines)


def _sum_of_stages(coefficients: Sequence[float], before: int, i: int) -> str:
    used = [(float(a), r) for r, a in enumerate(coefficients[:before]) if a]
    return "".join(f" + {a!r}*k{r}_{i}" for a, r in used)


def _several(name: str, count: int) -> str:
    """Variables in a row, a comma behind each: arguments before another one, or a tuple."""
    return " ".join(f"{name}_{i}," for i in range(count))


def _stores(array: str, values: Iterable[str]) -> list[str]:
    return [f"z[{array} + {i}] = {value}" for i, value in enumerate(values)]


def _inside(time: str) -> str:
    """The time of an evaluation, kept off the edges of the stretch, at which rates may switch."""
    return f"t = min(max({time}, z[EDGES]), z[EDGES + 1])"


def _states(count: int) -> list[str]:
    return [f"y_{i} = z[STATE + {i}]" for i in range(count)]


def _tableau() -> str:
    return f"GAMMA = {tableau.GAMMA!r}\nH = np.array({tableau.H.tolist()!r})\n"


def _stepper() -> str:
    """Source of the stepper and of the course without their heads: what they import is written above."""
    steps, runs = inspect.getsource(stepper), inspect.getsource(course)
    return f"{steps[steps.index('OK, TOO_MANY') :]}\n\n{runs[runs.index('@compiled') :]}"


_HELPERS = """
inner = {"error_model": "numpy", "nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
compiled = numba.njit(fastmath={"contract"}, **inner)
exact = numba.njit(**inner)
entry = numba.njit(error_model="numpy", nogil=True, cache=True)


@compiled
def power(x, l, e):
    return exp(e * l) if x > 0.0 else x**e


@compiled
def power_slope(x, l, e):
    if x > 0.0:
        return e * exp((e - 1.0) * l)
    return 0.0 if x == 0.0 and e < 1.0 else e * x ** (e - 1.0)

"""
