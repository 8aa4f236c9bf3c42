"""Commands that ask what matters: a map of dose by burden, a sensitivity analysis."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.design import Changes, Condition, Model, Readings, Scheduler, Workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.declarations import Declaration
    from harness.studies.outcome import Outcome, StudyDeclaration

__all__ = ["map_", "sensitivity"]

Out = Annotated[Path | None, typer.Option(help="Table to write: .csv or .parquet.")]
Plot = Annotated[Path | None, typer.Option(help="Picture to write: .png, .svg or .pdf.")]


def map_(
    model: Annotated[
        str, typer.Option(help="A model with doses and the endpoints of a patient.")
    ] = "clinical",
    points: Annotated[int, typer.Option(help="Points along each axis.")] = 40,
    dose: Annotated[str, typer.Option(help="Ends of the dose axis, LOW:HIGH in cells.")] = "50e6:800e6",
    burden: Annotated[
        str, typer.Option(help="Ends of the burden axis, LOW:HIGH in % plasma cells.")
    ] = "5:95",
    conversion: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PERCENT=VALUE",
            help="What a burden is in the model, such as '50=2.5e9 cells/L', in proportion; repeat it for "
            "several, which straight lines join.",
        ),
    ] = None,
    parameter: Annotated[str, typer.Option(help="Parameter that the burden sets.")] = "Tumor_0",
    set_: Changes = None,
    reading: Readings = None,
    condition: Condition = None,
    until: Annotated[str, typer.Option(help="End of every run.")] = "21 months",
    out: Out = None,
    plot: Plot = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Map Cmax, Tmax and the falls of the biomarkers over dose and tumour burden."""
    from harness.cli.simulate import parse_changes
    from harness.studies.map import Burden, Map

    low, high = _ends(burden, "burden")
    _ends(dose, "dose")
    axis = {"parameter": parameter, "low": low, "high": high, "points": points}
    if conversion:
        axis["conversion"] = _conversion(conversion)
    declared = _declare(
        Map,
        model=model,
        readings=tuple(reading or ()),
        condition=condition,
        changes=parse_changes(set_ or []),
        dose=f"{dose}:log:{points}",
        burden=_declare(Burden, **axis),
        until=until,
    )
    _check_files(out, plot)
    outcome = _carry_out(declared, workers, scheduler)
    if out is not None:
        _write(outcome, "map", out)
    if plot is not None:
        from harness.figures.maps import draw_map
        from harness.simulation.files import write_whole

        figure = draw_map(outcome)
        write_whole(plot, lambda path: figure.savefig(path, dpi=160))
    _report(outcome, declared.number_names() if out is None and plot is None else ())


def sensitivity(
    model: Model,
    parameters: Annotated[
        list[str],
        typer.Option(
            help="K_12 (50 % either way, evenly in logarithms), 'K_12=20 percent', K_12=1:3, "
            "'K_12=omega 0.5' or 'K_12=rse 11'; repeatable, or with commas.",
        ),
    ],
    observable: Annotated[
        list[str], typer.Option(help="NAME, or 'log(NAME)' for its logarithm; repeatable, or with commas.")
    ],
    at: Annotated[str, typer.Option(help="Times: 10,180 or 0:360:30.")],
    n: Annotated[int, typer.Option(help="Blocks, a power of two; n (parameters + 2) runs.")] = 1024,
    failures: Annotated[
        str, typer.Option(help="drop the blocks of failed runs, or impute the median.")
    ] = "drop",
    measure: Annotated[str, typer.Option(help="What is drawn: total, first or prcc.")] = "total",
    dose: Annotated[list[str] | None, typer.Option(help="Doses of every run. Repeatable.")] = None,
    set_: Changes = None,
    reading: Readings = None,
    condition: Condition = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample and of the bootstrap.")] = 1,
    out: Out = None,
    plot: Plot = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Find which parameters matter when: Sobol indices and partial rank correlations over time."""
    from harness.cli.design import split_names
    from harness.cli.simulate import parse_changes
    from harness.errors import unknown_name
    from harness.studies.sensitivity import Sensitivity

    if measure not in ("total", "first", "prcc"):
        raise unknown_name("index", measure, ("total", "first", "prcc"))
    declared = _declare(
        Sensitivity,
        model=model,
        readings=tuple(reading or ()),
        condition=condition,
        changes=parse_changes(set_ or []),
        doses=tuple(dose) if dose else None,
        parameters=_spreads([name for text in parameters for name in split_names(text)]),
        observables=tuple(name for text in observable for name in split_names(text)),
        at=at,
        n=n,
        seed=seed,
        failures=failures,
    )
    _check_files(out, plot)
    outcome = _carry_out(declared, workers, scheduler)
    if out is not None:
        _write(outcome, "indices", out)
    if plot is not None:
        from harness.figures.sensitivity import draw_sensitivity
        from harness.simulation.files import write_whole

        figure = draw_sensitivity(outcome, outcome.extra["time_unit"], measure)
        write_whole(plot, lambda path: figure.savefig(path, dpi=160))
    if out is None and plot is None:
        _print_indices(outcome)
    _report(outcome, ())


def _ends(text: str, what: str) -> tuple[float, float]:
    from harness.errors import InputError

    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"{what}: write LOW:HIGH, not '{text}'") from None
    return low, high


def _conversion(texts: list[str]) -> dict[float, str]:
    """Percent to value."""
    from harness.errors import InputError

    pairs: dict[float, str] = {}
    for text in texts:
        found = re.fullmatch(r"\s*([0-9.]+)\s*=\s*(\S.*)", text)
        if found is None or found[1].count(".") > 1 or float(found[1]) in pairs:
            raise InputError(f"conversion '{text}': write PERCENT=VALUE, each percentage once")
        pairs[float(found[1])] = found[2].strip()
    return pairs


def _spreads(texts: list[str]) -> dict[str, dict[str, str]]:
    """Parameters and how far they are varied, as the fields of a Spread."""
    from harness.errors import InputError

    found: dict[str, dict[str, str]] = {}
    for text in texts:
        name, _, rest = (part.strip() for part in text.partition("="))
        if name in found:
            raise InputError(f"parameters: {name} is given twice")
        if not rest:
            found[name] = {"percent": "50"}
        elif ":" in rest:
            low, _, high = rest.partition(":")
            found[name] = {"low": low.strip(), "high": high.strip()}
        elif way := re.fullmatch(r"(omega|rse)\s+(\S+)|(\S+)\s*(?:percent|%)", rest):
            found[name] = {way[1]: way[2]} if way[1] else {"percent": way[3]}
        else:
            ways = "NAME, NAME=20 percent, NAME=LOW:HIGH, NAME=omega 0.5 or NAME=rse 11"
            raise InputError(f"parameters '{text}': write {ways}")
    return found


def _declare(schema: type[Declaration], **fields: object) -> Declaration:
    """A declaration from options; what is wrong with one is told in one line."""
    from pydantic import ValidationError

    from harness.declarations import describe
    from harness.errors import InputError

    try:
        return schema(**fields)
    except ValidationError as error:
        raise InputError(describe(error.errors()[0])) from None


def _check_files(out: Path | None, plot: Path | None) -> None:
    from harness.simulation.files import PICTURES, check_path

    if out is not None:
        check_path(out, (".csv", ".parquet"))
    if plot is not None:
        check_path(plot, PICTURES)


def _carry_out(declared: StudyDeclaration, workers: int | None, scheduler: str | None) -> Outcome:
    from harness.cli.terminal import progress_bar
    from harness.simulation.execute import choose_executor

    size = declared.size()
    executor = choose_executor(workers, scheduler)
    with progress_bar("runs", size) as progress:
        return declared.run(executor, progress)


def _write(outcome: Outcome, table: str, out: Path) -> None:
    from harness.simulation.files import write_whole

    rows = outcome.tables[table]
    if out.suffix.lower() == ".csv":
        write_whole(out, lambda path: rows.to_csv(path, index=False))
    else:
        write_whole(out, lambda path: rows.to_parquet(path, index=False))


def _print_indices(outcome: Outcome) -> None:
    from harness.cli.terminal import console, plain_table

    columns = ("time", "rank", "total", "first", "prcc")
    shown = plain_table("observable", "parameter", *columns, right=columns)
    table = outcome.tables["indices"].sort_values(["observable", "time", "rank"], kind="stable")
    for row in table.itertuples():
        half = row.total_high - row.total
        cells = (f"{row.time:g}", f"{row.rank:g}", f"{row.total:.3f} ± {half:.3f}", f"{row.first:.3f}")
        shown.add_row(row.observable, row.parameter, *cells, f"{row.prcc:+.3f}")
    console().print(shown)


def _report(outcome: Outcome, names: Sequence[str]) -> None:
    """Numbers to standard output; notes and the count of runs to standard error."""
    for name in names:
        print(f"{name}: {outcome.numbers[name]:.6g}")
    for note in outcome.notes:
        print(f"cart: {note}", file=sys.stderr)
    print(f"cart: {outcome.runs} runs, {outcome.failed} failed", file=sys.stderr)
