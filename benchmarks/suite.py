"""The SBML Test Suite on this harness: the time courses of a folder that a person has.

    python -m benchmarks.suite PATH [--sample N] [--seed S] [--only CASE ...] [--plain] [--list]

PATH is the folder ``cases/semantic`` of github.com/sbmlteam/sbml-test-suite (or one above it); nothing of it
is kept. Of each case the newest level and version is run, as ``cart simulate`` runs a user's own file. A case
is right by the suite's own rule: |expected - found| <= absolute + relative |expected| for every value of
every variable, NaN where NaN is expected. Else it is refused (one line says why, before or after the run),
wrong, or a traceback. Printed are the numbers, in all and by tag; --list adds each case that is not right.

--plain runs libRoadRunner alone on the same cases, with its own tolerances, in a process apart, and says
which cases it computes right that are not right here. Exit code 1 when a case is wrong or a traceback.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import libsbml
import numpy as np
import pandas as pd
import roadrunner

from harness.errors import InputError
from harness.models.apart import apart
from harness.models.catalog import load_card
from harness.simulation.simulate import simulate_once

RIGHT, REFUSED, WRONG, TRACEBACK = "right", "refused", "wrong", "traceback"
OUTCOMES = (RIGHT, REFUSED, WRONG, TRACEBACK)


@dataclass(frozen=True)
class Case:
    """One case: its file, what is asked, and what is expected, shape (times, variables)."""

    name: str
    path: Path
    tags: tuple[str, ...]
    times: np.ndarray
    variables: tuple[str, ...]
    concentrations: frozenset[str]
    absolute: float
    relative: float
    expected: np.ndarray

    def is_right(self, found: np.ndarray) -> bool:
        """The rule of the suite."""
        with np.errstate(invalid="ignore"):
            near = np.abs(self.expected - found) <= self.absolute + self.relative * np.abs(self.expected)
        same = (self.expected == found) | (np.isnan(self.expected) & np.isnan(found))
        return bool((near | same).all())


def read_cases(folder: Path) -> Iterator[Path]:
    """Folders of the cases that are time courses."""
    for about in sorted(folder.rglob("*-model.m")):
        if re.search(r"testType:\s*TimeCourse", about.read_text(encoding="utf-8", errors="replace")):
            yield about.parent


def read_case(folder: Path) -> Case:
    """Read one case, with its newest level and version."""
    name = folder.name
    about = (folder / f"{name}-model.m").read_text(encoding="utf-8", errors="replace")
    given = dict(re.findall(r"^(\w+):[ \t]*(.*)$", (folder / f"{name}-settings.txt").read_text(), re.M))
    tags = re.findall(r"^(?:componentTags|testTags|packagesPresent):(.*)$", about, re.M)
    files = [p for p in folder.glob(f"{name}-sbml-l*.xml") if "sedml" not in p.name]
    table = pd.read_csv(folder / f"{name}-results.csv", skipinitialspace=True)
    table.columns = [column.strip() for column in table.columns]
    variables = tuple(_listed(given["variables"]))
    start, duration = float(given["start"]), float(given["duration"])
    return Case(
        name,
        max(files, key=lambda path: path.name),
        tuple(dict.fromkeys(tag for line in tags for tag in _listed(line))),
        np.linspace(start, start + duration, int(given["steps"]) + 1),
        variables,
        frozenset(_listed(given.get("concentration", ""))),
        float(given["absolute"]),
        float(given["relative"]),
        table[list(variables)].to_numpy(float),
    )


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def run_here(case: Case) -> tuple[str, str]:
    """Outcome of a case in this harness, and what there is to say of it."""
    try:
        places = _places(case)
        read = list(dict.fromkeys([*case.variables, *places.values()]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = simulate_once(
                str(case.path), doses=None, changes=None, readings=(), condition=None, until=None,
                times=case.times, observables=read, engine="roadrunner",
            )  # fmt: skip
    except InputError as error:
        return REFUSED, str(error).replace(str(case.path), case.path.name)
    except Exception as error:
        return TRACEBACK, f"{type(error).__name__}: {error}".splitlines()[-1][:300]
    if found.attributes["status"] != "ok":
        return REFUSED, f"{found.attributes['status']}: {found.attributes['reason']}"
    rows = np.searchsorted(found.times, case.times * (1 + 1e-12), "right") - 1
    with np.errstate(all="ignore"):
        values = [
            found.values[name][rows] / (found.values[places[name]][rows] if name in places else 1.0)
            for name in case.variables
        ]
    table = np.column_stack(values)
    if case.is_right(table):
        return RIGHT, ""
    return WRONG, _differs(case, table) + (
        f" ({found.attributes['notes']})" if found.attributes["notes"] else ""
    )


def _places(case: Case) -> dict[str, str]:
    """Compartment of each species that is asked for as a concentration."""
    model = libsbml.readSBMLFromFile(str(load_card(str(case.path)).sbml_path())).getModel()
    found = {}
    for name in case.concentrations:
        species = model.getSpecies(name)
        if species is None:
            raise InputError(f"{case.path}: the concentration of {name}, which is no species of it")
        found[name] = species.getCompartment()
    return found


def _differs(case: Case, found: np.ndarray) -> str:
    with np.errstate(invalid="ignore"):
        over = np.abs(case.expected - found) - case.absolute - case.relative * np.abs(case.expected)
    row, column = np.unravel_index(int(np.nan_to_num(over, nan=np.inf).argmax()), over.shape)
    name = case.variables[column]
    return f"{name} at {case.times[row]:g} is {found[row, column]:g}, not {case.expected[row, column]:g}"


def run_plain(case: Case) -> bool:
    """Whether libRoadRunner alone is right: load, simulate, no more."""
    given = str(case.path), case.times.tolist(), case.variables, case.concentrations
    try:
        return case.is_right(apart("benchmarks.suite:plain", case.name, *given))
    except (InputError, RuntimeError):
        return False


def plain(
    path: str, times: list[float], variables: Sequence[str], concentrations: frozenset[str]
) -> np.ndarray:
    """Values of a case from libRoadRunner alone, shape (times, variables)."""
    model = roadrunner.RoadRunner(path)
    model.integrator.relative_tolerance = 1e-9
    model.integrator.absolute_tolerance = 1e-15
    species = {*model.model.getFloatingSpeciesIds(), *model.model.getBoundarySpeciesIds()}
    read = [f"[{name}]" if name in species & concentrations else name for name in variables]
    return np.array(model.simulate(times=times, selections=["time", *read]))[:, 1:]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description=__doc__.split("\n\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--sample", type=int, help="how many cases to draw; all without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="these cases alone")
    parser.add_argument("--plain", action="store_true", help="libRoadRunner alone beside it")
    parser.add_argument("--list", action="store_true", help="tell each case that is not right")
    given = parser.parse_args(arguments)
    folders = list(read_cases(given.path))
    if not folders:
        print(f"{given.path}: no case of the SBML Test Suite in it", file=sys.stderr)
        return 2
    if given.only:
        folders = [folder for folder in folders if folder.name in given.only]
    if given.sample is not None:
        drawn = np.random.default_rng(given.seed).permutation(len(folders))[: given.sample]
        folders = [folders[place] for place in sorted(drawn)]
    outcomes: Counter[str] = Counter()
    by_tag: dict[str, Counter[str]] = {}
    plain_right, lost = 0, []
    for folder in folders:
        case = read_case(folder)
        outcome, said = run_here(case)
        outcomes[outcome] += 1
        for tag in case.tags:
            by_tag.setdefault(tag, Counter())[outcome] += 1
        beside = run_plain(case) if given.plain else False
        plain_right += beside
        if beside and outcome != RIGHT:
            lost.append(f"{case.name} {outcome}")
        if given.list and outcome != RIGHT:
            print(f"{case.name} {outcome}{' (plain right)' if beside else ''}: {said}", flush=True)
    _report(len(folders), outcomes, by_tag)
    if given.plain:
        print(f"libRoadRunner {roadrunner.__version__} alone: {plain_right} right")
        print(f"right there and not here: {', '.join(lost) or 'none'}")
    return 1 if outcomes[WRONG] or outcomes[TRACEBACK] else 0


def _report(count: int, outcomes: Counter[str], by_tag: dict[str, Counter[str]]) -> None:
    share = 100 * outcomes[RIGHT] / count
    print(
        f"{count} time courses: "
        + ", ".join(f"{outcomes[o]} {o}" for o in OUTCOMES)
        + f" ({share:.1f} % right)"
    )
    print(f"{'tag':32}" + "".join(f"{outcome:>11}" for outcome in OUTCOMES))
    for tag, counts in sorted(by_tag.items(), key=lambda item: -sum(item[1].values())):
        print(f"{tag:32}" + "".join(f"{counts[outcome]:>11}" for outcome in OUTCOMES))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
