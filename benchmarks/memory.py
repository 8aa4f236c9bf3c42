"""A large population in one file: its time, its memory, and what a kill in the midst of it changes.

    python -m benchmarks.memory [PATIENTS] [--engine NAME] [--killed PATIENTS]

Each patient is one run of the clinical model to day 640 with its endpoints, on two processes, to parquet.

- Time: on the clock, and CPU of all processes, with the share of two cores that they had. Where that is below
  one others worked on the machine, and the CPU time over two is what two quiet cores would take.
- Memory: the largest sum, over a sample every half second, of the proportional set sizes (PSS) of this
  process and all that it started, so that pages which they share count once.
- A kill: a process that writes such a file, of fewer patients, is killed (-9) when half of its chunks are
  kept; what is resumed has the bytes of a file that was never interrupted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.accuracy import OMEGA
from harness.models.catalog import load_card
from harness.models.symbols import read_symbols
from harness.simulation.engines import ENGINES, KERNEL
from harness.simulation.execute import Processes
from harness.simulation.made_designs import random_effects
from harness.simulation.plan import Plan, plan
from harness.simulation.run import Summary, stream


def population(patients: int, engine: str) -> Plan:
    symbols = read_symbols(load_card("clinical").sbml_path())
    design = random_effects({name: symbols[name].value for name in OMEGA}, OMEGA, patients, seed=1)
    return plan("clinical", design, until=640, engine=engine)


def write(patients: int, engine: str, out: Path, resume: bool = False) -> Summary:
    return stream(population(patients, engine), out, Processes(2), resume=resume)


def everyone() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def held() -> float:
    """Memory of this process and all below it, in GB."""
    total = 0
    for process in everyone():
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e9


def worked() -> float:
    """CPU time of this process and all below it, in seconds."""
    total = 0.0
    for process in everyone():
        try:
            spent = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def measure(patients: int, engine: str, folder: Path) -> None:
    samples, done = [held()], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            samples.append(held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started, before = time.perf_counter(), worked()
    planned = population(patients, engine)
    summary = stream(planned, folder / "population.parquet", Processes(2))
    spent, cpu = time.perf_counter() - started, worked() - before
    done.set()
    watcher.join()
    print(*planned.notes, sep="\n")
    print(
        f"{summary}; {len(planned.study.endpoints)} endpoints; {spent:.0f} s, {patients / spent:.0f} runs/s"
    )
    print(
        f"CPU {cpu:.0f} s, {cpu / patients * 1e6:.0f} us a run: {cpu / spent / 2:.0%} of two cores;", end=" "
    )
    print(f"{cpu / 2:.0f} s on two that do nothing else")
    half = len(samples) // 2
    print(
        f"memory of all processes: {samples[0]:.2f} GB at the start, at most {max(samples):.2f} GB;", end=" "
    )
    print(f"first half at most {max(samples[:half]):.2f} GB, second half {max(samples[half:]):.2f} GB")


def kill_and_resume(patients: int, engine: str, folder: Path) -> bool:
    """Whether a file that was killed half way and resumed has the bytes of one that was not."""
    whole, killed = folder / "whole.parquet", folder / "killed.parquet"
    write(patients, engine, whole)
    planned = population(patients, engine)
    chunks = -(-patients // planned.chunk)
    process = multiprocessing.get_context("spawn").Process(target=write, args=(patients, engine, killed))
    process.start()
    parts = folder / "killed.parquet.parts"
    while process.is_alive() and len(list(parts.glob("*.part"))) < chunks / 2:
        time.sleep(0.02)
    process.kill()
    process.join()
    kept = len(list(parts.glob("*.part")))
    write(patients, engine, killed, resume=True)
    same = whole.read_bytes() == killed.read_bytes()
    print(f"killed with {kept} of {chunks} chunks kept, resumed: {'the same' if same else 'OTHER'} bytes")
    return same and 0 < kept < chunks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patients", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=ENGINES, default=KERNEL)
    parser.add_argument("--killed", type=int, default=20_000, help="patients of the file that is killed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.patients:
            measure(arguments.patients, arguments.engine, Path(folder))
        return int(not kill_and_resume(arguments.killed, arguments.engine, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
