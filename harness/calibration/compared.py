"""Candidates and benchmarks side by side: evidence, posteriors, cohorts left out, a trial that is predicted.

Promise: each table has the same columns for all; what a benchmark does not have is NaN. Nothing here
simulates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from harness.analysis.survival import median_of_all
from harness.calibration.declared import TRIAL, Calibration
from harness.calibration.designs import EFFECTS, design_rows
from harness.calibration.drawn import draw_trials
from harness.calibration.evidence import LOWEST, Corrected
from harness.calibration.fitted import Fitted
from harness.calibration.likelihood import log_responses, probabilities
from harness.calibration.observed import RESPONSE, ObservedResponses, Predicted, PredictedMedian
from harness.calibration.posterior import effective, log_predictive, weigh_anew
from harness.calibration.simulated import SimulatedPoints
from harness.calibration.stored import rests_on
from harness.models.catalog import load_card

__all__ = ["blind_intervals", "comparison", "designs", "equal_draws", "left_out", "posterior", "responses"]

MIDDLE = (0.05, 0.5, 0.95)
"""Quantiles of an interval."""

GIVEN = 200
"""Equally weighted draws that are given out."""

COHORTS = 2000
"""Trials drawn for an interval."""

JUDGES, TRIALS = 400, 200
"""Draws of each posterior, and trials drawn, for what a design is expected to say."""

NEAR = 0.5
"""Months about a published median within which a drawn one counts as it."""


def comparison(
    declared: Calibration, found: Sequence[Fitted], observed: ObservedResponses, blind: tuple[Predicted, ...]
) -> pd.DataFrame:
    """One row a candidate or benchmark.

    `log_evidence` is of responses and medians, `log_evidence_responses` of the responses alone, also without
    the lowest dose, each corrected by the fresh points, with its standard error, and on the surface.
    A benchmark, which nothing is simulated of, has the error of its draws. `effective` the draws, and
    `effective_fresh` the fresh points, that count; `blind_log_p` the log probability of the trial that was
    not fitted, from fresh points where there are any, with its error, and from the surface.
    """
    rows = []
    for each in found:
        w, fresh = each.weighted, each.fresh
        rng = np.random.default_rng(declared.seed + 3)
        without = weigh_anew(declared, each.weighted, observed.without(LOWEST))
        on_surface = log_predictive(declared, w.cumulative, w.weights, blind, rng, trials=4)
        evidence = fresh.evidence if fresh else _of_benchmark(w.responses, without.responses)
        row = {
            "candidate": each.name,
            "label": each.label,
            "rests_on": rests_on(declared, each.name) if each.surface else "",
            "fitted": each.numbers,
            "log_likelihood_responses": float(w.weights @ w.responses),
            "log_evidence_responses_surface": _mean(w.responses),
            "log_evidence_responses": evidence["responses"].value,
            "log_evidence_responses_error": evidence["responses"].error,
            "log_evidence_responses_without_50_surface": _mean(without.responses),
            "log_evidence_responses_without_50": evidence["responses_without_50"].value,
            "log_evidence_responses_without_50_error": evidence["responses_without_50"].error,
            "log_evidence_surface": w.log_evidence if fresh else np.nan,
            "log_evidence": evidence["all"].value,
            "log_evidence_error": evidence["all"].error,
            "effective": effective(w.weights),
            "effective_fresh": effective(fresh.weights) if fresh else np.nan,
            "blind_log_p_surface": on_surface[0],
        }  # fmt: skip
        value, spread = (
            log_predictive(declared, fresh.cumulative, fresh.weights, blind, rng) if fresh else on_surface
        )
        row |= {"blind_log_p": value, "blind_error": spread, "runs": each.runs, "failed": each.failed}
        rows.append(row)
    return pd.DataFrame(rows)


def posterior(declared: Calibration, found: Sequence[Fitted]) -> pd.DataFrame:
    """One row a parameter of a candidate: prior median, and median and middle 90 % of the posterior."""
    rows = []
    for each in found:
        if each.surface is None:
            continue
        for i, (parameter, prior) in enumerate(declared.priors(each.name).items()):
            values = prior.value(each.draws[:, i])
            low, median, high = _quantiles(values, each.weighted.weights)
            rows.append((each.name, parameter, prior.median, prior.sd, median, low, high, prior.source))
        low, median, high = _quantiles(each.weighted.trial, each.weighted.weights)
        rows.append((each.name, TRIAL, 0.0, declared.block.trial_sd, median, low, high, "a logit, normal"))
    columns = ["candidate", "parameter", "prior", "prior_sd", "median", "low", "high", "source"]
    return pd.DataFrame(rows, columns=columns)


def responses(declared: Calibration, found: Sequence[Fitted]) -> pd.DataFrame:
    """Rates (%) by dose in a trial like the average one, without its effect: middle 90 % of the posterior."""
    rows = []
    for each in found:
        w = each.weighted
        free = probabilities(w.cumulative, np.zeros(len(w.trial)), declared.lapse)
        rates = {"orr": free[..., :RESPONSE].sum(axis=-1), "cr": free[..., 0]}
        for outcome, values in rates.items():
            for place, dose in enumerate(declared.doses):
                low, median, high = _quantiles(100 * values[:, place], w.weights)
                rows.append((each.name, each.label, outcome, dose, median, low, high))
    return pd.DataFrame(rows, columns=["candidate", "label", "outcome", "dose", "median", "low", "high"])


def left_out(declared: Calibration, found: Sequence[Fitted], observed: ObservedResponses) -> pd.DataFrame:
    """Log probability of each cohort given the others, the medians that its patients are in left out too.

    Draws of the prior are weighted anew without the cohort, which is a fit of its own and no correction of
    one with it; `effective` says how many count.
    """
    rows = []
    for each in found:
        for dose in observed.doses:
            w = weigh_anew(declared, each.weighted, observed.without(dose))
            weights = w.weights
            place = [declared.doses.index(dose)]
            of_cohort = log_responses(w.probability[:, place], observed.only(dose).counts)
            value = float(logsumexp(of_cohort, b=weights))
            rows.append((each.name, dose, int(observed.only(dose).counts.sum()), value, effective(weights)))
    return pd.DataFrame(rows, columns=["candidate", "dose", "patients", "log_p", "effective"])


def blind_intervals(
    declared: Calibration,
    found: Sequence[Fitted],
    blind: tuple[Predicted, ...],
    medians: tuple[PredictedMedian, ...],
) -> pd.DataFrame:
    """Rates (%) of each arm of the blind trial, and its medians of PFS (months), with 90 % intervals.

    Trials of that size are drawn, each from one draw of the posterior with an effect of a trial of its own,
    which PFS follows as far as it goes with the response. `log_p` of a median is the log probability of one
    within `NEAR` of it. A benchmark has no PFS.
    """
    rows = []
    for each in found:
        rng = np.random.default_rng([declared.seed, 4])
        points, weights = (
            (each.fresh.cumulative, each.fresh.weights)
            if each.fresh
            else (each.weighted.cumulative, each.weighted.weights)
        )
        picked = rng.choice(len(points), COHORTS, p=weights)
        effect = declared.block.trial_sd * rng.standard_normal(COHORTS)
        probability = probabilities(points[picked], effect, declared.lapse)
        for arm in blind:
            place = declared.doses.index(arm.dose)
            drawn = rng.multinomial(
                arm.n, probability[:, place] / probability[:, place].sum(-1, keepdims=True)
            )
            for outcome, last, seen in (("orr", RESPONSE, arm.orr), ("cr", 1, arm.cr)):
                values = 100 * drawn[:, :last].sum(axis=-1) / arm.n
                rows.append((*_row(each, arm.name, outcome, 100 * seen / arm.n, values), np.nan))
        if each.fresh is None:
            continue
        for median in medians:
            drawn = _drawn_medians(declared, each.fresh.simulated, picked, effect, median, rng)
            near = (np.abs(drawn - median.median) <= NEAR).sum()
            log_p = float(np.log((near + 0.5) / (len(drawn) + 1)))
            rows.append((*_row(each, median.name, "median_pfs", median.median, drawn), log_p))
    columns = ["candidate", "arm", "outcome", "observed", "median", "low", "high", "inside", "log_p"]
    return pd.DataFrame(rows, columns=columns)


def designs(declared: Calibration, found: Sequence[Fitted]) -> pd.DataFrame:
    """What trials of the declared designs would say of candidates and benchmarks, as :func:`design_rows`."""
    effects = declared.block.trial_sd * EFFECTS
    chances = {}
    for each in found:
        rng = np.random.default_rng([declared.seed, 6])
        cumulative = each.weighted.cumulative[rng.choice(len(each.draws), JUDGES, p=each.weighted.weights)]
        chances[each.name] = np.stack(
            [probabilities(cumulative, np.full(JUDGES, effect), declared.lapse) for effect in effects]
        )
    return design_rows(
        {
            name: {declared.doses.index(dose): n for dose, n in design.items()}
            for name, design in declared.designs.items()
        },
        chances,
        {each.name: each.label for each in found},
        TRIALS,
        declared.seed,
    )


def equal_draws(declared: Calibration, each: Fitted) -> pd.DataFrame:
    """Equally weighted draws of a candidate's posterior, as :mod:`harness.simulation.draws` reads them.

    One row a draw, one column a parameter of the model; what the candidate fixes has a column too.
    """
    rng = np.random.default_rng([declared.seed, 5])
    picked = rng.choice(len(each.draws), GIVEN, p=each.weighted.weights)
    fixed = load_card(declared.candidate(each.name).model).symbols.parse_all(declared.changes(each.name))
    columns = {name: np.full(GIVEN, value) for name, value in fixed.items()}
    for i, (name, prior) in enumerate(declared.priors(each.name).items()):
        columns[name] = prior.value(each.draws[picked, i])
    return pd.DataFrame(columns, index=range(GIVEN))


def _drawn_medians(
    declared: Calibration,
    simulated: SimulatedPoints,
    points: np.ndarray,
    effect: np.ndarray,
    median: PredictedMedian,
    rng: np.random.Generator,
) -> np.ndarray:
    """Median PFS of trials, each of patients of one of `points` with an effect of its own, (trials,)."""
    parts = []
    for dose, n in median.arms.items():
        place = declared.doses.index(dose)
        who, _ = draw_trials(simulated.classes[points, place], effect, n, declared.lapse, rng)
        parts.append(np.take_along_axis(simulated.pfs[points, place], who, axis=1))
    return median_of_all(np.concatenate(parts, axis=1))


def _row(each: Fitted, arm: str, outcome: str, observed: float, values: np.ndarray) -> tuple:
    low, median, high = np.percentile(values, [100 * q for q in MIDDLE], method="closest_observation")
    inside = bool(low <= observed <= high) if np.isfinite(observed) else None
    return each.name, arm, outcome, observed, median, low, high, inside


def _quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted quantiles at `MIDDLE`."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    return values[order][np.minimum(np.searchsorted(share, MIDDLE), len(values) - 1)]


def _of_benchmark(responses: np.ndarray, without: np.ndarray) -> dict[str, Corrected]:
    """Evidence of each set of data of a benchmark, which has no PFS; its error is that of its draws."""
    return {
        "all": Corrected(np.nan, np.nan),
        **{
            name: Corrected(_mean(each), effective(np.exp(each - each.max())) ** -0.5)
            for name, each in (("responses", responses), ("responses_without_50", without))
        },
    }


def _mean(log_values: np.ndarray) -> float:
    """Log of the mean."""
    return float(logsumexp(log_values) - np.log(len(log_values)))
