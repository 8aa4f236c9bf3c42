"""Accuracy of the engine: raised errors and silent errors, against a tight reference.

    python -m benchmarks.accuracy [PATIENTS] [--seed N] [--engine NAME] [--wide DRAWS] [--factors F ...]
        [--models NAME ...] [--wells DRAWS]

Patients: each is a draw of the published random effects (omega 0.22 on K_exp_max, 0.50 on K_kill_max, 0.21
on gamma_m, 1.0 on gamma_b) and of the assumed 50 % on K_12, K_21, K_el_e and K_el_m, at four doses, to day
640, daily. The error of a run is the largest over its days of |value - reference| / max(|reference|, floor),
with the floors that the model declares.

Wide: every model of the catalogue with each of its parameters and volumes (but for conversions) times or over
up to 3, 10 or 100, log-uniform, over ten years; a well over its four hours. Read-outs with these floors, or,
of other models, with those declared and a share of the largest value; beside them the endpoints that a model
declares, and rates and half-lives, whose error is that of the curve over their span, of curves that are held
above the floors. Each draw that is off is named, so that it can be run again.

The day of a peak (Tmax) is right, too, where the reference stands on that day no further below its peak than
twice the error e of the curve: f(t) >= g(t) - e >= g(s) - e >= f(s) - 2 e, for the day s of its peak and t of
that of a curve g that differs by up to e. A plateau as flat does not say its day any better. The error
of the curve itself is counted on its own.

Wells: hill_kill from 0.2 to 0.5 and the other parameters of the fit within its bounds, read out at the end
alone and on a dense grid.

The reference is integrated at a relative tolerance of 1e-13 (patients 1e-11, wells 1e-12). The exit code is 1
when a patient raised, or an error anywhere is above 0.1 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import libsbml
import numpy as np
import pandas as pd

from harness.analysis.curves import between
from harness.models.catalog import load_card, model_names
from harness.models.symbols import read_symbols
from harness.simulation.chunks import run_rows
from harness.simulation.design import Design
from harness.simulation.engine import Engine
from harness.simulation.engines import KERNEL, ROADRUNNER, engine_of
from harness.simulation.plan import plan
from harness.simulation.program import Program
from harness.simulation.programs import load_program
from harness.simulation.read_off import read_endpoints
from harness.simulation.study import Chunk, EndpointCall, Study
from harness.simulation.trajectory import Status, Trajectory

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
FACTORS = (3.0, 10.0, 100.0)
TEN_YEARS = 3650.0
CONVERSIONS = {
    *("N_A", "s_per_day", "s_per_hour", "h_per_day", "mL_per_L", "uL_per_L", "uL_per_mL", "mm3_in_mL"),
    *("pg_per_g", "pg_per_mcg", "all_of_it", "no_cell"),
}
RATES = {
    "clinical": ("half_life(transgene, start=25, stop=60)", "growth_rate(M_protein, start=200, stop=340)"),
    "xenograft": ("half_life(blood_cart, start=12, stop=29)", "growth_rate(tumor_volume, start=30, stop=60)"),
    "in_vitro": ("half_life(viability, start=1, stop=3)", "growth_rate(cplx_per_tumor, start=1, stop=3)"),
}
"""Endpoints beside those that a model declares, by scale."""
SHARE = 1e-6
"""Floor of an observable without one of its own, over its largest value in the run."""


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


def floors(values: Mapping[str, float] | None = None) -> np.ndarray:
    """Floors of the relative error of the read-outs, in their units; markers by the baseline of a draw."""
    card = load_card("clinical")
    sizes = np.array([card.solver.floors[name] for name in READ_OUT])
    if values is None:
        return sizes
    typical = {name: card.symbols[name].value for name in ("P_m", "K_m", "P_b", "K_b", "Tumor_0")}
    ratio = {name: values.get(name, value) / value for name, value in typical.items()}
    markers = [ratio[f"P_{x}"] * ratio["Tumor_0"] / ratio[f"K_{x}"] for x in "mb"]
    return sizes * [1.0, *markers]


def floor(name: str, curve: np.ndarray) -> float:
    """Floor of the relative error of any observable: a change counts against what it is a change of."""
    return 100.0 if is_change(name) else max(SHARE * float(np.abs(curve).max()), 1e-300)


def is_change(name: str) -> bool:
    """Whether an observable is a change, in percent, of something."""
    return name.endswith("_change") or name.startswith("cytolysis")


def reference_program() -> Program:
    """The clinical model with tolerances far below the engine's."""
    program = load_program("clinical")
    tight = {name: t * 1e-4 for name, t in program.solver.absolute_tolerance.items()}
    return replace(program, solver=program.solver.model_copy(update={"absolute_tolerance": tight}))


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


def free_values(model: str) -> dict[str, float]:
    """Values of what may be set in a model, but for conversions: parameters and volumes, by id."""
    found = libsbml.readSBMLFromFile(str(load_card(model).sbml_path())).getModel()
    values = {p.getId(): p.getValue() for p in found.getListOfParameters() if p.getConstant()}
    values |= {c.getId(): c.getSize() for c in found.getListOfCompartments() if c.getConstant()}
    clock = load_card(model).dose.clock if load_card(model).dose else None
    return {name: value for name, value in values.items() if name not in CONVERSIONS | {clock}}


def wide_draws(model: str, factor: float, count: int, seed: int) -> list[dict[str, float]]:
    """Every value of a model times or over up to `factor`, log-uniform; a share is at most 1."""
    sizes, symbols = free_values(model), load_card(model).symbols
    limits = [symbols[name].within if name in symbols else None for name in sizes]
    most = [np.inf if limit is None or limit.most is None else limit.most for limit in limits]
    draws = np.random.default_rng(seed).uniform(-1, 1, (count, len(sizes)))
    return [
        {
            name: min(size * factor**u, end)
            for (name, size), end, u in zip(sizes.items(), most, row, strict=True)
        }
        for row in draws
    ]


def wide_study(model: str, draws: Sequence[Mapping[str, float]]) -> Study:
    """What is read off each wide draw: read-outs every ten days or more often, and endpoints."""
    card = load_card(model)
    end = card.until if card.scale == "in_vitro" else TEN_YEARS
    study = plan(
        model, Design(pd.DataFrame(draws)), endpoints=[*card.endpoints, *RATES[card.scale]], until=end
    ).study
    names = READ_OUT if card.scale == "clinical" else card.observables
    return replace(
        study,
        observables=tuple(dict.fromkeys([*names, *study.observables])),
        times=np.union1d(np.linspace(0.0, end, 366), study.endpoint_times),
        at_observables=names,
        moving=(),
    )


def wide_errors(
    study: Study, row: Mapping[str, float], run: Trajectory, truth: Trajectory
) -> dict[str, float]:
    """Largest error of each read-out, and of each endpoint of curves that are held above their floors."""
    card = load_card(study.program.model)
    columns = {name: truth.values[:, i] for i, name in enumerate(study.observables)}
    least = {n: max(floor(n, curve), card.solver.floors.get(n, 0.0)) for n, curve in columns.items()}
    if card.scale == "clinical":
        least |= dict(zip(READ_OUT, floors(row).tolist(), strict=True))
    found = {}
    for name in study.at_observables:
        place = study.observables.index(name)
        difference = np.abs(run.values[:, place] - columns[name])
        found[name] = float((difference / np.maximum(np.abs(columns[name]), least[name])).max())
    chunk = Chunk(0, np.array([[row[name] for name in study.columns]]))
    lowest = [-np.inf if is_change(name) else least[name] for name in study.observables]
    curves = [replace(each, values=np.maximum(each.values, lowest)) for each in (run, truth)]
    ends = [read_endpoints(study, chunk, [each], run_rows)[0] for each in curves]
    for call in study.endpoints:
        a, b = (float(each[call.name][0]) for each in ends)
        found[call.name] = endpoint_error(call, a, b, least[call.observable])
        if call.function == "peak_time" and np.isfinite([a, b]).all():
            place = study.observables.index(call.observable)
            pair = [each.values[:, place] for each in curves]
            found[call.name] *= not is_as_high(run.times, *pair, (a, b), call.options)
    return found


def is_as_high(
    time: np.ndarray,
    curve: np.ndarray,
    truth: np.ndarray,
    days: tuple[float, float],
    options: Mapping[str, float | str],
) -> bool:
    """Whether the true curve is as high on the first of two days as on the other, but for twice the error."""
    counts = (time >= float(options.get("after", 0.0))) & (time <= float(options.get("before", np.inf)))
    there, peak = between(time, truth, np.array(days))
    return bool(peak - there <= 2 * np.abs(curve - truth)[counts].max())


def endpoint_error(call: EndpointCall, found: float, truth: float, least: float) -> float:
    """Relative error of an endpoint: of a value over the floor of its curve; of a rate over its span."""
    if found == truth or (np.isnan(found) and np.isnan(truth)):
        return 0.0
    size = least if call.of_values else 0.0
    if call.function in ("half_life", "growth_rate"):
        size = 1.0 / (call.options["stop"] - call.options["start"])
        found, truth = (np.log(2) / x if call.function == "half_life" else x for x in (found, truth))
    error = abs(found - truth) / max(abs(truth), size)
    return error if np.isfinite(error) else np.inf


def wide(model: str, factor: float, count: int, seed: int, name: str) -> tuple[dict[str, int], list[str]]:
    """How many wide draws of a model were right, wrong, failed, or told as not accurate; which were wrong."""
    draws = wide_draws(model, factor, count, seed)
    study = wide_study(model, draws)
    engine, reference = engine_of(study.program, name), Engine(study.program, 1e-13)
    found = dict.fromkeys(("runs", "ok", "failed", "told", "unknown", "above", "endpoints"), 0)
    off = []
    for place, row in enumerate(draws):
        (run,) = engine.run_many([(row, None)], [study.times], study.observables)
        found["runs"] += 1
        found["told"] += run.status is Status.INACCURATE
        found["failed"] += run.status not in (Status.OK, Status.INACCURATE)
        if run.status is not Status.OK:
            continue
        found["ok"] += 1
        truth = reference.run(row, None, study.times, study.observables)
        if truth.status is not Status.OK:
            found["unknown"] += 1
            continue
        wrong = {n: e for n, e in wide_errors(study, row, run, truth).items() if not e <= LIMIT}
        found["above"] += any(n in study.at_observables for n in wrong)
        found["endpoints"] += any(n not in study.at_observables for n in wrong)
        if wrong:
            off.append(f"draw {place}: " + ", ".join(f"{n} {e:.2%}" for n, e in wrong.items()))
    return found, off


def wells(count: int, seed: int) -> tuple[float, float]:
    """Largest error of a well read out at the end alone, and on a dense grid, with hill_kill below 0.5."""
    names, dense = ("viability", "cplx_per_tumor"), np.linspace(0.0, 4.0, 41)
    engine, reference = Engine(load_program("in_vitro")), Engine(load_program("in_vitro"), 1e-12)
    draws = np.random.default_rng(seed)
    worst = [0.0, 0.0]
    for _ in range(count):
        row = {
            "hill_kill": draws.uniform(0.2, 0.5),
            "K_kill_max": np.exp(draws.uniform(np.log(0.02), np.log(5))),
            "KC50": np.exp(draws.uniform(np.log(0.1), np.log(50))),
            "ET_ratio": float(draws.choice([1, 2.5, 5, 10])),
        }
        truth = reference.run(row, None, dense, names).values
        for i, (times, right) in enumerate(((dense[[0, -1]], truth[[0, -1]]), (dense, truth))):
            found = engine.run(row, None, times, names).values
            worst[i] = max(worst[i], float(np.max(np.abs(found - right) / np.maximum(np.abs(right), 1e-9))))
    return worst[0], worst[1]


def _print_patients(count: int, seed: int, engine: str) -> bool:
    worst, failed, second = errors(count, seed, engine)
    print(f"{len(worst)} runs: {count} patients x {len(DOSES)} doses, seed {seed}")
    print(f"failed {failed}, integrated at the second try, or by the reference, {second}")
    print(f"{'read-out':12} {'median':>10} {'99.9 %':>10} {'largest':>10}  runs above {LIMIT:g}")
    for name, column in zip(READ_OUT, worst.T, strict=True):
        quantiles = np.nanquantile(column, [0.5, 0.999, 1.0])
        print(f"{name:12} " + " ".join(f"{q:10.2e}" for q in quantiles) + f"  {(column > LIMIT).sum()}")
    return failed == 0 and bool((worst <= LIMIT).all())


def _print_wide(models: Sequence[str], factors: Sequence[float], count: int, seed: int, engine: str) -> bool:
    print(
        f"\n{'model':26} {'factor':>6} {'runs':>6} {'ok':>6} {'failed':>6} {'told':>6}"
        f" above {LIMIT:g}: read-outs, endpoints"
    )
    right = True
    for model in models:
        for factor in factors:
            found, off = wide(model, factor, count, seed, engine)
            columns = ("runs", "ok", "failed", "told", "above", "endpoints")
            counts = " ".join(f"{found[name]:6}" for name in columns)
            unknown = f"  ({found['unknown']} without a reference)" if found["unknown"] else ""
            print(f"{model:26} {factor:6g} {counts}{unknown}", *off, sep="\n    ", flush=True)
            right &= not off
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patients", nargs="?", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=(ROADRUNNER, KERNEL), default=ROADRUNNER)
    parser.add_argument("--wide", type=int, default=100, help="draws of each model and factor")
    parser.add_argument("--factors", nargs="*", type=float, default=FACTORS, help="of the wide draws")
    parser.add_argument("--models", nargs="*", default=model_names(), help="models of the wide draws")
    parser.add_argument("--wells", type=int, default=400, help="draws of wells")
    arguments = parser.parse_args()
    right = (
        _print_patients(arguments.patients, arguments.seed, arguments.engine) if arguments.patients else True
    )
    if arguments.wide:
        right &= _print_wide(
            arguments.models, arguments.factors, arguments.wide, arguments.seed, arguments.engine
        )
    if arguments.wells:
        ends, dense = wells(arguments.wells, arguments.seed)
        print(f"\n{arguments.wells} wells: error {ends:.1e} at the end alone, {dense:.1e} on a dense grid")
        right &= max(ends, dense) <= LIMIT
    return int(not right)


if __name__ == "__main__":
    sys.exit(main())
