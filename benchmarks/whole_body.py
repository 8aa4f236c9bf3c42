"""Whole-body PK models on this harness, beside libRoadRunner alone: to load one, to try it out, to run it.

    python -m benchmarks.whole_body [FILE ...] [--size N ...] [--rounds R]

Each FILE is an SBML or Antimony model that a person has. --size N makes one of about N species: compounds
that turn into one another in the liver, each in blood and in the two spaces of fourteen tissues, which blood
flows through; its values are round and of no drug. 100, 200 and 400 without a FILE and a size.

Printed, in CPU seconds, those of the process apart included: to load a model (read, checked, made ready), to
try it out (runs at tolerances a hundredfold apart, and compilation), to run it for the first time, and once
more, the least of R. libRoadRunner alone, on the same SBML, with the same tolerances of every state and the
same output times and read-outs: to load it, and to run it, the least of R. The last column is the largest
difference of the two in any value, over the value or a millionth of the largest.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import roadrunner

from harness.models import apart
from harness.models.catalog import load_card
from harness.simulation.accuracy import relative_errors
from harness.simulation.engines import engine_of
from harness.simulation.form import quiet
from harness.simulation.programs import load_program

TISSUES = (
    "fat", "muscle", "skin", "bone", "brain", "heart", "kidney", "gut",
    "spleen", "pancreas", "liver", "thymus", "marrow", "rest",
)  # fmt: skip
TIMES = np.linspace(0.0, 100.0, 101)
COLUMNS = ("species", "load", "trial", "first", "run", "load alone", "run alone", "difference")


def whole_body(species: int) -> str:
    """Antimony text of a whole-body model of about so many species."""
    each = 2 * len(TISSUES) + 3
    count = max(1, round(species / each))
    lines = ["model whole_body()", "  compartment arterial = 1.7, venous = 3.4, lumen = 1;"]
    for place, tissue in enumerate(TISSUES, start=1):
        lines.append(f"  compartment {tissue}_e = {0.1 * place:g}, {tissue}_c = {0.9 * place:g};")
        lines.append(f"  Q_{tissue} = {4 + 2 * place:g};")
    lines.append("  Q := " + " + ".join(f"Q_{tissue}" for tissue in TISSUES) + ";")
    for k in range(count):
        lines += _compound(k, k + 1 < count)
    return "\n".join([*lines, "end", ""])


def _compound(k: int, goes_on: bool) -> list[str]:
    """Lines of one compound; it turns into the next one, or is gone."""
    lines = [
        f"  species A{k} in arterial, V{k} in venous, L{k} in lumen;",
        f"  A{k} = 0; V{k} = 0; L{k} = {100 if k == 0 else 0};",
        f"  ka{k} = {1 + 0.1 * k:g}; CL{k} = {5 + k:g}; Vmax{k} = {20 + k:g}; Km{k} = {2 + 0.5 * k:g};",
        f"  absorb{k}: L{k} -> V{k}; ka{k}*L{k}*lumen;",
        f"  lung{k}: V{k} -> A{k}; Q*V{k};",
    ]
    for place, tissue in enumerate(TISSUES):
        kp = 0.5 + 0.3 * ((place + k) % 7)
        lines += [
            f"  species {tissue}{k}_e in {tissue}_e, {tissue}{k}_c in {tissue}_c;",
            f"  {tissue}{k}_e = 0; {tissue}{k}_c = 0;",
            f"  Kp{k}_{tissue} = {kp:g}; PS{k}_{tissue} = {2 + place:g};",
            f"  to_{tissue}{k}: A{k} -> {tissue}{k}_e; Q_{tissue}*A{k};",
            f"  from_{tissue}{k}: {tissue}{k}_e -> V{k}; Q_{tissue}*{tissue}{k}_e;",
            f"  in_{tissue}{k}: {tissue}{k}_e -> {tissue}{k}_c; "
            f"PS{k}_{tissue}*({tissue}{k}_e - {tissue}{k}_c/Kp{k}_{tissue});",
        ]
    product = f"liver{k + 1}_c" if goes_on else ""
    lines.append(f"  turns{k}: liver{k}_c -> {product}; Vmax{k}*liver{k}_c/(Km{k} + liver{k}_c);")
    lines.append(f"  urine{k}: kidney{k}_e -> ; CL{k}*kidney{k}_e;")
    return lines


def cpu() -> float:
    """CPU seconds of this process and of the one that reads files apart."""
    spent = time.process_time()
    for _, process in apart._kept:
        ran = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        spent += (int(ran[11]) + int(ran[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def taken(call: Callable[[], object], rounds: int = 1) -> float:
    """CPU seconds of a call, the least of some."""
    spent = []
    for _ in range(rounds):
        before = cpu()
        call()
        spent.append(cpu() - before)
    return min(spent)


def measure(path: str, rounds: int) -> tuple[float, ...]:
    """The columns of one model."""
    load = taken(lambda: load_card(path))
    card = load_card(path)
    trial = taken(lambda: load_program(path))
    program = load_program(path)
    engine = engine_of(program)
    first = taken(lambda: engine.run({}, None, TIMES, card.observables))
    run = taken(lambda: engine.run({}, None, TIMES, card.observables), rounds)
    sbml = str(card.sbml_path())
    alone = taken(lambda: roadrunner.RoadRunner(sbml))
    model = roadrunner.RoadRunner(sbml)
    count = model.model.getNumFloatingSpecies() + model.model.getNumRateRules()
    states = [model.model.getStateVectorId(i) for i in range(count)]
    model.integrator.relative_tolerance = engine.accuracy.relative
    model.integrator.absolute_tolerance = [engine.accuracy.absolute(name) for name in states]
    model.selections = ["time", *card.observables]
    found = []

    def simulate() -> None:
        model.reset()
        with quiet():
            found.append(np.array(model.simulate(times=TIMES.tolist())))

    plain = taken(simulate, rounds)
    ours = engine.run({}, None, TIMES, card.observables)
    if not np.isfinite(ours.values).all():
        print(f"{path}: {ours.status}: {ours.reason}", file=sys.stderr)
    rows = np.searchsorted(ours.times, TIMES * (1 + 1e-12), "right") - 1
    differs = float(relative_errors(found[-1][:, 1:], ours.values[rows]).max())
    return len(states), load, trial, first, run, alone, plain, differs


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.whole_body", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("files", nargs="*")
    parser.add_argument("--size", nargs="+", type=int, help="species of models that are made here")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    sizes = given.size or ([] if given.files else [100, 200, 400])
    print(f"{'model':40}" + "".join(f"{column:>12}" for column in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        made = [Path(folder) / f"of_{size}.ant" for size in sizes]
        for size, path in zip(sizes, made, strict=True):
            path.write_text(whole_body(size), encoding="utf-8")
        for path in [*given.files, *map(str, made)]:
            species, *times, differs = measure(path, given.rounds)
            shown = "".join(f"{spent:12.4f}" for spent in times)
            print(f"{Path(path).name:40}{species:12d}{shown}{differs:12.1e}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
