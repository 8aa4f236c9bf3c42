"""Commands on the models themselves: models, build, check."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_model

if TYPE_CHECKING:
    from harness.models.card import ModelCard

__all__ = ["build", "check", "models"]

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]...", help="Models; all when none is named.", autocompletion=complete_model
    ),
]


def models(names: Names = None) -> None:
    """List the models, their readings and conditions; of one that is named, its parameters too."""
    from harness.models.catalog import library_names, load_card, model_names

    for card in [load_card(name) for name in names or (*model_names(), *library_names())]:
        _print_card(card)
        if names:
            _print_symbols(card)


def _print_card(card: ModelCard) -> None:
    from harness.models.catalog import conditions

    print(f"{card.id}: {card.title}" + (f" ({card.figure})" if card.figure else ""))
    for reading, declared in card.readings.items():
        print(f"  --reading {reading}: {declared.statement} [{declared.ledger}]")
    if card.conditions:
        print(f"  --condition {', '.join(conditions(card))}")


def _print_symbols(card: ModelCard) -> None:
    """What can be set, with its value; what is read out; the endpoints that the model declares."""
    from harness.cli.terminal import plain_table, print_table
    from harness.models.units import readable

    symbols = card.symbols
    set_ = plain_table("parameter", "value", "unit", "meaning", right=("value",))
    for symbol in map(symbols.__getitem__, symbols.offered()):
        value = "-" if math.isnan(symbol.value) else f"{symbol.value:g}"
        set_.add_row(symbol.id, value, readable(symbol.unit), symbol.said)
    read = plain_table("observable", "unit", "meaning")
    for symbol in map(symbols.__getitem__, card.observables):
        read.add_row(symbol.id, readable(symbol.unit), symbol.name)
    for table in (set_, read):
        print()
        print_table(table)
    if card.endpoints:
        print(f"\nendpoints: {', '.join(card.endpoints)}")


def build(
    names: Names = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when sbml/ is not a fresh build.")
    ] = False,
) -> None:
    """Compile Antimony to SBML: L3V2, L3V1 and the solver form."""
    from harness.errors import unknown_name
    from harness.models.build import build as compile_model
    from harness.models.build import stale, write_sbml
    from harness.models.catalog import load_card, model_names

    for name in set(names or ()) - set(model_names()):
        raise unknown_name("model of the catalogue", name, model_names())
    cards = [load_card(name) for name in names or model_names()]
    built = [(card, compile_model(card)) for card in cards]  # all compile before any is written
    if check:
        old = [path for card, text in built for path in stale(card, text)]
        for path in old:
            print(f"{path.name} is not a fresh build; run: cart build")
        raise typer.Exit(1 if old else 0)
    for card, text in built:
        changed = {path.name for path in write_sbml(card, text)}
        for path in card.sbml_paths().values():
            print(f"{path.name}: {'written' if path.name in changed else 'up to date'}")


def check(names: Names = None) -> None:
    """Check the built SBML: libSBML with strict units, annotation, naming, provenance.

    A model of another article is asked for its sources, one of your own what libSBML says of it.
    """
    from harness.models.catalog import load_card, model_names
    from harness.models.check import check_model, checks_of

    cards = [load_card(name) for name in names or model_names()]
    issues = [issue for card in cards for issue in check_model(card)]
    for issue in issues:
        print(issue)
    asked = dict.fromkeys(type(check).__name__ for card in cards for check in checks_of(card))
    count = sum(len(card.sbml_paths()) for card in cards)
    print(f"{count} files checked ({', '.join(asked)}): {len(issues)} messages")
    raise typer.Exit(1 if issues else 0)
