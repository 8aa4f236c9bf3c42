"""Which everyday tests reach a line, and how long each takes: collected once by coverage, test by test.

The record lies in `build/mutants`, under a hash of code and tests. What runs in another process or is
compiled by numba is not seen: a line that nothing is seen to reach is tried with the tests of its file, a
file that nothing is seen to reach with the tests of its folder.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from coverage import CoverageData

from benchmarks.mutants.draw import Mutant
from benchmarks.mutants.trial import ARGUMENTS

__all__ = ["Reach", "collect", "record_of"]


@dataclass(frozen=True)
class Reach:
    """`lines` by file and line: the tests; by test `seconds`, and in `shared` its fixtures and theirs."""

    lines: dict[str, dict[int, set[str]]]
    seconds: dict[str, float]
    shared: dict[str, dict[str, float]]

    def tests(self, mutant: Mutant, budget: float) -> tuple[list[str], float]:
        """Tests for a mutant that together take `budget` seconds at most, and the seconds.

        First the file of tests that has the name of the mutant's, then the quickest. In a file those
        that reach the line come first, then the others that reach the file: fixtures and caches are
        filled by the first test that asks, and others hold what they gave against its value.
        """
        lines = self.lines.get(mutant.file, {})
        anywhere = set().union(*lines.values()) or self._beside(mutant)
        reaching = lines.get(mutant.line) or lines.get(mutant.statement) or anywhere
        files = defaultdict(list)
        for test in sorted(anywhere, key=lambda t: (t not in reaching, self._alone(t), t)):
            files[test.split("::")[0]].append(test)
        own = f"/test_{Path(mutant.file).name}"

        def rank(item: tuple[str, list[str]]) -> tuple[bool, bool, float, str]:
            file, tests = item
            first = reaching.isdisjoint(tests), not file.endswith(own)
            return (*first, sum(self.seconds.get(test, 0.0) for test in tests), file)

        ordered = [test for _, tests in sorted(files.items(), key=rank) for test in tests]
        chosen = self._within(ordered, budget)
        return chosen if chosen[0] else self._within(ordered[:1], float("inf"))

    def _beside(self, mutant: Mutant) -> set[str]:
        """Tests of the same folder, for a file of which only a compiled form runs."""
        folder = str(Path("tests", *Path(mutant.file).parts[1:-1]))
        return {test for test in self.seconds if test.startswith(f"{folder}/")}

    def _alone(self, test: str) -> float:
        return self.seconds.get(test, 0.0) + sum(self.shared.get(test, {}).values())

    def _within(self, tests: Iterable[str], budget: float) -> tuple[list[str], float]:
        chosen, spent, ready = [], 0.0, set()
        for test in tests:
            shared = self.shared.get(test, {})
            takes = self.seconds.get(test, 0.0) + sum(shared[name] for name in shared.keys() - ready)
            if spent + takes <= budget:
                chosen.append(test)
                spent += takes
                ready |= shared.keys()
        return chosen, spent


def record_of(root: Path, build: Path) -> Path:
    """Folder of the record of this code and these tests."""
    digest = hashlib.sha256()
    for folder in ("harness", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0{path.read_text(encoding='utf-8')}\0".encode())
    return build / digest.hexdigest()[:16]


def collect(tree: Path, folders: tuple[str, ...], record: Path, kernels: Path) -> Reach:
    """Run the everyday tests once in a copy of the tree, unless their record is there, and read it.

    What they compile is left in the folder `kernels`. Raises CalledProcessError when a test fails.
    """
    data, times, settings = record / "contexts", record / "times.xml", record / "coverage.ini"
    if not times.exists():
        record.mkdir(parents=True, exist_ok=True)
        source = "".join(f"\n    {tree / folder}" for folder in folders)
        settings.write_text(f"[run]\nsource ={source}\ndata_file = {data}\n", encoding="utf-8")
        options = ["--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report="]
        options += [
            f"--junitxml={times}",
            "-o",
            "junit_family=xunit1",
            "-p",
            "benchmarks.mutants.times",
            "-q",
        ]
        command = [sys.executable, "-m", "pytest", *ARGUMENTS, "-n", "2", "--dist", "loadfile", *options]
        environment = {**os.environ, "PYTHONPATH": str(tree), "CART_CACHE": str(kernels)}
        subprocess.run(command, cwd=tree, env=environment, check=True, stdout=sys.stderr)
    return Reach(_lines(data, folders), *_seconds(times))


def _lines(data: Path, folders: tuple[str, ...]) -> dict[str, dict[int, set[str]]]:
    measured = CoverageData(str(data))
    measured.read()
    lines: dict[str, dict[int, set[str]]] = {}
    for name in measured.measured_files():
        file = next(name[name.rindex(f"/{folder}/") + 1 :] for folder in folders if f"/{folder}/" in name)
        lines[file] = {
            line: {context.rpartition("|")[0] for context in contexts if context}
            for line, contexts in measured.contexts_by_lineno(name).items()
        }
    return lines


def _seconds(times: Path) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Seconds of each test without its shared fixtures, and of these."""
    alone: dict[str, float] = {}
    shared: dict[str, dict[str, float]] = {}
    paid: set[str] = set()
    for case in ElementTree.parse(times).iter("testcase"):
        owner = case.get("classname", "").rpartition(".")[2]
        inside = f"{owner}::" if not str(case.get("file")).endswith(f"/{owner}.py") else ""
        test = f"{case.get('file')}::{inside}{case.get('name')}"
        pairs = [
            p.get("value", "").rsplit(" ", 1) for p in case.iter("property") if p.get("name") == "shared"
        ]
        shared[test] = {name: float(seconds) for name, seconds in pairs}
        first = sum(shared[test][name] for name in shared[test].keys() - paid)
        alone[test] = max(float(case.get("time", 0.0)) - first, 0.0)
        paid |= shared[test].keys()
    return alone, shared
