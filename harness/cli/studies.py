"""What the commands on studies share: files checked beforehand, a run with progress, and what it left to say.

Promise: nothing is simulated before every path can be written; the notes of a study and the count of its
failed runs always reach standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.endings import show_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.models.catalog import Selection
    from harness.models.symbols import SymbolTable
    from harness.simulation.estimates import Estimates
    from harness.simulation.regimen import DeclaredRegimen, Regimen
    from harness.studies.outcome import Outcome, StudyDeclaration
    from harness.studies.uncertain import Uncertain

__all__ = [
    "answer",
    "carried",
    "check_files",
    "chosen_regimen",
    "doses_of",
    "is_of_curves",
    "print_shares",
    "run_study",
    "say",
    "say_damaged",
    "taken",
]


def check_files(
    table: Path | None = None,
    pictures: Iterable[Path | None] = (),
    inputs: Iterable[Path] = (),
    curves: bool = False,
) -> None:
    """Refuse a table or pictures that cannot be written or are read, and two that would be one file.

    With `curves` the table may be a file that has those too.
    """
    from harness.errors import InputError
    from harness.files import PICTURES, PLAIN, TABLES, check_path

    inputs = tuple(inputs)
    if table is not None:
        check_path(table, TABLES if curves else PLAIN, inputs)
    taken = set()
    for path in filter(None, pictures):
        check_path(path, PICTURES, inputs)
        if path.resolve() in taken:
            raise InputError(f"{path}: is asked for twice; give each picture a file of its own")
        taken.add(path.resolve())


def is_of_curves(out: Path | None) -> bool:
    """Whether a file that results are written to holds the curves of the runs."""
    return out is not None and out.suffix.lower() == ".nc"


def chosen_regimen(regimens: Path | None, name: str | None, dose: list[str] | None) -> DeclaredRegimen | None:
    """The regimen of a file that every run gets; None where no file is given.

    Raises
    ------
    InputError
        When there is no such regimen, none is chosen of several, or the doses are given twice.
    """
    from harness.errors import InputError
    from harness.simulation.regimen import choose_regimen, declared_regimens

    if regimens is None:
        if name is not None:
            raise InputError("regimen: goes with --regimens, the file that holds it")
        return None
    if dose:
        raise InputError("give the doses once: --dose or --regimens; multiples are of --set dose=...")
    found = declared_regimens(regimens)
    if name is None and len(found) != 1:
        raise InputError(f"{regimens}: holds {', '.join(found) or 'none'}; choose one with --regimen")
    return choose_regimen(name or next(iter(found)), found)


def doses_of(
    symbols: SymbolTable, regimens: Path | None, name: str | None, dose: list[str] | None
) -> list[str] | Regimen | None:
    """Doses of every run of a model: those of --dose, or the chosen regimen of a file."""
    from harness.simulation.regimen import declared_regimen

    chosen = chosen_regimen(regimens, name, dose)
    return dose if chosen is None else declared_regimen(name or "", chosen, symbols)


def taken(
    source: str | None, draws: int | None, selection: Selection, given: Iterable[str]
) -> Estimates | None:
    """The estimates of --from that a model takes, but for what is given otherwise; None without it."""
    from harness.errors import InputError
    from harness.simulation.estimates import estimates_for

    if source is None:
        if draws:
            raise InputError("uncertainty: goes with --from, which says of what")
        return None
    found = estimates_for(source, selection, tuple(given))
    say(found.notes(spreads=False))
    return found


def carried(
    study: StudyDeclaration, source: str | None, draws: int | None, varied: Iterable[str] = ()
) -> StudyDeclaration | Uncertain:
    """A study at the estimates of --from, with as many draws of them as --uncertainty asks for."""
    from harness.errors import InputError
    from harness.studies.uncertain import Uncertain, at_estimates, estimates_of_study

    if source is None:
        if draws:
            raise InputError("uncertainty: goes with --from, which says of what")
        return study
    found = estimates_of_study(study, source, tuple(varied))
    say(found.notes(spreads=hasattr(study, "omegas")))
    return Uncertain(study, found, draws, getattr(study, "seed", 1)) if draws else at_estimates(study, found)


def say(notes: Iterable[str]) -> None:
    """Tell notes, each in a line of standard error."""
    for note in notes:
        print(f"cart: {note}", file=sys.stderr)


def say_damaged(count: int, parts: str) -> None:
    """Tell how many kept parts were not whole."""
    if count:
        say([f"{count} of the kept {parts} were damaged and made again"])


def run_study(
    study: StudyDeclaration | Uncertain,
    workers: int | None,
    scheduler: str | None = None,
    label: str = "runs",
) -> Outcome:
    """Run a study under a progress bar; its notes and the count of runs go to standard error."""
    from harness.cli.terminal import progress_bar
    from harness.simulation.execute import choose_executor

    executor = choose_executor(workers, scheduler)
    with progress_bar(label, study.size()) as progress:
        outcome = study.run(executor, progress)
    say([*outcome.notes, f"{outcome.runs} runs, {outcome.failed} failed"])
    return outcome


def print_shares(outcome: Outcome) -> None:
    """How much of the variance is not known of the parameters, where there are draws of them and patients."""
    from harness.cli.terminal import plain_table, print_table

    if "variance" not in outcome.tables:
        return
    table = outcome.tables["variance"]
    groups = list(table["group"].unique())
    print("percent of the variance that is of the parameters (95 % over draws); the rest is of the patients")
    shown = plain_table("of", *groups, right=tuple(groups))
    for name, rows in table.groupby("quantity", sort=False):
        cells = {
            row.group: f"{row.parameters:.0f} ({row.low:.0f}-{row.high:.0f})" if row.low == row.low else "-"
            for row in rows.itertuples()
        }
        shown.add_row(str(name), *(cells.get(group, "-") for group in groups))
    print_table(shown)


def answer(
    study: StudyDeclaration | Uncertain,
    *,
    table: str,
    out: Path | None,
    draw: Callable[[Outcome], list[Axes]],
    plot: Path | None,
    show: Callable[[Outcome], None],
    workers: int | None,
    scheduler: str | None = None,
    inputs: Iterable[Path] = (),
) -> None:
    """Run a study, write the table of that name, or its curves, and the picture, and show the answer.

    `inputs` are files that the command reads beside those of the study.
    """
    from harness.figures.style import write_figure
    from harness.files import write_dataset, write_table

    check_files(out, [plot], (*study.inputs(), *inputs), hasattr(study, "curves"))
    outcome = run_study(study, workers, scheduler)
    if out is not None and outcome.curves is not None:
        write_dataset(outcome.curves, out)
    elif out is not None:
        write_table(outcome.written(table), out)
    if plot is not None:
        write_figure(draw(outcome), plot)
    show_beside([out, plot], lambda: show(outcome))
