"""The endpoints of a plan, and the observables that it reads: by name, as a call, or a user's own function.

Promise: what the model does not have, or does not mean anything of it, is told in one line before anything
runs; a time that no run reaches is noted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.analysis.gives import unit_given
from harness.analysis.library import FUNCTIONS, WORDS, require_options
from harness.analysis.moments import SAME
from harness.errors import InputError, unknown_name
from harness.former import current
from harness.models.card import DeclaredEndpoint, ModelCard, is_path
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.reading import parse_number
from harness.simulation.own_code import text_of
from harness.simulation.study import EndpointCall

__all__ = ["endpoint_call", "moving_ones", "notes_beyond_the_end", "observables_of"]


def observables_of(
    card: ModelCard, symbols: SymbolTable, wanted: str | Sequence[str] | None
) -> tuple[str, ...]:
    """Observables that are wanted, each once; by default those that the model declares.

    Raises
    ------
    InputError
        When none is given, or one is not of the model.
    """
    if wanted is None:
        return card.observables
    wanted = (wanted,) if isinstance(wanted, str) else wanted
    if not wanted:
        raise InputError("observables: none given")
    for name in wanted:
        if name not in symbols:
            raise symbols.unknown("observable", name, symbols)
    return tuple(dict.fromkeys(wanted))


def endpoint_call(text: str, card: ModelCard, symbols: SymbolTable) -> EndpointCall:
    """Endpoint by the name that a model declares, as a call, or by the import path of a function.

    Raises
    ------
    InputError
        When there is none of that name, or an option or the observable of a call is none.
    """
    text = current("endpoint", text.strip())
    if text in card.endpoints:
        return _checked_call(text, card.endpoints[text], symbols)
    if re.fullmatch(r"[\w.]+:\w+", text):
        call = EndpointCall(text.partition(":")[2], text, "", text=text_of(text))
        return replace(call, unit=unit_given(text, call.load(), time=symbols.time_unit))
    match = re.fullmatch(r"(\w+)\(\s*(\w+)\s*((?:,\s*\w+\s*=\s*[^,=]+)*)\)", text)
    if match is None:
        raise unknown_name(f"endpoint of {card.id}", text, [*card.endpoints, *FUNCTIONS])
    options = [[side.strip() for side in part.split("=")] for part in match[3].split(",") if part.strip()]
    given = {name: value if name in WORDS else parse_number(value) for name, value in options}
    if any(isinstance(value, float) and math.isnan(value) for value in given.values()):
        raise InputError(f"endpoint {text}: an option is no number")
    if len(given) < len(options):
        raise InputError(f"endpoint {text}: an option is given twice")
    declared = DeclaredEndpoint(function=match[1], observable=match[2], **{"options": given})
    return _checked_call(re.sub(r"[^\w.-]+", "_", text).strip("_"), declared, symbols)


def _checked_call(name: str, declared: DeclaredEndpoint, symbols: SymbolTable) -> EndpointCall:
    if declared.function not in FUNCTIONS:
        raise unknown_name("endpoint function", declared.function, FUNCTIONS)
    if declared.observable not in symbols:
        raise symbols.unknown("observable", declared.observable, symbols)
    require_options(declared.function, FUNCTIONS[declared.function], declared.options)
    value, time = symbols[declared.observable].unit, symbols.time_unit
    _require_curve(declared, value, symbols)
    unit = unit_given(name, FUNCTIONS[declared.function], value=value, time=time)
    options = dict(declared.options)
    if "day" in options:
        options["day"] = convert(float(options["day"]), "day", time, f"endpoint {name}: day")
    return EndpointCall(name, declared.function, unit, declared.observable, options)


def _require_curve(declared: DeclaredEndpoint, unit: str, symbols: SymbolTable) -> None:
    """Refuse an observable in another unit than that of all that the function means something of."""
    of = getattr(FUNCTIONS[declared.function], "of", unit)
    if unit in (of, "", "dimensionless"):
        return
    fit = ", ".join(name for name, symbol in symbols.items() if symbol.unit == of and not symbol.settable)
    said = f"is of what is in {of}, and {declared.observable} is in {unit}"
    raise InputError(f"endpoint {declared.function}: {said}" + (f"; there are {fit}" if fit else ""))


def notes_beyond_the_end(calls: Sequence[EndpointCall], end: float, unit: str) -> Iterator[str]:
    """Notes on calls of a time that no run reaches."""
    for call in calls:
        times = [value for name, value in call.options.items() if name in ("start", "stop", "day")]
        late = max((float(time) for time in times), default=0.0)
        if late > end * (1 + SAME):
            said = f"{late:g} lies after the end, {end:g} {unit}"
            yield f"endpoint {call.name}: {said}, and it may have no value"


def moving_ones(card: ModelCard, asked: Sequence[str], calls: Sequence[EndpointCall]) -> tuple[str, ...]:
    """Endpoints that nothing vouches for: of a user's own model, or not declared by the model."""
    declared = () if is_path(card.id) else tuple(card.endpoints)
    given = zip(asked, calls, strict=True)
    return tuple(call.name for text, call in given if call.observable and text.strip() not in declared)
