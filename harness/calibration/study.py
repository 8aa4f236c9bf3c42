"""A calibration as a study: candidates fitted to one trial, compared, and held against another one.

Promise: candidates and benchmarks meet the same data in the same way, and nothing of the blind trial enters a
weight. Every table says how many draws count, and what was simulated and failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from harness.calibration import compared
from harness.calibration.benchmarks import BENCHMARKS
from harness.calibration.declared import OfCandidates
from harness.calibration.fitted import Fitted, fit_benchmark, fit_candidate
from harness.calibration.observed import read_blind, read_blind_medians, read_observed
from harness.calibration.stored import draws_table
from harness.errors import RunFailed
from harness.models.card import repository
from harness.simulation.execute import Executor
from harness.studies.outcome import Outcome, Progress

__all__ = ["TABLES", "Calibrate"]

TABLES = ("comparison", "posterior", "responses", "left_out", "designs", "blind")
"""Beside these, the draws of each candidate that has parameters, by :func:`draws_table`."""


class Calibrate(OfCandidates):
    """A calibration of a file; the benchmarks come with its candidates.

    Attributes
    ----------
    budget
        Which of its sizes.
    kept
        Folder in which simulations are kept, to go on after an interruption; none by default.
    """

    kind: Literal["calibration"] = "calibration"
    budget: str = "small"
    kept: str | None = None

    def inputs(self) -> tuple[Path, ...]:
        found = self.read()
        folder = repository() / "validation"
        given = (folder / self.declared, folder / found.responses, folder / found.blind)
        return given + self.files_of_models()

    def table_names(self) -> tuple[str, ...]:
        """Names of all tables that a run gives."""
        declared = self.read()
        return (*TABLES, *(draws_table(name) for name in self.names(declared) if declared.priors(name)))

    def number_names(self) -> tuple[str, ...]:
        declared = self.read()
        declared.size(self.budget)
        names = self.names(declared)
        every = [*names, *BENCHMARKS]
        return (
            *(f"blind_{name}" for name in every),
            *(f"evidence_responses_{name}" for name in every),
            *(f"evidence_{name}" for name in names),
            *(f"ahead_of_published_{name}" for name in names if "published" in names),
            "failed",
        )

    def size(self) -> int:
        declared = self.read()
        return declared.size(self.budget).runs * len(declared.doses) * len(self.names(declared))

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Fit, compare and predict.

        Returns
        -------
        Outcome
            Tables, in percent and months: `comparison`, one row a candidate or benchmark; `posterior`, one
            row
            a parameter; `responses`, rates by dose with their middle 90 %; `left_out`, one row a cohort that
            was not fitted; `blind`, the trial that is predicted, with 90 % intervals; `designs`, what trials
            would say of the candidates; and draws of each
            posterior, equally weighted.
        """
        declared = self.read()
        observed, blind = read_observed(declared), read_blind(declared)
        size = declared.size(self.budget)
        kept = None if self.kept is None else Path(self.kept)
        found: list[Fitted] = []
        for name in self.names(declared):
            found.append(fit_candidate(declared, name, size, observed, executor, progress, kept))
        found += [fit_benchmark(declared, name, size, observed) for name in BENCHMARKS]
        tables = {
            "comparison": compared.comparison(declared, found, observed, blind),
            "posterior": compared.posterior(declared, found),
            "responses": compared.responses(declared, found),
            "left_out": compared.left_out(declared, found, observed),
            "designs": compared.designs(declared, found),
            "blind": compared.blind_intervals(declared, found, blind, read_blind_medians(declared)),
        }
        tables |= {
            draws_table(name): compared.equal_draws(declared, each)
            for name, each in zip(self.names(declared), found, strict=False)
            if declared.priors(name)
        }
        failed = sum(each.failed for each in found)
        if any(each.failed == each.runs > 0 for each in found):
            raise RunFailed("every simulation of a candidate failed")
        notes = tuple(note for each in found for note in each.notes)
        return Outcome(self._numbers(tables["comparison"], failed), tables, self.size(), failed, notes)

    def _numbers(self, table: pd.DataFrame, failed: int) -> dict[str, float]:
        rows = table.set_index("candidate")
        numbers = {f"blind_{name}": row.blind_log_p for name, row in rows.iterrows()}
        numbers |= {f"evidence_responses_{n}": row.log_evidence_responses for n, row in rows.iterrows()}
        fitted = rows[~rows.index.isin(list(BENCHMARKS))]
        numbers |= {f"evidence_{name}": row.log_evidence for name, row in fitted.iterrows()}
        if "published" in fitted.index:
            base = fitted.log_evidence["published"]
            numbers |= {f"ahead_of_published_{n}": e - base for n, e in fitted.log_evidence.items()}
        return {**numbers, "failed": float(failed)}
