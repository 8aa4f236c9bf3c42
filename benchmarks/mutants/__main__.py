"""A seeded sample of mutants: each is one small change of the code that a test should notice.

    python -m benchmarks.mutants [--count 300] [--seed 1]
    python -m benchmarks.mutants --again                            # those that survived the last time
    python -m benchmarks.mutants --again --tests tests/analysis     # the same, with these tests alone

Each mutant is put into a copy of the tree, never into the tree itself, and the everyday tests that reach its
line are run until one fails. One that is no change of what the code does is listed in `equivalent.yaml` with
its reason; a listed mutant that the code no longer has is an error. Prints one line a mutant, and keeps them
in `build/mutants/results.csv`. Exits 1 when less than 85 percent of the sample (`LEAST`) is killed, the
listed ones counted as not killed.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.mutants.draw import Mutant, draw, mutants_of
from benchmarks.mutants.reach import Reach, collect, record_of
from benchmarks.mutants.trial import Trials, copy_tree

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutants"
RESULTS = BUILD / "results.csv"
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
FOLDERS = ("harness/analysis", "harness/simulation", "harness/studies", "harness/fitting", "harness/exchange")
LEAST = 0.85
BUDGET = 40.0  # seconds of tests a mutant, as they took without one
KILLED = ("killed", "time")
Key = tuple[str, str, str]


def read_equivalent() -> dict[Key, str]:
    """Reasons of the listed mutants. Raises SystemExit when the code has one of them no longer."""
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    reasons = {(each["file"], each["before"], each["after"]): each["reason"] for each in listed}
    for file in sorted({file for file, *_ in reasons}):
        gone = {key for key in reasons if key[0] == file} - {m.key for m in mutants_of(ROOT, file)}
        for _, before, after in sorted(gone):
            raise SystemExit(f"{EQUIVALENT.name}: {file} has no mutant of {before!r} to {after!r}")
    return reasons


def read_results() -> dict[Key, str]:
    """What became of the mutants of the last run."""
    with RESULTS.open(encoding="utf-8", newline="") as stream:
        return {(r["file"], r["before"], r["after"]): r["fate"] for r in csv.DictReader(stream)}


def write_results(drawn: list[Mutant], fates: dict[Key, str]) -> None:
    """One row a mutant that was tried, as they were drawn."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["fate", "file", "line", "operator", "before", "after"])
        for m in drawn:
            if m.key in fates:
                rows.writerow([fates[m.key], m.file, m.line, m.operator, m.before, m.after])


def main() -> int:
    """Draw, try and count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="only those that survived the last time")
    parser.add_argument("--tests", nargs="*", default=[], help="these tests, not those that reach a line")
    given = parser.parse_args()
    reasons = read_equivalent()
    drawn = draw(ROOT, FOLDERS, given.count, given.seed)
    fates = read_results() if given.again else {}
    kernels = BUILD / "kernels"
    kernels.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = copy_tree(ROOT, Path(folder))
        reach = None if given.tests else collect(tree, FOLDERS, record_of(ROOT, BUILD), kernels)
        trials = Trials(ROOT, tree, kernels)
        for mutant in drawn:
            if mutant.key in reasons:
                fates[mutant.key] = "listed"
            elif fates.get(mutant.key) not in KILLED:
                fates[mutant.key] = trials.fate(mutant, *chosen_tests(mutant, reach, given.tests))
                write_results(drawn, fates)
            print(
                f"{fates[mutant.key]:9} {mutant.file}:{mutant.line}  {mutant.before}  ->  {mutant.after}",
                flush=True,
            )
    write_results(drawn, fates)
    return report([fates[mutant.key] for mutant in drawn])


def chosen_tests(mutant: Mutant, reach: Reach | None, tests: list[str]) -> tuple[list[str], float]:
    """The tests for a mutant, and the seconds after which it counts as killed by time."""
    chosen, seconds = reach.tests(mutant, BUDGET) if reach else (tests, BUDGET)
    return chosen, 120 + 5 * seconds


def report(fates: list[str]) -> int:
    """Print the count of each fate and the share that is killed; 1 when it is too small."""
    killed = sum(each in KILLED for each in fates)
    counts = ", ".join(f"{fates.count(name)} {name}" for name in sorted(set(fates)))
    shares = f"{100 * killed / len(fates):.1f} % killed, at least {100 * LEAST:.0f} % wanted"
    print(f"{len(fates)} mutants: {counts}; {shares}")
    return int(killed < LEAST * len(fates))


if __name__ == "__main__":
    sys.exit(main())
