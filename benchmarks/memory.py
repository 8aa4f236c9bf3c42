"""Memory of a large population: the most that all processes hold together while one file is written.

    python -m benchmarks.memory [PATIENTS]

Each patient is one run of the clinical model to day 640 with its endpoints, on two processes, to parquet.
The figure is the largest sum, over a sample every half second, of the proportional set sizes (PSS) of this
process and all that it started, so that pages which they share count once.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.accuracy import OMEGA
from harness.models.catalog import load_card
from harness.models.symbols import read_symbols
from harness.simulation.design import random_effects
from harness.simulation.execute import Processes
from harness.simulation.plan import plan
from harness.simulation.run import stream


def held() -> float:
    """Memory of this process and all below it, in GB."""
    total = 0
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patients", nargs="?", type=int, default=100_000)
    arguments = parser.parse_args()
    symbols = read_symbols(load_card("clinical").sbml_path())
    design = random_effects({name: symbols[name].value for name in OMEGA}, OMEGA, arguments.patients, seed=1)
    planned = plan("clinical", design, until=640)
    samples, done = [held()], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            samples.append(held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        summary = stream(planned, Path(folder) / "population.parquet", Processes(2))
    done.set()
    watcher.join()
    print(f"{summary}; {arguments.patients / (time.perf_counter() - started):.0f} runs/s")
    half = len(samples) // 2
    print(f"memory of all processes: {samples[0]:.2f} GB at the start, at most {max(samples):.2f} GB;")
    print(f"first half at most {max(samples[:half]):.2f} GB, second half {max(samples[half:]):.2f} GB")


if __name__ == "__main__":
    main()
