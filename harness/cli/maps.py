"""Commands that ask what matters: a map of dose by burden, a sensitivity analysis."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import (
    complete_endpoint,
    complete_model,
    complete_of,
    complete_parameter,
    complete_watched,
)
from harness.cli.options import (
    At,
    Changes,
    Condition,
    Doses,
    Engine,
    From,
    Model,
    Out,
    Plot,
    Posterior,
    Readings,
    Regimen,
    Regimens,
    Results,
    Scheduler,
    Seed,
    Times,
    Uncertainty,
    Until,
    Workers,
    parse_changes,
    split_all,
)
from harness.cli.studies import answer, carried, chosen_regimen, is_of_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.studies.outcome import Outcome

__all__ = ["map_", "sensitivity"]

INDICES = ("total", "first", "prcc")


def map_(
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="A model with doses and the endpoints of a patient.",
            autocompletion=complete_model,
        ),
    ] = "clinical",
    points: Annotated[int, typer.Option(metavar="NUMBER", help="Points along each axis.")] = 40,
    dose: Annotated[
        str, typer.Option(metavar="LOW:HIGH", help="Ends of the dose axis, in cells.")
    ] = "50e6:800e6",
    burden: Annotated[
        str, typer.Option(metavar="LOW:HIGH", help="Ends of the burden axis, in % plasma cells.")
    ] = "5:95",
    conversion: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PERCENT=VALUE",
            help="What a burden is in the model, such as '50=2.5e9 cells/L', in proportion; repeat it for "
            "several, which straight lines join.",
        ),
    ] = None,
    parameter: Annotated[
        str,
        typer.Option(metavar="ID", help="Parameter that the burden sets.", autocompletion=complete_parameter),
    ] = "Tumor_0",
    regimens: Regimens = None,
    regimen: Regimen = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--endpoint",
            "--endpoints",
            metavar="NAME",
            help="One more column, such as 'response_at(M_protein_change, day=180)'; repeatable, or with "
            "commas.",
            autocompletion=complete_endpoint,
        ),
    ] = None,
    set_: Changes = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    reading: Readings = None,
    condition: Condition = None,
    posterior: Posterior = None,
    until: Until = "21 months",
    times: Times = None,
    seed: Seed = 1,
    out: Results = None,
    plot: Plot = None,
    engine: Engine = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Map Cmax, Tmax and the falls of the biomarkers over dose and tumour burden."""
    from harness.declarations import declare
    from harness.studies.map import Map

    low, high = (_percent(end) for end in _ends(burden, "burden"))
    lowest, highest = _ends(dose, "dose")
    axis = {"parameter": parameter, "low": low, "high": high, "points": points}
    if conversion:
        axis["conversion"] = _conversion(conversion)
    study = declare(
        Map,
        model=model,
        readings=tuple(reading or ()),
        condition=condition,
        changes=parse_changes(set_ or []),
        posterior=posterior,
        seed=seed,
        dose=f"{lowest}:{highest}:log:{points}",
        burden=axis,
        regimen=chosen_regimen(regimens, regimen, None),
        endpoints=split_all(endpoint) or (),
        until=until,
        curves=is_of_curves(out),
        times=times,
        engine=engine,
    )

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.maps import draw_map

        return draw_map(outcome)

    answer(
        carried(study, from_, uncertainty, ["dose", parameter]), table="map", out=out, draw=draw, plot=plot,
        show=_print_numbers, workers=workers, scheduler=scheduler, inputs=filter(None, [regimens]),
    )  # fmt: skip


def sensitivity(
    model: Model,
    parameters: Annotated[
        list[str],
        typer.Option(
            metavar="ID[=SPREAD]",
            autocompletion=complete_parameter,
            help="K_12 (50 % either way, evenly in logarithms), 'K_12=20 percent', K_12=1:3, "
            "'K_12=omega 0.5' or 'K_12=rse 11'; repeatable, or with commas.",
        ),
    ],
    observable: Annotated[
        list[str],
        typer.Option(
            "--observable",
            "--observables",
            metavar="NAME",
            help="NAME, or 'log(NAME)' for its logarithm; repeatable, or with commas.",
            autocompletion=complete_watched,
        ),
    ],
    at: At,
    n: Annotated[
        int, typer.Option(metavar="NUMBER", help="Blocks, a power of two; n (parameters + 2) runs.")
    ] = 1024,
    failures: Annotated[
        str,
        typer.Option(
            metavar="WAY",
            help="drop the blocks of failed runs, or impute the median.",
            autocompletion=complete_of("drop", "impute"),
        ),
    ] = "drop",
    measure: Annotated[
        str,
        typer.Option(
            metavar="INDEX",
            help="What is drawn: total, first or prcc.",
            autocompletion=complete_of(*INDICES),
        ),
    ] = "total",
    dose: Doses = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    set_: Changes = None,
    reading: Readings = None,
    condition: Condition = None,
    seed: Seed = 1,
    out: Out = None,
    plot: Plot = None,
    engine: Engine = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Find which parameters matter when: Sobol indices and partial rank correlations over time."""
    from harness.declarations import declare
    from harness.errors import unknown_name
    from harness.studies.sensitivity import Sensitivity

    if measure not in INDICES:
        raise unknown_name("index", measure, INDICES)
    study = declare(
        Sensitivity,
        model=model,
        readings=tuple(reading or ()),
        condition=condition,
        changes=parse_changes(set_ or []),
        doses=tuple(dose) if dose else None,
        regimen=chosen_regimen(regimens, regimen, dose),
        parameters=_spreads(split_all(parameters) or []),
        observables=split_all(observable),
        at=at,
        n=n,
        seed=seed,
        failures=failures,
        engine=engine,
    )

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.sensitivity import draw_sensitivity

        return draw_sensitivity(outcome, outcome.extra["time_unit"], measure)

    answer(
        study, table="indices", out=out, draw=draw, plot=plot, show=_print_indices, workers=workers,
        scheduler=scheduler, inputs=filter(None, [regimens]),
    )  # fmt: skip


def _ends(text: str, what: str) -> list[str]:
    from harness.errors import InputError

    ends = [end.strip() for end in text.split(":")]
    if len(ends) != 2 or not all(ends):
        raise InputError(f"{what}: write LOW:HIGH, not '{text}'")
    return ends


def _percent(text: str) -> float:
    from harness.models.units import parse_quantity

    return parse_quantity(text, "percent", "burden")


def _conversion(texts: list[str]) -> dict[float, str]:
    """Percent to value."""
    from harness.errors import InputError
    from harness.reading import parse_number

    pairs: dict[float, str] = {}
    for text in texts:
        percent, _, value = text.partition("=")
        number = parse_number(percent)
        if not math.isfinite(number) or number in pairs or not value.strip():
            raise InputError(f"conversion '{text}': write PERCENT=VALUE, each percentage once")
        pairs[number] = value.strip()
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


def _print_numbers(outcome: Outcome) -> None:
    for name, value in outcome.numbers.items():
        print(f"{name}: {value:.6g}")
    for name in outcome.extra["more"]:
        column = outcome.tables["map"][name]
        print(f"{name}: {column.min():.6g} to {column.max():.6g}")


def _print_indices(outcome: Outcome) -> None:
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import with_unit

    columns = (with_unit("time", outcome.extra["time_unit"]), "rank", "total", "first", "prcc")
    shown = plain_table("observable", "parameter", *columns, right=columns)
    table = outcome.tables["indices"].sort_values(["observable", "time", "rank"], kind="stable")
    for row in table.itertuples():
        half = row.total_high - row.total
        cells = (f"{row.time:g}", f"{row.rank:g}", f"{row.total:.3f} ± {half:.3f}", f"{row.first:.3f}")
        shown.add_row(row.observable, row.parameter, *cells, f"{row.prcc:+.3f}")
    print_table(shown)
