"""A model for people: its parameters and equations as Markdown, and as LaTeX.

Promise: every symbol, value, unit and equation of the use is there, taken from the same equations that the
independent right-hand side solves.
"""

from __future__ import annotations

import re

from harness.exchange.use import Use
from harness.models.equations import Equations, read_equations
from harness.models.mathml import COMPARISONS, RXODE2, Expression, write

__all__ = ["latex_lines", "latex_text", "markdown_text", "parameter_rows"]


def markdown_text(use: Use) -> str:
    """Markdown: a table of parameters, and equations in a code block."""
    equations = read_equations(use.sbml())
    rows = "\n".join(f"| `{n}` | {v:.10g} | {unit} | {what} |" for n, v, unit, what in parameter_rows(use))
    start = "\n".join(f"{n}(0) = {write(f, RXODE2)}" for n, f in equations.initial.items())
    given = "\n".join(f"{n} = {write(f, RXODE2)}" for n, f in equations.formulas.items())
    rates = "\n".join(f"d {n}/dt = {write(f, RXODE2)}" for n, f in equations.rates.items())
    return (
        f"# {use.card.title}\n\nModel `{use.card.id}`, time in {use.symbols.time_unit}.\n\n"
        "| parameter | value | unit | meaning |\n|---|---|---|---|\n"
        f"{rows}\n\n```\n{start}\n\n{given}\n\n{rates}\n{_events(equations)}```\n"
    )


def parameter_rows(use: Use) -> list[tuple[str, float, str, str]]:
    """Constants of a use: id, value, unit and meaning of each."""
    equations = read_equations(use.sbml())
    rows = []
    for name, value in equations.constants.items():
        symbol = use.symbols.symbols.get(name)  # a dose that is an event has none in the model
        rows.append((name, value, symbol.unit if symbol else "", symbol.name if symbol else "of the regimen"))
    return rows


def _events(equations: Equations) -> str:
    lines = [
        f"at time {write(event.time, RXODE2)}: {name} = {write(formula, RXODE2)}\n"
        for event in equations.events
        for name, formula in event.assignments.items()
    ]
    return "\n" + "".join(lines) if lines else ""


def latex_lines(use: Use) -> dict[str, list[str]]:
    """LaTeX of each equation, with an & where they are aligned: `initial`, `formulas`, `rates`, `events`."""
    equations = read_equations(use.sbml())
    return {
        "initial": [rf"{_symbol(n)}(0) &= {_latex(f)[0]}" for n, f in equations.initial.items()],
        "formulas": [rf"{_symbol(n)} &= {_latex(f)[0]}" for n, f in equations.formulas.items()],
        "rates": [rf"\frac{{d\,{_symbol(n)}}}{{dt}} &= {_latex(f)[0]}" for n, f in equations.rates.items()],
        "events": [
            rf"{_symbol(n)} &\leftarrow {_latex(f)[0]} \quad\text{{at }} t = {_latex(event.time)[0]}"
            for event in equations.events
            for n, f in event.assignments.items()
        ],
    }


def latex_text(use: Use) -> str:
    """A LaTeX document: a table of parameters, and one line an equation."""
    rows = "\n".join(
        rf"${_symbol(name)}$ & {_number(value)} & {_text(unit)} & {_text(what)} \\"
        for name, value, unit, what in parameter_rows(use)
    )
    lines = [line for group in latex_lines(use).values() for line in group]
    body = " \\\\\n".join(lines)
    return (
        "\\documentclass{article}\n\\usepackage{amsmath,longtable}\n\\allowdisplaybreaks\n\\begin{document}\n"
        f"\\section*{{{_text(use.card.title)}}}\nTime in {_text(use.symbols.time_unit)}.\n"
        "\\begin{longtable}{llll}\nparameter & value & unit & meaning \\\\\n\\hline\n"
        f"{rows}\n\\end{{longtable}}\n\\begin{{align*}}\n{body}\n\\end{{align*}}\n\\end{{document}}\n"
    )


def _text(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text).replace("^", r"\^{}")


def _symbol(name: str) -> str:
    first, _, rest = name.partition("_")
    return rf"\mathrm{{{first}}}" + (rf"_{{\mathrm{{{_text(rest)}}}}}" if rest else "")


def _number(value: float) -> str:
    mantissa, _, exponent = f"{value:.10g}".partition("e")
    return rf"${mantissa} \cdot 10^{{{int(exponent)}}}$" if exponent else mantissa


_SUM, _PRODUCT, _POWER, _ATOM = range(4)


def _latex(expression: Expression) -> tuple[str, int]:
    """LaTeX of a formula, and how tightly its outermost operator binds."""
    operator, arguments = expression.operator, expression.arguments
    parts = [_latex(argument) for argument in arguments]
    match operator:
        case "number":
            value = float(expression.value)
            return _number(value).strip("$"), _rank_of_number(value)
        case "name":
            return ("t" if expression.value == "time" else _symbol(str(expression.value))), _ATOM
        case "divide":
            return rf"\frac{{{parts[0][0]}}}{{{parts[1][0]}}}", _ATOM
        case "power":
            return rf"{_bracket(parts[0], _ATOM)}^{{{parts[1][0]}}}", _POWER
        case "times":
            return r" \, ".join(_bracket(part, _PRODUCT) for part in parts), _PRODUCT
        case "minus" if len(parts) == 1:
            return f"-{_bracket(parts[0], _PRODUCT)}", _SUM
        case "minus":
            return f"{parts[0][0]} - {_bracket(parts[1], _PRODUCT)}", _SUM
        case "plus":
            return " + ".join(text for text, _ in parts), _SUM
        case "if":
            yes, no = parts[1][0], parts[2][0]
            return rf"\begin{{cases}} {yes} & {parts[0][0]} \\ {no} & \text{{otherwise}} \end{{cases}}", _ATOM
        case _ if operator in COMPARISONS:
            sign = {"leq": r"\le", "geq": r"\ge", "neq": r"\ne"}.get(operator, COMPARISONS[operator][0])
            return f" {sign} ".join(text for text, _ in parts), _SUM
        case "and" | "or":
            return rf" \text{{ {operator} }} ".join(_bracket(part, _ATOM) for part in parts), _SUM
        case "exp":
            return rf"e^{{{parts[0][0]}}}", _POWER
        case _:
            return rf"\operatorname{{{operator}}}\left({parts[0][0]}\right)", _ATOM


def _rank_of_number(value: float) -> int:
    """One with a sign or a power of ten is in brackets where it is a base."""
    if value < 0:
        return _SUM
    return _PRODUCT if "e" in f"{value:.10g}" else _ATOM


def _bracket(part: tuple[str, int], rank: int) -> str:
    text, own = part
    return text if own >= rank else rf"\left({text}\right)"
