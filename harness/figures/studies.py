"""Figures of studies: each kind of study has a function that draws its outcome.

Promise: a figure here is one that a command draws too; nothing is drawn a second way for the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes

from harness.calibration.by_dose import ByDose
from harness.calibration.regimens import Regimens
from harness.calibration.study import Calibrate
from harness.figures import calibration, clocks, fit, maps, patients, population, sensitivity
from harness.fitting.result import FitResult
from harness.fitting.study import Fit
from harness.studies.clocks import Clocks
from harness.studies.map import Map
from harness.studies.outcome import Outcome, StudyDeclaration
from harness.studies.patients import Patients
from harness.studies.population import Population
from harness.studies.sensitivity import Sensitivity

__all__ = ["Drawing", "draw_study"]


@dataclass(frozen=True)
class Drawing:
    """The axes of a figure, with its title and text alternative."""

    title: str
    axes: Axes | list[Axes]
    description: str


def draw_study(name: str, study: StudyDeclaration, outcome: Outcome) -> list[Drawing]:
    """All figures of a study of that name; none for a kind that has none."""
    drawn_by = DRAWN_BY.get(study.kind)
    drawings = list(drawn_by(study, outcome)) if drawn_by else []
    return [replace(drawn, title=f"{drawn.title} (study {name})") for drawn in drawings]


def _map(study: Map, outcome: Outcome) -> Iterator[Drawing]:
    yield Drawing(
        "Cmax, Tmax and the falls of the biomarkers",
        maps.draw_map(outcome),
        f"Four contour maps of dose by tumour burden, model {study.model}.",
    )


def _sensitivity(study: Sensitivity, outcome: Outcome) -> Iterator[Drawing]:
    varied = ", ".join(study.parameters)
    for measure, title in (("total", "Total Sobol indices"), ("prcc", "Partial rank correlations")):
        yield Drawing(
            f"{title} over time, {len(study.parameters)} parameters",
            sensitivity.draw_sensitivity(outcome, outcome.extra["time_unit"], measure),
            f"{title} of {varied} over time, with 95 % intervals.",
        )


def _population(study: Population, outcome: Outcome) -> Iterator[Drawing]:
    model = ", ".join([study.model, *study.readings, *(f"omega of {name}" for name in study.omegas)])
    yield Drawing(
        f"{study.patients} virtual patients at each dose ({model})",
        population.draw_population(outcome, study.rule),
        "Spider plots of M-protein change, response by dose and progression-free survival.",
    )
    if study.published:
        yield Drawing(
            f"Published response rates and predictions for trials of their size ({model})",
            population.draw_predictions(outcome),
            "Response and complete response of CRB-401 and KarMMa over prediction intervals.",
        )


def _patients(_study: Patients, outcome: Outcome) -> Iterator[Drawing]:
    yield Drawing(
        "One patient each with PD, SD, VGPR and CR",
        patients.draw_examples(outcome),
        "M-protein, soluble BCMA and transgene over time of four fitted patients.",
    )
    yield Drawing(
        "All patients over their category",
        patients.draw_panels(outcome),
        "Change of M-protein of each fitted patient, with the band of the best response.",
    )
    yield Drawing(
        "Size of the random effects",
        patients.draw_effects(outcome),
        "Random effects of each distinct patient in standard deviations.",
    )
    yield Drawing(
        "Progression-free survival of the fits",
        patients.draw_progression(outcome),
        "Kaplan-Meier curves by dose under three rules of progression, with the published medians.",
    )


def _clocks(study: Clocks, outcome: Outcome) -> Iterator[Drawing]:
    yield Drawing(
        f"What a lower dose does to a typical patient, and to {study.patients} virtual patients of each case",
        clocks.draw_clocks(outcome),
        "Tmax and Cmax by dose, and the overall response rate by dose for each case.",
    )


def _calibration(study: Calibrate, outcome: Outcome) -> Iterator[Drawing]:
    yield Drawing(
        f"Response by dose, each candidate after the fit (size {study.budget})",
        calibration.draw_responses(outcome),
        "Overall and complete response by dose with the middle 90 % of the posterior, a plot a candidate.",
    )
    yield Drawing(
        f"Candidates on the trial that was fitted and on the one that was not (size {study.budget})",
        calibration.draw_comparison(outcome),
        "Log evidence of the responses, and log probability of the blind trial with its standard error.",
    )
    if len(outcome.tables["designs"]):
        yield Drawing(
            f"What a trial at other doses would say of the candidates (size {study.budget})",
            calibration.draw_designs(outcome),
            "Log evidence that a trial of each design gives a candidate over the nearest other one.",
        )


def _by_dose(study: ByDose, outcome: Outcome) -> Iterator[Drawing]:
    yield Drawing(
        f"Response, progression and Cmax by dose, {study.draws} draws of each posterior",
        calibration.draw_by_dose(outcome),
        "Overall and complete response, median progression-free survival and Cmax by dose, with 90 % bands.",
    )


def _regimens(study: Regimens, outcome: Outcome) -> Iterator[Drawing]:
    yield Drawing(
        f"Response and progression under {len(study.arms)} regimens, {study.draws} draws of each posterior",
        calibration.draw_regimens(outcome),
        "Overall response, share in response later, and median progression-free survival, with 90 % bands.",
    )
    if study.designs:
        yield Drawing(
            "What a trial would say of the candidates",
            calibration.draw_designs(outcome),
            "Log evidence that a trial of each design gives a candidate over the nearest other one.",
        )


def _fit(study: Fit, outcome: Outcome) -> Iterator[Drawing]:
    result = outcome.extra["result"]
    drawn: dict[str, tuple[Callable[[FitResult], Axes | list[Axes]], str]] = {
        "predictions": (fit.draw_predictions, "Observations, fitted curves and 95 % bands."),
        "profiles": (fit.draw_profiles, "Profile likelihood of each parameter, with Table 1's value."),
        "ridge": (fit.draw_ridge, "Profile likelihood over two parameters."),
    }
    for table, (draw, description) in drawn.items():
        if len(result.table(table)):
            yield Drawing(f"{study.declared.title}: {table}", draw(result), f"{study.problem}. {description}")


DRAWN_BY: dict[str, Callable[[Any, Outcome], Iterator[Drawing]]] = {
    "map": _map,
    "sensitivity": _sensitivity,
    "population": _population,
    "patients": _patients,
    "clocks": _clocks,
    "calibration": _calibration,
    "by_dose": _by_dose,
    "regimens": _regimens,
    "fit": _fit,
}
