"""The patients of a trial, each fitted to a dose and a best response, and the progression that follows.

Promise: every patient of the table is fitted, none left out; a category that the published variability makes
implausible is shown with the size of the random effects it takes, and once more with more random effects.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from harness.simulation.execute import Executor
from harness.studies.outcome import (
    Outcome,
    Progress,
    count_failed,
)
from harness.studies.patient_fits import RUNS_A_FIT, PatientFits
from harness.studies.patients_declaration import PatientsDeclaration
from harness.studies.progression import ARMS, RULES, medians, predicted, repeated, survival

__all__ = ["EXAMPLES", "TABLES", "Patients"]


EXAMPLES = ("PD", "SD", "VGPR", "CR")
"""Categories of which Figure 5a shows one patient each."""


TABLES = (
    "patients", "added", "profiles", "profiles_added", "draws", "bands", "medians", "survival", "predicted",
)  # fmt: skip
"""Tables of the outcome, by name."""


class Patients(PatientsDeclaration):
    """Individual fits of a table of patients.

    Attributes
    ----------
    table
        Csv of dose, category and n; a relative path is one in ``validation/``.
    remarks
        Columns that the table may have beside these and `source`; they are not read.
    published
        Row of ``validation/trials/trial_outcomes.csv`` that holds the median of each arm, to stand beside.
    effects, more_effects
        Random effects and their omegas, none for that of ``parameters.csv``: as published; and those of
        ledger row D17, added to them for the patients without a response.
    first_visit
        Day from which the response is assessed.
    rule
        Rule of progression that ends what counts as best response; progression itself is told by every rule.
    until
        End of the follow-up, for response and progression.
    split
        Lowest dose (cells) of the arm `high`.
    draws
        Draws of each distinct patient's random effects given the category.
    engine
        What runs the simulations, fits and draws alike: by default the kernel, with its derivatives.
    """

    SECONDS_A_STEP: ClassVar[float] = 1.5e-3

    def inputs(self) -> tuple[Path, ...]:
        return *super().inputs(), PatientFits(self).path

    def number_names(self) -> tuple[str, ...]:
        """Counts of patients; sizes of effects, in SD, by category; medians of progression, in months."""
        sizes = [f"{name}_sd_{c}" for c in ("SD", "PD") for name in ("largest", "distance", *self.effects)]
        added = [f"{name}_sd_{c}_added" for c in ("SD", "PD") for name in ("largest", "distance")]
        ends = ("", "_lower", "_upper", "_predicted", "_predicted_lower", "_predicted_upper")
        pfs = [f"median_pfs_{arm}_{rule}{end}" for rule in RULES for arm in ARMS for end in ends]
        return (
            "patients", "examples_in_category",
            "responders", "responders_in_category", "largest_sd_responders",
            "nonresponders", "nonresponders_in_category", "largest_sd_nonresponders",
            "nonresponders_in_category_added", "largest_sd_nonresponders_added", *sizes, *added, *pfs,
        )  # fmt: skip

    def size(self) -> int:
        """About how many simulations it takes."""
        work = PatientFits(self)
        fits = len(work.groups) + len(work.nonresponders)
        return fits * (RUNS_A_FIT + 1) + len(work.groups) * self.draws

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Fit every distinct patient, draw from what the category leaves open, and read progression off.

        Raises
        ------
        InputError
            When the table, an effect or the follow-up is wrong.
        """
        work = PatientFits(self)
        effects, more = work.omegas(self.effects), work.omegas(self.effects | self.more_effects)
        published = work.published()  # before the fits: whatever is wrong is told at once
        fits, runs, failed = work.fit(work.groups, effects, executor, progress)
        added, runs_added, failed_added = work.fit(work.nonresponders, more, executor, progress)
        fitted, profiles = work.profiles(fits, effects, executor)
        count_failed(fitted["status"], fitted["reason"])
        fitted_added, profiles_added = work.profiles(added, more, executor)
        draws, bands, drawn = work.draw(fitted, executor, progress)
        patients = work.each_patient(fitted)
        chosen = repeated(patients, draws, self.seed)
        tables = {
            "patients": patients,
            "added": work.each_patient(fitted_added),
            "profiles": profiles,
            "profiles_added": profiles_added,
            "draws": draws,
            "bands": bands,
            "medians": medians(patients, draws, chosen, work.months, published),
            "survival": survival(patients, draws, chosen, work.months),
            "predicted": predicted(patients, draws, chosen, work.months),
        }
        return Outcome(
            numbers=self._numbers(tables),
            tables=tables,
            runs=runs + runs_added + len(fits) + len(added) + len(draws),
            failed=failed + failed_added + int(draws["change"].isna().sum()),
            notes=(
                *dict.fromkeys((*work.planned.notes, *drawn.notes)),
                *_notes(self, tables, failed + failed_added),
            ),
            engine=work.planned.study.engine,
        )

    def _numbers(self, tables: dict[str, pd.DataFrame]) -> dict[str, float]:
        patients, added = tables["patients"], tables["added"]
        answered = patients["responder"]
        numbers = {
            "patients": len(patients),
            "examples_in_category": len(set(EXAMPLES) & set(patients["category"][patients["in_category"]])),
            "responders": answered.sum(),
            "responders_in_category": patients["in_category"][answered].sum(),
            "largest_sd_responders": patients["largest_sd"][answered].max(),
            "nonresponders": (~answered).sum(),
            "nonresponders_in_category": patients["in_category"][~answered].sum(),
            "largest_sd_nonresponders": patients["largest_sd"][~answered].max(),
            "nonresponders_in_category_added": added["in_category"].sum(),
            "largest_sd_nonresponders_added": added["largest_sd"].max(),
        }
        for name in ("SD", "PD"):
            own, more = (table[table["category"] == name] for table in (patients, added))
            for column in ("largest", "distance"):
                numbers[f"{column}_sd_{name}"] = own[f"{column}_sd"].max()
                numbers[f"{column}_sd_{name}_added"] = more[f"{column}_sd"].max()
            for effect in self.effects:
                sizes = own[f"{effect}_sd"].to_numpy()
                numbers[f"{effect}_sd_{name}"] = sizes[np.abs(sizes).argmax()] if sizes.size else np.nan
        columns = {
            "": "median", "_lower": "lower", "_upper": "upper", "_predicted": "predicted",
            "_predicted_lower": "predicted_lower", "_predicted_upper": "predicted_upper",
        }  # fmt: skip
        for row in tables["medians"].to_dict("records"):
            for end, column in columns.items():
                numbers[f"median_pfs_{row['arm']}_{row['rule']}{end}"] = row[column]
        return {name: float(numbers[name]) for name in self.number_names()}


def _notes(declared: Patients, tables: dict[str, pd.DataFrame], failed: int) -> tuple[str, ...]:
    """What a reader of the numbers must know."""
    patients, draws = tables["patients"], tables["draws"]
    notes = [
        f"Best response is the lowest change of M-protein from day {declared.first_visit:g} to progression"
        f" ({declared.rule}); a stringent complete response counts as a complete one.",
        "Whoever shares dose and category shares the fit. Random effects that M-protein does not depend on"
        " (gamma_b) stay at 0.",
        "Progression only: the model has no death, and nobody is censored before the end.",
    ]
    outside = patients[~patients["in_category"]]
    if len(outside):
        notes.append(f"{len(outside)} patients could not be brought into their category.")
    weight = draws.groupby("group")["weight"]
    effective = weight.sum() ** 2 / weight.agg(lambda w: (w**2).sum()).clip(lower=1e-300)
    notes.append(
        f"Draws given the category: {declared.draws} a distinct patient, worth at least"
        f" {effective.min():.0f} independent ones ({effective.idxmin()})."
    )
    lost = int(draws["change"].isna().sum() + patients["change"].isna().sum())
    if lost:
        notes.append(f"{lost} simulations failed; a failed draw has no weight, a failed fit no progression.")
    if failed:
        notes.append(f"{failed} simulations of the searches failed, and counted as outside the category.")
    return tuple(notes)
