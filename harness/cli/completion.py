"""What the shell offers for a half-typed line: names of the catalogue, and those of the model that it names.

Promise: completion never fails; where nothing can be known yet it offers nothing. Of symbols it offers those
that a user has reason to name: parameters where a value is set, observables and states where one is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.models.card import ModelCard

__all__ = [
    "complete_condition",
    "complete_endpoint",
    "complete_engine",
    "complete_fit",
    "complete_format",
    "complete_model",
    "complete_observable",
    "complete_of",
    "complete_omega",
    "complete_panel",
    "complete_parameter",
    "complete_reading",
    "complete_regimen",
    "complete_rule",
    "complete_setting",
    "complete_tool",
    "complete_watched",
]


def complete_model(incomplete: str) -> list[str]:
    """Models of the catalogue and of the library."""
    from harness.models.catalog import library_names, model_names

    return _starting((*model_names(), *library_names()), incomplete)


def complete_panel(incomplete: str) -> list[str]:
    """Panels that can be scored."""
    from harness.validation.spec import panel_names

    return _starting(panel_names(), incomplete)


def complete_fit(incomplete: str) -> list[str]:
    """Fits that are declared beside the panels."""
    from harness.fitting.problem import problem_names

    return _starting(problem_names(), incomplete)


def complete_format(incomplete: str) -> list[str]:
    """Formats of an export."""
    from harness.archives.export import FORMATS

    return _starting(FORMATS, incomplete)


def complete_tool(incomplete: str) -> list[str]:
    """Tools that a comparison can run."""
    from harness.exchange.tools import TOOLS

    return _starting(TOOLS, incomplete)


def complete_engine(incomplete: str) -> list[str]:
    """What runs simulations."""
    from harness.simulation.engines import ENGINES

    return _starting(ENGINES, incomplete)


def complete_rule(incomplete: str) -> list[str]:
    """Rules of progression."""
    from harness.analysis.response import criteria

    return _starting(criteria().rules, incomplete)


def complete_of(*words: str) -> Callable[[str], list[str]]:
    """Some words."""
    return lambda incomplete: _starting(words, incomplete)


def complete_reading(ctx: typer.Context, incomplete: str) -> list[str]:
    """Readings of the model that the line names."""
    return _of_model(ctx, lambda card: card.readings, incomplete)


def complete_condition(ctx: typer.Context, incomplete: str) -> list[str]:
    """Conditions of that model."""
    from harness.models.catalog import conditions

    return _of_model(ctx, lambda card: conditions(card) if card.conditions else (), incomplete)


def complete_setting(ctx: typer.Context, incomplete: str) -> list[str]:
    """Parameters of that model that can be set, each with the = that follows."""
    return _of_model(ctx, lambda card: [f"{name}=" for name in card.symbols.offered()], incomplete)


def complete_parameter(ctx: typer.Context, incomplete: str) -> list[str]:
    """Parameters of that model, the last of several with commas."""
    return _last_of_list(ctx, lambda card, _typed: card.symbols.offered(), incomplete)


def complete_omega(ctx: typer.Context, incomplete: str) -> list[str]:
    """Parameters of that model that vary between patients, each with the = that follows."""
    from harness.models.provenance import omegas_of

    return _of_model(ctx, lambda card: [f"{name}=" for name in omegas_of(card)], incomplete)


def complete_observable(ctx: typer.Context, incomplete: str) -> list[str]:
    """What can be read out of that model, the last of several with commas."""
    return _last_of_list(ctx, lambda card, _typed: _readable(card), incomplete)


def complete_watched(ctx: typer.Context, incomplete: str) -> list[str]:
    """The same, or its logarithm."""

    def offered(card: ModelCard, _typed: str) -> Iterable[str]:
        names = _readable(card)
        return [*names, *(f"log({name})" for name in names)]

    return _last_of_list(ctx, offered, incomplete)


def complete_endpoint(ctx: typer.Context, incomplete: str) -> list[str]:
    """Endpoints that the model declares, functions, and within one what it is of; the last of several."""

    def offered(card: ModelCard, typed: str) -> Iterable[str]:
        from harness.analysis.library import FUNCTIONS

        function, opened, _ = typed.partition("(")
        if opened:
            return [f"{function}({name}" for name in _readable(card)] if function in FUNCTIONS else ()
        return [*card.endpoints, *(f"{name}(" for name in FUNCTIONS)]

    return _last_of_list(ctx, offered, incomplete)


def complete_regimen(ctx: typer.Context, incomplete: str) -> list[str]:
    """Regimens of the file that the line names."""
    from harness.simulation.declared_regimens import declared_regimens

    try:
        return _starting(declared_regimens(Path(ctx.params["regimens"])), incomplete)
    except (InputError, KeyError, TypeError):
        return []


def _readable(card: ModelCard) -> list[str]:
    """Observables of a model, then whatever else it computes."""
    from harness.models.symbols import Kind

    symbols = card.symbols.values()
    return list(
        dict.fromkeys(
            [*card.observables, *(s.id for s in symbols if not s.settable and s.kind is not Kind.CLOCK)]
        )
    )


def _last_of_list(
    ctx: typer.Context, names: Callable[[ModelCard, str], Iterable[str]], incomplete: str
) -> list[str]:
    """What goes on with the last of several names; what is typed before it stays."""
    last = re.split(r",(?![^(]*\))\s*", incomplete)[-1]
    before = incomplete.removesuffix(last)
    return [before + name for name in _of_model(ctx, lambda card: names(card, last), last)]


def _of_model(ctx: typer.Context, names: Callable[[ModelCard], Iterable[str]], incomplete: str) -> list[str]:
    from harness.models.catalog import load_card

    model = ctx.params.get("model") or next(iter(ctx.args), "clinical")  # unread behind an open option
    try:
        return _starting(names(load_card(model)), incomplete)
    except InputError:
        return []


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
