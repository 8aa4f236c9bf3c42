"""Figures of studies: each kind of study has a function that draws its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from harness.studies.outcome import Outcome, StudyDeclaration

__all__ = ["Drawing", "draw_study"]


@dataclass(frozen=True)
class Drawing:
    """A figure with its title and text alternative."""

    title: str
    figure: Figure
    description: str


DRAWN_BY: dict[str, Callable[[StudyDeclaration, Outcome], list[Drawing]]] = {}


def draw_study(study: StudyDeclaration, outcome: Outcome) -> list[Drawing]:
    """All figures of a study; none for a kind that has none."""
    drawn_by = DRAWN_BY.get(study.kind)
    return drawn_by(study, outcome) if drawn_by else []
