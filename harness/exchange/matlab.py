"""A model as a MATLAB file: one function that solves it, with its doses, and gives a column for each symbol.

Promise: the file needs no other one, in MATLAB or Octave; it is written from the same
:class:`~harness.models.equations.Equations` that the independent right-hand side solves, events included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.exchange.rhs import lines, start_lines
from harness.models.equations import Equations
from harness.models.mathml import MATLAB, TIME, Dialect, write

__all__ = ["matlab_text"]


def matlab_text(equations: Equations) -> str:
    """A function `run = MODEL(times, changes)`; `changes`, a structure, holds other values of parameters."""
    spell = MATLAB.name
    states, formulas = list(map(spell, equations.rates)), list(map(spell, equations.formulas))
    dialect = replace(MATLAB, name=lambda name: _in_structure(name, equations))
    constants = "".join(f"  p.{spell(name)} = {value!r};\n" for name, value in equations.constants.items())
    unpack = "".join(f"  {state} = states({place});\n" for place, state in enumerate(states, start=1))
    body = unpack + lines(equations.formulas, dialect, "  {0} = {1};")
    rates = lines(equations.rates, dialect, "    {1}  % {0}")
    return (
        f"function run = {spell(equations.model)}(times, changes)\n"
        "% Solve the model at ascending times from 0: run.time, and a column for each state and formula.\n"
        "% The fields of the structure `changes` are other values of parameters.\n"
        f"% States: {' '.join(states)}\n% Formulas: {' '.join(formulas)}\n"
        + _SOLVE.format(count=len(states), states=_cell(states), formulas=_cell(formulas))
        + f"function p = parameters()\n{constants or '  p = struct();'}end\n\n"
        f"function states = initial(time, p)\n{start_lines(equations, dialect, '  {0} = {1};')}"
        f"  states = [{'; '.join(states)}];\nend\n\n"
        f"function [rates, values] = rhs(time, states, p)\n{body}"
        f"  rates = [\n{rates}  ];\n  values = [{' '.join(formulas)}];\nend\n\n"
        f"{_events(equations, dialect, body, states)}"
        "function value = ifelse(condition, yes, no)\n"
        "  if condition\n    value = yes;\n  else\n    value = no;\n  end\nend\n"
    )


_SOLVE = """\
  p = parameters();
  if nargin > 1
    for name = fieldnames(changes)'
      if ~isfield(p, name{{1}})
        error('the model has no parameter %s', name{{1}});
      end
      p.(name{{1}}) = changes.(name{{1}});
    end
  end
  times = times(:);
  stops = moments(p);
  stops = unique([0; stops(stops < times(end)); times(end)]);
  options = odeset('RelTol', 1e-9, 'AbsTol', 1e-12);
  state = initial(0, p);
  y = zeros(numel(times), {count});
  for part = 1:numel(stops) - 1
    state = after(stops(part), state, p);
    inside = times >= stops(part) & times < stops(part + 1);
    span = stops(part + 1) - stops(part);
    % Octave takes 500 steps at most from one time to the next, and starts from this slope.
    grid = unique([stops(part); stops(part) + span*logspace(-9, -0.1, 90)'; times(inside); stops(part + 1)]);
    options = odeset(options, 'InitialSlope', rhs(stops(part), state, p));
    [~, found] = ode15s(@(time, states) rhs(time, states, p), grid, state, options);
    if size(found, 1) < numel(grid)
      error('the solution ends before %g', stops(part + 1));
    end
    [~, place] = ismember(times(inside), grid);
    y(inside, :) = found(place, :);
    state = found(end, :)';
  end
  y(end, :) = after(times(end), state, p);
  run.time = times;
  states = {{{states}}};
  for column = 1:numel(states)
    run.(states{{column}}) = y(:, column);
  end
  formulas = {{{formulas}}};
  for row = 1:numel(times)
    [~, values] = rhs(times(row), y(row, :), p);
    for column = 1:numel(formulas)
      run.(formulas{{column}})(row, 1) = values(column);
    end
  end
end

"""


def _events(equations: Equations, dialect: Dialect, body: str, states: list[str]) -> str:
    """When something happens, and the states after it; every formula is read before any value changes."""
    moments = [write(event.time, dialect) for event in equations.events]
    changed = "".join(
        f"  if time == {moment}\n"
        + "".join(
            f"    given({states.index(dialect.name(name)) + 1}) = {write(formula, dialect)};\n"
            for name, formula in event.assignments.items()
        )
        + "  end\n"
        for moment, event in zip(moments, equations.events, strict=True)
    )
    return (
        f"function times = moments(p)\n  times = [{'; '.join(moments)}];\nend\n\n"
        "function given = after(time, states, p)\n  given = states;\n"
        f"{body + changed if changed else ''}end\n\n"
    )


def _cell(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _in_structure(name: str, equations: Equations) -> str:
    """A constant is a field of the structure of parameters."""
    spelled = MATLAB.name(name)
    return f"p.{spelled}" if name in equations.constants and name != TIME else spelled
