"""The command nca: noncompartmental analysis of one run, by observable and dosing interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.endings import show_beside
from harness.cli.options import (
    Changes,
    Condition,
    Doses,
    Engine,
    Model,
    Observables,
    Out,
    Readings,
    Regimen,
    Regimens,
    Scheduler,
    Times,
    Until,
    Workers,
    parse_changes,
    split_all,
)
from harness.cli.studies import doses_of, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

    from harness.simulation.regimen import Dose
    from harness.simulation.simulate import Simulated

__all__ = ["nca"]


def nca(
    model: Model,
    dose: Doses = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    set_: Changes = None,
    reading: Readings = None,
    condition: Condition = None,
    until: Until = None,
    times: Times = None,
    observable: Observables = None,
    bolus: Annotated[
        bool,
        typer.Option("--bolus", help="The highest point may begin the terminal slope, as after a bolus."),
    ] = False,
    linear: Annotated[
        bool, typer.Option("--linear", help="Areas by straight lines also while values fall.")
    ] = False,
    out: Out = None,
    engine: Engine = "roadrunner",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Analyse a run without a model of it: Cmax, areas, terminal half-life, by dosing interval.

    It uses the points at --times alone, those of the model without, and the rules of WinNonlin.
    """
    from harness.files import PLAIN, check_path, write_table
    from harness.models.catalog import model_files, select

    selection = select(model, reading or [], condition)
    from harness.simulation.execute import choose_executor
    from harness.simulation.simulate import simulate_once
    from harness.simulation.times import parse_times

    if out is not None:
        check_path(out, PLAIN, [*model_files(model), *filter(None, [regimens])])
    symbols = selection.card.symbols
    found = simulate_once(
        model,
        doses=doses_of(symbols, regimens, regimen, dose),
        changes=parse_changes(set_ or []),
        readings=reading or [],
        condition=condition,
        until=until,
        times=times,
        observables=split_all(observable) or selection.card.observables[:1],
        engine=engine,
        executor=choose_executor(workers, scheduler),
    )
    say(filter(None, [found.attributes["notes"]]))
    if found.attributes["status"] != "ok":
        say([f"the simulation failed: {found.attributes['status']}: {found.attributes['reason']}"])
        raise typer.Exit(1)
    points = None if times is None else parse_times(times, symbols.time_unit)
    rows = _analysed(found, points, bolus, linear)
    if out is not None:
        write_table(rows, out)
    show_beside([out], lambda: _print(rows))


def _analysed(found: Simulated, points: np.ndarray | None, bolus: bool, linear: bool) -> pd.DataFrame:
    """One row an observable, dosing interval and quantity, each with its unit."""
    import numpy as np
    import pandas as pd

    from harness.analysis.moments import jumps, nearly_in
    from harness.analysis.nca import UNITS
    from harness.analysis.nca import nca as analyse
    from harness.errors import InputError
    from harness.models.units import readable

    chosen = np.ones(found.times.size, bool)
    if points is not None:  # a moment of a dose stands twice, whether it is asked for or not
        chosen = nearly_in(found.times, np.unique(points))
        chosen[jumps(found.times)] = False
    lasting = _intervals(found.doses)
    rows = []
    for name, values in found.values.items():
        try:
            each = analyse(
                found.times[chosen],
                values[chosen],
                list(lasting),
                duration=list(lasting.values()),
                route="bolus" if bolus else "expansion",
                linear=linear,
            )
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        known = {"value": found.symbols[name].unit, "time": found.symbols.time_unit}
        for interval in each.to_dict("records"):
            span = {"observable": name, "from": interval.pop("from"), "to": interval.pop("to")}
            rows += [
                {
                    **span,
                    "quantity": quantity,
                    "value": value,
                    "unit": readable(UNITS.get(str(quantity), "").format(**known)),
                }
                for quantity, value in interval.items()
            ]
    return pd.DataFrame(rows)


def _intervals(doses: Sequence[Dose]) -> dict[float, float]:
    """Start of each dosing interval, and how long its dose takes: of several at once, their mean.

    The model's own dose, and none, begin one interval at time 0.
    """
    amounts: dict[float, list[tuple[float, float]]] = {}
    for dose in doses:
        amounts.setdefault(dose.time, []).append((dose.amount, dose.duration))
    means = {
        time: sum(amount * duration for amount, duration in given) / sum(amount for amount, _ in given)
        for time, given in amounts.items()
    }
    return means or {0.0: 0.0}


def _print(rows: pd.DataFrame) -> None:
    """A table an observable, with a column a dosing interval."""
    from harness.cli.terminal import plain_table, print_table

    for name, of_one in rows.groupby("observable", sort=False):
        spans = of_one[["from", "to"]].drop_duplicates().itertuples(index=False)
        heads = tuple(f"{start:g} to {stop:g}" for start, stop in spans)
        table = plain_table(str(name), "unit", *heads, right=heads)
        for (quantity, unit), values in of_one.groupby(["quantity", "unit"], sort=False).value:
            table.add_row(quantity, unit, *(f"{value:.4g}" for value in values))
        print_table(table)
