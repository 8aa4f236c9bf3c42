"""Runs of a model in JavaScript, and the same runs by the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import harness.explorer
from harness.explorer.model import kernel_script, run_facts
from harness.models.catalog import load_card
from harness.simulation.engine import Engine
from harness.simulation.kernel.written import FLOOR
from harness.simulation.programs import make_program
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.times import parse_times
from harness.simulation.trajectory import Status
from tests.javascript import answer, number

FOLDER = Path(harness.explorer.__file__).parent / "page"

RUN = """
const answer = (runs) =>
  runs.map(({ changes, doses, times, names, first }) => {
    const values = MODEL.parameters.map((name, i) => (name in changes ? changes[name] : MODEL.defaults[i]));
    const found = runModel(KERNEL, MODEL, values, doses, times, names, first);
    const curves = names.map((name) => Array.from(found.curves[name]));
    return { times: Array.from(found.times), curves, reason: found.reason };
  });
"""

Case = tuple[Mapping[str, float], tuple[Dose, ...] | None]
"""Values that are other, in the model's units, and what is given; None for the model's own dose."""


def largest_error(model: str, cases: Sequence[Case], first: int = 0) -> tuple[float, int]:
    """Largest relative difference from the engine at 1e-10, at the declared times; and how many runs failed.

    The floor is the one that the card declares, or 1e-6 of the largest value; 0.1 for what is in percent.
    `first` is the error control of the page: 0 of a hand that moves, 1 of one that rests.
    """
    card = load_card(model)
    program = make_program(card)
    kernel, written = kernel_script(program)
    times = parse_times(card.endpoint_times, card.symbols.time_unit)
    script = (
        f"{(FOLDER / 'course.js').read_text('utf-8')}\nconst KERNEL = {kernel};\n"
        f"const MODEL = {json.dumps(run_facts(written))};\n{RUN}"
    )
    asked = [
        {
            "changes": dict(changes),
            "doses": None if doses is None else [vars(dose) for dose in doses],
            "times": times.tolist(),
            "names": list(card.observables),
            "first": first,
        }
        for changes, doses in cases
    ]
    engine, worst, failed = Engine(program, relative_tolerance=1e-10), 0.0, 0
    for (changes, doses), found in zip(cases, answer(script, asked), strict=True):
        regimen = None if doses is None else Regimen(doses)
        right = engine.run(changes, regimen, times, card.observables)
        if found["reason"] or right.status is not Status.OK:
            failed += 1
            continue
        assert found["times"] == pytest.approx(right.times, rel=1e-11, abs=0)
        for name, ours, curve in zip(card.observables, right.values.T, found["curves"], strict=True):
            theirs = np.array(list(map(number, curve)))
            usual = 0.1 if card.symbols[name].unit == "percent" else FLOOR * np.abs(ours).max()
            floor = max(program.solver.floors.get(name, 0.0), usual, 1e-300)
            sizes = np.maximum(np.abs(ours), floor)
            worst = max(worst, float((np.abs(theirs - ours) / sizes).max()))
    return worst, failed
