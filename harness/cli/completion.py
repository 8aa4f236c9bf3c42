"""What the shell offers for a half-typed line: models, and the readings, conditions and parameters of one.

Promise: completion never fails; where nothing can be known yet it offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.models.card import ModelCard

__all__ = ["complete_condition", "complete_model", "complete_panel", "complete_parameter", "complete_reading"]


def complete_model(incomplete: str) -> list[str]:
    """Models of the catalogue."""
    from harness.models.catalog import model_names

    return _starting(model_names(), incomplete)


def complete_panel(incomplete: str) -> list[str]:
    """Panels that can be scored."""
    from harness.validation.spec import panel_names

    return _starting(panel_names(), incomplete)


def complete_reading(ctx: typer.Context, incomplete: str) -> list[str]:
    """Readings of the model that the line names."""
    return _of_model(ctx, lambda card: card.readings, incomplete)


def complete_condition(ctx: typer.Context, incomplete: str) -> list[str]:
    """Conditions of that model."""
    from harness.models.catalog import conditions

    return _of_model(ctx, lambda card: conditions(card) if card.conditions else (), incomplete)


def complete_parameter(ctx: typer.Context, incomplete: str) -> list[str]:
    """Parameters of that model that can be set, each with the = that follows."""
    return _of_model(ctx, lambda card: [f"{name}=" for name in card.symbols.offered()], incomplete)


def _of_model(ctx: typer.Context, names: Callable[[ModelCard], Iterable[str]], incomplete: str) -> list[str]:
    from harness.models.catalog import load_card

    model = ctx.params.get("model") or next(iter(ctx.args), "clinical")  # unread behind an open option
    try:
        return _starting(names(load_card(model)), incomplete)
    except InputError:
        return []


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
