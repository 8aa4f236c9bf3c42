"""Names that are near by what they mean: the symbols of a model for a name that it does not know.

Promise: words that mean the same stand in ``meaning.yaml`` alone; what a symbol means is what its model says.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from harness.declarations import Declaration, read_declaration

__all__ = ["nearest"]

IN_WORDS = 0.5
"""What a word counts that a symbol has in its description alone, against one in its own name."""

ENOUGH = 0.4
"""Share of what a name says that a symbol must say too."""


class Words(Declaration):
    """Groups of words that mean the same; a word can be in several."""

    same: tuple[tuple[str, ...], ...]


def nearest(name: str, meanings: Mapping[str, str], most: int = 3) -> list[str]:
    """Of symbols, by id with what each means, those that say what a name says, the best first.

    A word of the name counts the more, the fewer symbols have it.
    """
    asked = [{word}.union(*(group for group in _groups() if word in group)) for word in _words(name)]
    hits = {id_: [_hit(words, id_, meaning) for words in asked] for id_, meaning in meanings.items()}
    weights = [1 / max(sum(map(bool, of_word)), 1) for of_word in zip(*hits.values(), strict=True)]
    shares = {id_: sum(map(operator.mul, weights, found)) for id_, found in hits.items()}
    near = [id_ for id_, share in shares.items() if share >= ENOUGH * sum(weights) > 0]
    return sorted(near, key=lambda id_: -shares[id_])[:most]


def _hit(words: set[str], id_: str, meaning: str) -> float:
    """How far a symbol says one of some words."""
    if words.intersection(_words(id_)):
        return 1.0
    return IN_WORDS if words.intersection(_words(meaning)) else 0.0


def _words(text: str) -> list[str]:
    """Words of a name or a sentence, in small letters; a hump of a camel is one."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+", text)]


@cache
def _groups() -> tuple[tuple[str, ...], ...]:
    return read_declaration(Path(__file__).with_suffix(".yaml"), Words).same
