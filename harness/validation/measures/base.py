"""What every measure is: a declaration that knows what it reads, checks it, and gives one number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from harness.declarations import Declaration
from harness.errors import unknown_name
from harness.studies.outcome import StudyDeclaration
from harness.validation.curves import Curve, Evidence

__all__ = ["Measure"]


class Measure(Declaration, ABC):
    """Base of the measures; `kind` tells them apart."""

    kind: str

    def reads(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a curve and an observable of it that are read."""
        return ()

    def studies(self) -> tuple[str, ...]:
        """Names of the studies that are read."""
        return ()

    def numbers(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a study and a number of it that are read."""
        return ()

    def check(self, curves: Mapping[str, Curve], studies: Mapping[str, StudyDeclaration]) -> None:
        """Hold all names against what the panel declares, before anything runs.

        Raises
        ------
        InputError
            When a curve, observable or study is unknown.
        """
        for curve, observable in self.reads():
            if curve not in curves:
                raise unknown_name("curve", curve, curves)
            if observable not in (symbols := curves[curve].symbols):
                raise unknown_name(f"observable of curve {curve}", observable, symbols)
        for study in self.studies():
            if study not in studies:
                raise unknown_name("study", study, studies)

    def fixed_by(self, evidence: str, studies: Mapping[str, StudyDeclaration]) -> str:  # noqa: ARG002 - most run models
        """Why nothing that is run can change the number, so that no threshold tests anything; else empty.

        `evidence` is that of the target.
        """
        return ""

    @abstractmethod
    def score(self, evidence: Evidence) -> float:
        """The number.

        Raises
        ------
        NoData
            When it compares with numbers that nobody has filled in.
        """
