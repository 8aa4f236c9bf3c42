"""Multiscale CAR-T cell pharmacology: models, simulation and validation of Singh et al. 2021.

Promise: what a script needs is here, loaded when it is first used; ``import harness`` itself loads nothing.
The names, by topic, stand in ``__init__.pyi`` beside this file; ``docs/scripts.md`` has a line on each.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module


def __getattr__(name: str) -> object:
    if name == "__all__":
        return [*_homes(), "__version__"]
    if name == "__version__":
        from importlib.metadata import version

        return version("cart-pkpd")
    if not name.startswith("_"):
        from harness.former import current

        name = current("name", name)
    if name.startswith("_") or name not in _homes():
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    return _door(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_homes(), "__all__", "__version__"})


@cache
def _door(name: str) -> object:
    """What a name stands for: a function is held to its types, as the classes are where they are defined."""
    found = getattr(import_module(_homes()[name]), name)
    if isinstance(found, type):
        return found
    from harness.offered import offered

    door = offered(found)
    door.__module__ = __name__  # where whoever unpickles it finds it
    return door


@cache
def _homes() -> dict[str, str]:
    """Module of each name, from the list."""
    from ast import ImportFrom, parse
    from pathlib import Path

    text = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    lines = (line for line in parse(text).body if isinstance(line, ImportFrom))
    return {each.name: str(line.module) for line in lines for each in line.names}
