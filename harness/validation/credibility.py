"""What a user says of the use of a model, for the tables of credibility: one file, every field optional.

Promise: nothing is filled in for the user; an open field stays open.
"""

from __future__ import annotations

from pathlib import Path

from harness.declarations import Declaration, read_declaration
from harness.models.card import repository

__all__ = ["ContextOfUse", "read_use"]


class ContextOfUse(Declaration):
    """The use of a model, as ICH M15 and ASME V&V 40 ask for it.

    Attributes
    ----------
    question
        Question of interest: what is to be decided.
    context
        Context of use: what the model is to say for it, and with what other evidence.
    influence
        Weight of the model among all evidence.
    consequence
        What a wrong decision would do.
    criteria
        What the model must reach for that, before it is looked at.
    relevance
        How what was validated here bears on the context of use: product, patients, doses, times.
    """

    question: str = ""
    context: str = ""
    influence: str = ""
    consequence: str = ""
    criteria: str = ""
    relevance: str = ""


def read_use(path: Path | None = None) -> ContextOfUse:
    """The file of a user; by default ``validation/credibility.yaml``.

    Raises
    ------
    InputError
        When the file is missing or broken.
    """
    return read_declaration(path or repository() / "validation" / "credibility.yaml", ContextOfUse)
