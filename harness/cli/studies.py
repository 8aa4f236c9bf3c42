"""What the commands on studies share: files checked beforehand, a run with progress, and what it left to say.

Promise: nothing is simulated before every path can be written; the notes of a study and the count of its
failed runs always reach standard error.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.cli.endings import show_beside
from harness.cli.recorded import leave_record

S = TypeVar("S", bound="StudyDeclaration")

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.models.catalog import Selection
    from harness.models.symbols import SymbolTable
    from harness.simulation.declared_regimens import DeclaredRegimen
    from harness.simulation.estimates import Estimates
    from harness.simulation.regimen import Regimen
    from harness.studies.outcome import Outcome, StudyDeclaration
    from harness.studies.planned import PlannedStudy
    from harness.studies.uncertain import Uncertain

AGAIN, ANSWER, PICTURE = "study.yaml", "answer.txt", "figure.png"
"""Files of a folder of results: what runs it again, what was shown, and the figure."""

__all__ = [
    "answer",
    "carried",
    "check_files",
    "chosen_regimen",
    "declared_by",
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
    from harness.simulation.declared_regimens import choose_regimen, declared_regimens

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
    from harness.simulation.declared_regimens import declared_regimen

    chosen = chosen_regimen(regimens, name, dose)
    return dose if chosen is None else declared_regimen(name or "", chosen, symbols)


def taken(
    source: str | None,
    draws: int | None,
    selection: Selection,
    changes: Mapping[str, str],
    varied: Iterable[str],
) -> Estimates | None:
    """The estimates of --from that a model takes, but for what is set or varied; None without it."""
    from harness.errors import InputError
    from harness.simulation.estimate_sources import estimates_for
    from harness.simulation.estimates import set_by

    if source is None:
        if draws:
            raise InputError("uncertainty: goes with --from, which says of what")
        return None
    found = estimates_for(source, selection, [*set_by(changes), *varied])
    say(found.notes(spreads=False))
    return found


def carried(
    study: PlannedStudy, source: str | None, draws: int | None, varied: Iterable[str] = ()
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
    if not draws:
        return at_estimates(study, found)
    return Uncertain(study, found, draws, getattr(study, "seed", 1), given=source)


def declared_by(schema: type[S], file: Path | None, base: Mapping[str, object], **given: object) -> S:
    """A study of a file, or without one of `base`; what is given goes over it, by name where it has names."""
    from harness.declarations import declare, read_declaration

    fields = dict(base) if file is None else read_declaration(file, schema).model_dump()
    for name, value in given.items():
        if value is not None:
            own = fields.get(name)
            fields[name] = {**own, **value} if isinstance(own, dict) and isinstance(value, dict) else value
    return declare(schema, **fields)


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
    command: str = "",
) -> None:
    """Run a study, write the table of that name, or its curves, and the picture, and show the answer.

    `inputs` are files that the command reads beside those of the study. Of a `command` that takes a file of
    its study, an `out` without a suffix is a folder: it gets the answer, all tables, the picture, and the
    file that gives them again.
    """
    from harness.figures.style import write_figure
    from harness.files import check_folder, write_dataset, write_table

    inputs = (*study.inputs(), *inputs)
    folder = out if command and out is not None and not out.suffix else None
    check_files(None if folder else out, [plot], inputs, hasattr(study, "curves"))
    if folder is not None:
        check_folder(folder, [AGAIN, ANSWER, PICTURE], inputs)
    outcome = run_study(study, workers, scheduler)
    if folder is not None:
        _write_folder(folder, study, outcome, command, draw, show)
        leave_record(folder, inputs, [f"{name}.csv" for name in outcome.tables])
    elif out is not None and outcome.curves is not None:
        write_dataset(outcome.curves, out)
    elif out is not None:
        write_table(outcome.written(table), out)
    if plot is not None:
        write_figure(draw(outcome), plot)
    show_beside([out, plot], lambda: show(outcome))


def _write_folder(
    folder: Path,
    study: StudyDeclaration | Uncertain,
    outcome: Outcome,
    command: str,
    draw: Callable[[Outcome], list[Axes]],
    show: Callable[[Outcome], None],
) -> None:
    """All that a study gave, and its declaration, with the line that runs it again."""
    import contextlib
    import io

    from harness.figures.style import write_figure
    from harness.files import write_table, write_whole

    folder.mkdir(exist_ok=True)
    for name in outcome.tables:
        write_table(outcome.written(name), folder / f"{name}.csv")
    write_figure(draw(outcome), folder / PICTURE)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        show(outcome)
    notes = "".join(f"- {note}\n" for note in outcome.notes)
    write_whole(folder / ANSWER, lambda path: path.write_text(f"{said.getvalue()}\n{notes}", "utf-8"))
    write_whole(folder / AGAIN, lambda path: path.write_text(_again(study, command), "utf-8"))


def _again(study: StudyDeclaration | Uncertain, command: str) -> str:
    """A study as a file of its command, whose first line is the command."""
    import yaml

    import harness
    from harness.studies.uncertain import Uncertain

    line = f"cart {command} {AGAIN}"
    if isinstance(study, Uncertain):
        line += f" --from {shlex.quote(study.given)} --uncertainty {study.draws}"
        study = study.study
    declared = study.model_dump(mode="json", exclude_none=True)
    if str(declared.get("posterior", "")).lower().endswith(".csv"):
        declared["posterior"] = str(Path(declared["posterior"]).absolute())
    text = yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=100)
    return f"# {line}\n# cart-pkpd {harness.__version__}\n{text}"
