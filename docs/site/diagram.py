"""A diagram of a model, drawn from its SBML: states by compartment, what flows, and what acts on what.

Promise: every reaction and every rate rule is in it. What moves from one state to another is an arrow; what
comes to or goes from one state alone stands under its name; a dashed arrow says that a state is in the rate
of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import libsbml
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from harness.figures.style import COLOURS, INK, axes_for
from harness.models.equations import Equations, read_equations
from harness.models.mathml import Expression

__all__ = ["Scheme", "draw_scheme", "scheme_of"]

RULED = "by rate rules"
WIDTH, HEIGHT, ACROSS, DOWN = 2.0, 0.8, 3.5, 1.25


@dataclass
class Scheme:
    """Columns of states by title; flows from state to state; gains and losses of one; influences."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    flows: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    gains: dict[str, list[str]] = field(default_factory=dict)
    losses: dict[str, list[str]] = field(default_factory=dict)
    influences: set[tuple[str, str]] = field(default_factory=set)


def scheme_of(sbml: str) -> Scheme:
    """The scheme of an SBML text."""
    model = libsbml.readSBMLFromString(sbml).getModel()
    equations = read_equations(sbml)
    scheme = Scheme()
    species = {s.getId(): s for s in model.getListOfSpecies()}
    for state in equations.rates:
        home = model.getCompartment(species[state].getCompartment()) if state in species else None
        title = home.getId() if home else RULED
        scheme.columns.setdefault(title, []).append(state)
    for reaction in model.getListOfReactions():
        _add_reaction(scheme, reaction, equations)
    for state, rate in equations.rates.items():
        for name in _read(rate, equations.formulas) & (equations.rates.keys() - {state}):
            if not {(name, state), (state, name)} & scheme.flows.keys():
                scheme.influences.add((name, state))
    return scheme


def _add_reaction(scheme: Scheme, reaction: libsbml.Reaction, equations: Equations) -> None:
    given = {r.getSpecies(): r.getStoichiometry() for r in reaction.getListOfReactants()}
    made = {r.getSpecies(): r.getStoichiometry() for r in reaction.getListOfProducts()}
    change = {s: made.get(s, 0) - given.get(s, 0) for s in [*given, *made] if s in equations.rates}
    up = [state for state, by in change.items() if by > 0]
    down = [state for state, by in change.items() if by < 0]
    for state in up:
        for other in down:
            scheme.flows.setdefault((other, state), []).append(reaction.getId())
        if not down:
            scheme.gains.setdefault(state, []).append(reaction.getId())
    for state in down if not up else ():
        scheme.losses.setdefault(state, []).append(reaction.getId())


def _read(formula: Expression, formulas: Mapping[str, Expression]) -> set[str]:
    """Names that a formula depends on, through other formulas too."""
    if formula.operator == "name":
        name = str(formula.value)
        return _read(formulas[name], formulas) if name in formulas else {name}
    return set().union(*(_read(part, formulas) for part in formula.arguments))


def draw_scheme(scheme: Scheme, names: Mapping[str, str], ax: Axes | None = None) -> Axes:
    """Draw a scheme; `names` says what a state is."""
    rows = max(map(len, scheme.columns.values()))
    (axes,) = axes_for([ax] if ax else None, 1, ACROSS * len(scheme.columns), DOWN * rows + 0.5)
    place = {
        state: (ACROSS * column, -DOWN * row)
        for column, states in enumerate(scheme.columns.values())
        for row, state in enumerate(states)
    }
    for column, title in enumerate(scheme.columns):
        told = f"{names[title]} ({title})" if names.get(title) else title
        axes.text(ACROSS * column, 0.72, told, ha="center", color=INK, fontsize=9, fontweight="bold")
    for state, (x, y) in place.items():
        _box(axes, x, y, state, names.get(state, ""), scheme)
    for (one, other), reactions in scheme.flows.items():
        shift = 0.12 if (other, one) in scheme.flows else 0.0
        _flow(axes, place[one], place[other], ", ".join(reactions), shift)
    for one, other in sorted(scheme.influences):
        _influence(axes, place[one], place[other])
    axes.set_xlim(-ACROSS / 2, ACROSS * (len(scheme.columns) - 0.5))
    axes.set_ylim(-DOWN * (rows - 1) - 0.65, 1.0)
    axes.set_axis_off()
    return axes


def _box(axes: Axes, x: float, y: float, state: str, name: str, scheme: Scheme) -> None:
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    axes.add_patch(
        FancyBboxPatch(corner, WIDTH, HEIGHT, "round,pad=0,rounding_size=0.1", fill=False, edgecolor=INK)
    )
    axes.text(x, y + 0.2, state, ha="center", va="center", color=INK, fontsize=9)
    told = [
        f"{sign} {', '.join(kind[state])}"
        for sign, kind in (("+", scheme.gains), ("−", scheme.losses))
        if state in kind
    ]
    for i, line in enumerate([name, *told]):
        axes.text(x, y + 0.02 - 0.16 * i, line, ha="center", va="center", color=INK, fontsize=6.5)


def _flow(axes: Axes, one: Sequence[float], other: Sequence[float], text: str, shift: float) -> None:
    (x, y), (u, v) = one, other
    right = (u > x) - (u < x)
    start = (x + right * WIDTH / 2, y + shift * right)
    end = (u - right * WIDTH / 2, v + shift * right)
    if not right:
        side = 1 if v < y else -1
        start, end = (x + shift, y - side * HEIGHT / 2), (u + shift, v + side * HEIGHT / 2)
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=COLOURS[0]))
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.09 * right)
    if not right:
        middle = (middle[0] + 0.06, middle[1])
    axes.text(*middle, text, ha="center" if right else "left", va="center", color=INK, fontsize=6.5)


def _influence(axes: Axes, one: Sequence[float], other: Sequence[float]) -> None:
    (x, y), (u, v) = one, other
    right = (u > x) - (u < x)
    bend = 0.0 if right else (0.5 if v < y else -0.5)
    start = (x + (right or 1) * WIDTH / 2, y - 0.2 if right or v < y else y + 0.1)
    end = (u - right * WIDTH / 2, v - 0.2) if right else (u + WIDTH / 2, v + (0.2 if v < y else -0.3))
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="->", mutation_scale=8, color=COLOURS[1], linestyle=(0, (3, 2)),
            connectionstyle=f"arc3,rad={-bend}", linewidth=0.8,
        )
    )  # fmt: skip
