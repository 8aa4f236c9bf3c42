"""Two curves without mechanism: ordinal regression of the best response, without dose and on ln dose.

Promise: the same patients, the same effect of a trial, the same lapse and the same way to weigh draws of a
prior as any candidate; nothing else is known of them.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from harness.calibration.declared import Calibration
from harness.calibration.likelihood import probabilities
from harness.calibration.observed import ObservedResponses
from harness.calibration.posterior import Weighted, weigh_anew

__all__ = ["BENCHMARKS", "benchmark"]

BENCHMARKS = {"ordinal": "ordinal regression, no dose", "ordinal_dose": "ordinal regression on ln dose"}
"""Names and labels."""

DIMENSIONS = 5
"""Coordinates: logit of a response, three gaps between cumulative logits, slope on ln dose."""

CENTRE = 300e6


def benchmark(name: str, declared: Calibration, draws: np.ndarray, observed: ObservedResponses) -> Weighted:
    """Weigh draws of its prior, (draws, `DIMENSIONS` + 1), the last coordinate that of the trial.

    The logit of a response at 300e6 cells is normal about 1 with SD 1.5, gaps are log-normal about 1 with
    SD 1, and the slope is normal about 0 with SD 1: tenfold the dose moves a logit by 2.3 at one SD.
    """
    z, trial = draws[:, :-1], declared.block.trial_sd * draws[:, -1]
    response, gaps = 1 + 1.5 * z[:, 0], np.exp(z[:, 1:4])
    slope = z[:, 4] if name == "ordinal_dose" else np.zeros(len(z))
    cuts = np.column_stack(
        [response - gaps[:, 0] - gaps[:, 1], response - gaps[:, 1], response, response + gaps[:, 2]]
    )
    x = np.log(np.array(declared.doses) / CENTRE)
    cumulative = expit(cuts[:, None, :] + (slope[:, None] * x)[..., None])
    probability = probabilities(cumulative, trial, declared.lapse)
    nothing = np.zeros(len(z))
    found = Weighted(z, trial, probability, cumulative, np.empty(0), nothing, nothing)
    return weigh_anew(declared, found, observed)
