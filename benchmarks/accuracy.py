"""Accuracy of the engine on random patients: raised errors and silent errors, against a tight reference.

    python -m benchmarks.accuracy [PATIENTS] [--seed N] [--engine NAME]

Each patient is a draw of the published random effects (omega 0.22 on K_exp_max, 0.50 on K_kill_max, 0.21 on
gamma_m, 1.0 on gamma_b) and of the assumed 50 % on K_12, K_21, K_el_e and K_el_m, at four doses, to day 640,
daily. The reference integrates the tumour as a logarithm too, at a relative tolerance of 1e-11. The error of
a run is the largest over its days of |value - reference| / max(|reference|, floor), with the floors that the
model declares.

The exit code is 1 when a run raised, or an error is above 0.1 %.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np

from harness.models.catalog import load_card
from harness.models.solver_form import to_solver_form
from harness.models.symbols import read_symbols
from harness.simulation.engine import Engine, Status
from harness.simulation.engines import KERNEL, ROADRUNNER, engine_of
from harness.simulation.program import Program
from harness.simulation.programs import load_program

OMEGA = {
    "K_exp_max": 0.22,
    "K_kill_max": 0.50,
    "gamma_m": 0.21,
    "gamma_b": 1.0,
    "K_12": 0.5,
    "K_21": 0.5,
    "K_el_e": 0.5,
    "K_el_m": 0.5,
}
DOSES = (50e6, 150e6, 450e6, 800e6)
READ_OUT = ("transgene", "M_protein", "sBCMA")
LIMIT = 1e-3


def patients(count: int, seed: int) -> list[dict[str, float]]:
    """Log-normal draws around the typical values, each at the four doses: 4 * count rows."""
    symbols = read_symbols(load_card("clinical").sbml_path())
    draws = np.random.default_rng(seed).standard_normal((count, len(OMEGA)))
    rows = []
    for draw in draws:
        effects = {
            name: symbols[name].value * np.exp(omega * z)
            for (name, omega), z in zip(OMEGA.items(), draw, strict=True)
        }
        rows += [{**effects, "dose": dose} for dose in DOSES]
    return rows


def floors() -> np.ndarray:
    """Floors of the relative error, in the units of the read-outs."""
    declared = load_card("clinical").solver.floors
    return np.array([declared[name] for name in READ_OUT])


def reference_program() -> Program:
    """The clinical model with the tumour, too, as a logarithm, and tolerances far below the engine's."""
    program = load_program("clinical")
    logarithms = (*program.solver.logarithms, "Tumor")
    settings = program.solver.model_copy(
        update={
            "logarithms": logarithms,
            "more_logarithms": (),
            "absolute_tolerance_logarithm": 1e-12,
            "absolute_tolerance": {name: t * 1e-4 for name, t in program.solver.absolute_tolerance.items()},
        }
    )
    return replace(program, solver=settings, solver_sbml=to_solver_form(program.plain_sbml, logarithms))


def errors(count: int, seed: int, name: str = ROADRUNNER) -> tuple[np.ndarray, int, int]:
    """Largest relative error per run and read-out, shape (runs, 3); runs that failed; second tries."""
    engine = engine_of(load_program("clinical"), name)
    reference = Engine(reference_program(), relative_tolerance=1e-11)
    times = np.arange(641.0)
    worst, failed, second = [], 0, 0
    for row in patients(count, seed):
        (run,) = engine.run_many([(row, None)], [times], READ_OUT)
        truth = reference.run(row, None, times, READ_OUT)
        if truth.status is not Status.OK or truth.reason:
            raise RuntimeError(f"the reference itself failed: {truth.reason}")
        failed += run.status is not Status.OK
        second += bool(run.reason) and run.status is Status.OK
        error = np.abs(run.values - truth.values) / np.maximum(np.abs(truth.values), floors())
        worst.append(error.max(axis=0))
    return np.array(worst), failed, second


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patients", nargs="?", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=(ROADRUNNER, KERNEL), default=ROADRUNNER)
    arguments = parser.parse_args()
    worst, failed, second = errors(arguments.patients, arguments.seed, arguments.engine)
    print(f"{len(worst)} runs: {arguments.patients} patients x {len(DOSES)} doses, seed {arguments.seed}")
    print(f"failed {failed}, integrated at the second try, or by the reference, {second}")
    print(f"{'read-out':12} {'median':>10} {'99.9 %':>10} {'largest':>10}  runs above {LIMIT:g}")
    for name, column in zip(READ_OUT, worst.T, strict=True):
        quantiles = np.nanquantile(column, [0.5, 0.999, 1.0])
        print(f"{name:12} " + " ".join(f"{q:10.2e}" for q in quantiles) + f"  {(column > LIMIT).sum()}")
    return int(failed > 0 or not (worst <= LIMIT).all())


if __name__ == "__main__":
    sys.exit(main())
