"""Speed of this path beside others, on random patients x four doses x 640 days with endpoints, as ratios.

    python -m benchmarks.speed [PATIENTS] [--rounds N] [--slow]

Every round gives each contender the same patients, in turn; imports and compilation are left out. Medians and
ranges over the rounds.

- CPU time in one process, each contender over the plain loop, with the runs that it does not finish: this
  path (`plan` and `run`) by each engine, and the kernel without what is around it; a plain tellurium loop, as
  a newcomer writes it (load once, reset, set by name, 641 points, defaults); COPASI through basico (641
  points); pydiffsol, the nearest library, where it is installed; the same equations in C on CVODE alone,
  where a compiler and SUNDIALS 6 are at hand; with --slow, scipy's LSODA and BDF with a Python right-hand
  side, on a few patients.
- Wall time of this path in one process, in two, and through dask with two workers. The load of the machine
  stands beside it: where others work on it too, the ratio says little of this path.
- What else a run of the kernel costs: a gradient of all read-outs by eight parameters, in runs; four times as
  many runs; ten times as many rows of output.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from benchmarks.accuracy import OMEGA, READ_OUT, patients
from benchmarks.others import Contender, Rows, copasi, in_c, in_diffsol, plain_loop, scipy_loop
from harness.models.catalog import load_card
from harness.simulation.design import Design
from harness.simulation.engines import KERNEL, ROADRUNNER
from harness.simulation.execute import Dask, Executor, Processes, Serial
from harness.simulation.kernel.kernel import Kernel
from harness.simulation.plan import plan
from harness.simulation.programs import load_program
from harness.simulation.run import Summary, run
from harness.simulation.times import parse_times

PLAIN = "plain tellurium loop"


def this_path(rows: Rows, executor: Executor, engine: str = ROADRUNNER) -> int:
    summary = Summary.of(
        run(plan("clinical", Design(pd.DataFrame(rows)), until=640, engine=engine), executor)
    )
    return summary.runs - summary.ok


def own_times() -> np.ndarray:
    """The times that the model declares for its endpoints."""
    return np.append(parse_times(load_card("clinical").endpoint_times, "day"), 640.0)


def integration_alone() -> Contender:
    """The compiled integrator at the times that the model declares, and nothing around it."""
    kernel, times = Kernel(load_program("clinical")), own_times()

    def loop(rows: Rows) -> int:
        found = kernel.run_many([(row, None) for row in rows], [times] * len(rows), READ_OUT)
        return sum(bool(each.reason) for each in found)

    return loop


def interleaved(
    contenders: dict[str, Contender], batches: list[Rows], clock: Callable[[], float]
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Time of each contender in each round, per run, and how many runs failed in all."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    failed = dict.fromkeys(contenders, 0)
    for rows in batches:
        for name, contender in contenders.items():
            started = clock()
            failed[name] += contender(rows)
            spent[name].append((clock() - started) / len(rows))
    return spent, failed


def over(spent: dict[str, list[float]], name: str, base: str) -> str:
    """Ratio of two contenders: median and range over the rounds."""
    ratios = [t / b for t, b in zip(spent[name], spent[base], strict=True)]
    return f"{statistics.median(ratios):7.2f}   ({min(ratios):.2f} to {max(ratios):.2f})"


def beside_others(batches: list[Rows], slow: bool) -> None:
    one = Serial()
    contenders: dict[str, Contender] = {
        PLAIN: plain_loop(),
        "this path, RoadRunner": partial(this_path, executor=one),
        "this path, kernel": partial(this_path, executor=one, engine=KERNEL),
        "kernel, integration alone": integration_alone(),
        "COPASI through basico": copasi(),
    }
    for name, made in (("pydiffsol, BDF", in_diffsol()), ("CVODE in C, SUNDIALS as packaged", in_c())):
        if made is None:
            print(f"{name}: not at hand, left out")
        else:
            contenders[name] = made
    for contender in contenders.values():
        contender(batches[0][:16])
    spent, failed = interleaved(contenders, batches, time.process_time)
    print("\nCPU time per run, over the plain loop; runs not finished")
    for name in contenders:
        print(f"  {name:34} {over(spent, name, PLAIN)}   {failed[name]}")
    if slow:
        few = {PLAIN: contenders[PLAIN]}
        few |= {f"scipy {method}, Python right-hand side": scipy_loop(method) for method in ("LSODA", "BDF")}
        spent, failed = interleaved(few, [batch[:12] for batch in batches], time.process_time)
        for name in few:
            print(f"  {name:34} {over(spent, name, PLAIN)}   {failed[name]}")


def by_processes(batches: list[Rows]) -> None:
    import distributed

    client = distributed.Client(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
    )
    executors = {"one process": Serial(), "two processes": Processes(2), "dask, two workers": Dask(client)}
    for engine in (ROADRUNNER, KERNEL):
        contenders = {name: partial(this_path, executor=e, engine=engine) for name, e in executors.items()}
        given = [batch * (4 if engine == KERNEL else 1) for batch in batches]
        for contender in contenders.values():
            contender(given[0][:1200])
        spent, _ = interleaved(contenders, given, time.perf_counter)
        print(f"\nwall time of this path by {engine}, {len(given[0])} runs")
        print(f"  one process over two               {over(spent, 'one process', 'two processes')}")
        print(f"  dask over two processes            {over(spent, 'dask, two workers', 'two processes')}")
        print(f"  load of the machine                {os.getloadavg()[0]:7.2f}")
    client.close()


def what_else_it_costs(batches: list[Rows]) -> None:
    """Costs of the kernel in runs: of a gradient, of more runs, and of more rows."""
    kernel, times = Kernel(load_program("clinical")), own_times()
    dense = np.unique([np.linspace(low, high, 11) for low, high in pairwise(times)])

    def runs(rows: Rows, at: np.ndarray = times) -> int:
        kernel.run_many([(row, None) for row in rows], [at] * len(rows), READ_OUT)
        return 0

    def gradients(rows: Rows) -> int:
        for row in rows:
            kernel.slopes((row, None), {name: 1e-5 * row[name] for name in OMEGA}, times, READ_OUT)
        return 0

    def alone(rows: Rows) -> int:
        for row in rows:
            runs([row])
        return 0

    contenders: dict[str, Contender] = {
        "a run": runs,
        "four times as many": lambda rows: runs(rows * 4),
        "ten times the rows": partial(runs, at=dense),
        "a run alone": alone,
        "a gradient by 8 parameters": gradients,
    }
    spent, _ = interleaved(contenders, batches, time.process_time)
    print("\nCPU time of the kernel")
    print(f"  a gradient by 8 parameters, in runs {over(spent, 'a gradient by 8 parameters', 'a run alone')}")
    print(f"  four times as many runs             {over(spent, 'four times as many', 'a run')}")
    print(f"  ten times the rows, in runs         {over(spent, 'ten times the rows', 'a run')}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patients", nargs="?", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", action="store_true", help="scipy too")
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)
    batches = [patients(arguments.patients, seed=i) for i in range(arguments.rounds)]
    print(
        f"{arguments.rounds} rounds of {len(batches[0])} runs: "
        f"{arguments.patients} patients x 4 doses x 640 days"
    )
    beside_others(batches, arguments.slow)
    what_else_it_costs(batches)
    by_processes(batches)


if __name__ == "__main__":
    main()
