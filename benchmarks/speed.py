"""Speed of this path beside others, on random patients x four doses x 640 days with endpoints, as ratios.

    python -m benchmarks.speed [PATIENTS] [--rounds N] [--slow]

Every round gives each contender the same patients, in turn, in one process; imports and compilation are left
out. The first table is CPU time in one process, each contender over the plain loop; the second is wall time,
this path on one and on two processes and the others over it. Medians and ranges over the rounds.

Contenders: this path (`plan` and `run`) by each engine, and the kernel without what is around it; a plain
tellurium loop, as a newcomer writes it (load once, reset, set by name, 641 points, defaults); COPASI
through basico (641 points); with --slow, scipy's LSODA and BDF with a Python right-hand side, at the
accuracy of the plain loop, on a few patients. Where a C compiler and SUNDIALS 6 are at hand, the same
equations in C on CVODE alone, 641 points.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

from benchmarks.accuracy import patients
from benchmarks.cvode import cvode_in_c
from harness.models.catalog import load_card
from harness.simulation.design import Design
from harness.simulation.engines import KERNEL, ROADRUNNER
from harness.simulation.execute import Executor, Processes, Serial
from harness.simulation.form import quiet
from harness.simulation.kernel.kernel import Kernel
from harness.simulation.plan import plan
from harness.simulation.programs import load_program
from harness.simulation.run import run
from harness.simulation.times import parse_times

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import basico
    import tellurium

Rows = list[dict[str, float]]
DAYS = np.arange(641.0)


def read_off(days: np.ndarray, transgene: np.ndarray, m_protein: np.ndarray) -> tuple[float, ...]:
    """The endpoints of one run as a plain loop computes them, in a few lines of numpy."""
    early = (days >= 1) & (days <= 60)
    top = int(transgene[early].argmax())
    month = days <= 28
    area = float(np.trapezoid(transgene[month], days[month]))
    return float(transgene[early][top]), float(days[early][top]), area, float(m_protein.min())


def this_path(rows: Rows, executor: Executor, engine: str = ROADRUNNER) -> None:
    run(plan("clinical", Design(pd.DataFrame(rows)), until=640, engine=engine), executor)


def integration_alone() -> Callable[[Rows], None]:
    """The compiled integrator at the times that the model declares, and nothing around it."""
    program, card = load_program("clinical"), load_card("clinical")
    kernel, times = Kernel(program), parse_times(card.endpoint_times, "day")
    read = ("transgene", "M_protein_change", "sBCMA_change")

    def loop(rows: Rows) -> None:
        kernel.run_many([(row, None) for row in rows], [times] * len(rows), read)

    return loop


def plain_loop() -> Callable[[Rows], None]:
    model = tellurium.loadSBMLModel(str(load_card("clinical").sbml_path()))
    selections = ["time", "transgene", "M_protein_change"]

    def loop(rows: Rows) -> None:
        with quiet():
            for row in rows:
                model.resetToOrigin()
                for name, value in row.items():
                    model[name] = value
                model.reset()
                try:
                    found = np.array(model.simulate(0, 640, 641, selections))
                except RuntimeError:  # some patients fail in this form
                    continue
                read_off(found[:, 0], found[:, 1], found[:, 2])

    return loop


def copasi() -> Callable[[Rows], None]:
    model = basico.load_model(str(load_card("clinical").sbml_path()))
    output = ["Time", "Values[transgene]", "Values[M_protein_change]"]

    def loop(rows: Rows) -> None:
        with quiet():  # COPASI tells every failed integration at length
            for row in rows:
                for name, value in row.items():
                    basico.set_parameters(name, initial_value=value, exact=True, model=model)
                table = basico.run_time_course_with_output(
                    output, start_time=0, duration=640, intervals=640, use_initial_values=True, model=model
                )
                found = table.to_numpy()
                if len(found) == 641:
                    read_off(found[:, 0], found[:, 1], found[:, 2])

    return loop


def compiled_loop(integrate: Callable[[dict[str, float]], np.ndarray | None]) -> Callable[[Rows], None]:
    def loop(rows: Rows) -> None:
        for row in rows:
            found = integrate(row)
            if found is not None:
                read_off(found[:, 0], found[:, 1], found[:, 2])

    return loop


def scipy_loop(method: str) -> Callable[[Rows], None]:
    symbols = {row.id: row.value for row in _parameters()}

    def loop(rows: Rows) -> None:
        for row in rows:
            p = {**symbols, **row}
            bind, unbind = p["K_on"] * 86400 / 6.023e23 / p["V_bm"], p["K_off"] * 86400
            start = p["Tumor_0"] * p["V_bm"]

            def rhs(_t, y, p=p, bind=bind, unbind=unbind, start=start):
                e_b, m_b, e_t, m_t, x, tumor, m = y
                carts = e_t + m_t
                a, b = x / (carts + 1e-30), x / (tumor + 1e-30)
                expand = p["K_exp_max"] * a / (p["EC50_exp"] + a)
                kill = p["K_kill_max"] * b / (p["KC50"] + b)
                return [
                    -(p["K_12"] + p["K_el_e"]) * e_b + p["K_21"] * e_t,
                    -(p["K_12"] + p["K_el_m"]) * m_b + p["K_21"] * m_t,
                    p["K_12"] * e_b + (expand - p["K_21"] - p["R_m"]) * e_t,
                    p["K_12"] * m_b - p["K_21"] * m_t + p["R_m"] * e_t,
                    bind * (carts * p["Ag_CAR"] - x) * (tumor * p["Ag_tumor"] - x) - unbind * x,
                    (p["K_g"] - kill) * tumor,
                    p["K_m"] * (max(tumor / start, 0.0) ** p["gamma_m"] - m),
                ]

            state = [p["dose"], 0, 0, 0, 0, start, 1]
            found = solve_ivp(rhs, (0, 640), state, method=method, t_eval=DAYS, rtol=1e-6, atol=1e-12)
            if found.success:
                transgene = p["TransC"] * (found.y[0] + found.y[1]) / p["V_b"]
                read_off(found.t, transgene, 100 * (found.y[6] - 1))

    return loop


def _parameters():
    from harness.models.provenance import read_parameters

    return [row for row in read_parameters() if row.scale == "clinical"]


def interleaved(
    contenders: dict[str, Callable[[Rows], None]], batches: list[Rows], clock
) -> dict[str, list[float]]:
    """Time of each contender in each round, per run."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for rows in batches:
        for name, contender in contenders.items():
            started = clock()
            contender(rows)
            spent[name].append((clock() - started) / len(rows))
    return spent


def report(title: str, spent: dict[str, list[float]], base: str) -> None:
    print(f"\n{title}")
    for name, times in spent.items():
        ratios = [t / b for t, b in zip(times, spent[base], strict=True)]
        print(f"  {name:34} {statistics.median(ratios):7.2f}   ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patients", nargs="?", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", action="store_true", help="scipy too")
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)
    batches = [patients(arguments.patients, seed=i) for i in range(arguments.rounds)]
    plain, through_basico = plain_loop(), copasi()
    one, two = Serial(), Processes(2)
    contenders = {
        "plain tellurium loop": plain,
        "this path, one process": lambda rows: this_path(rows, one),
        "this path, kernel, one process": lambda rows: this_path(rows, one, KERNEL),
        "kernel, integration alone": integration_alone(),
        "COPASI through basico": through_basico,
    }
    compiled = cvode_in_c()
    if compiled is None:
        print("no C compiler or no SUNDIALS 6 at hand: CVODE in C is left out")
    else:
        contenders["CVODE in C, SUNDIALS as packaged"] = compiled_loop(compiled)
    by_two = [partial(this_path, executor=two, engine=name) for name in (ROADRUNNER, KERNEL)]
    for warm in (*contenders.values(), *(lambda rows, path=path: path(rows * 16) for path in by_two)):
        warm(batches[0][:16])
    print(
        f"{arguments.rounds} rounds of {len(batches[0])} runs: "
        f"{arguments.patients} patients x 4 doses x 640 days"
    )
    report(
        "CPU time per run, over the plain loop",
        interleaved(contenders, batches, time.process_time),
        "plain tellurium loop",
    )
    contenders["this path, two processes"] = lambda rows: this_path(rows, two)
    contenders["this path, kernel, two processes"] = lambda rows: this_path(rows, two, KERNEL)
    report(
        "wall time, over this path on two processes",
        interleaved(contenders, batches, time.perf_counter),
        "this path, two processes",
    )
    if arguments.slow:
        few = [batch[:12] for batch in batches]
        slow = {"plain tellurium loop": plain}
        slow |= {f"scipy {method}, Python right-hand side": scipy_loop(method) for method in ("LSODA", "BDF")}
        report(
            "CPU time per run, over the plain loop",
            interleaved(slow, few, time.process_time),
            "plain tellurium loop",
        )


if __name__ == "__main__":
    main()
