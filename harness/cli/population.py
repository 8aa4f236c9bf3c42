"""Commands on virtual patients: population at several doses, and trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    Changes,
    Engine,
    From,
    Omegas,
    OtherEngine,
    Out,
    PatientModel,
    Plot,
    Posterior,
    Readings,
    Regimen,
    Regimens,
    Results,
    Rule,
    Scheduler,
    Seed,
    Times,
    Uncertainty,
    Until,
    Workers,
    parse_changes,
)
from harness.cli.studies import answer, carried, chosen_regimen, is_of_curves, print_shares

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.studies.outcome import Outcome

__all__ = ["cells_of", "population", "trial"]


def population(
    patients: Annotated[int, typer.Option(metavar="NUMBER", help="Virtual patients at each dose.")] = 1000,
    dose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELLS",
            help="A dose that everybody gets; repeatable. 50, 150, 450 and 800e6 cells by default.",
        ),
    ] = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    omega: Omegas = None,
    month: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER", help="When response is read off. Repeatable. 6 and 21 by default."),
    ] = None,
    rule: Rule = None,
    model: PatientModel = "clinical",
    set_: Changes = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    reading: Readings = None,
    posterior: Posterior = None,
    until: Until = "48 months",
    times: Times = None,
    seed: Seed = 1,
    out: Results = None,
    plot: Plot = None,
    engine: Engine = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Virtual patients at several doses: responses and progression-free survival."""
    from harness.declarations import declare
    from harness.studies.population import Population

    study = declare(
        Population,
        patients=patients,
        doses=cells_of(model, dose) if dose else ["50e6", "150e6", "450e6", "800e6"],
        regimen=chosen_regimen(regimens, regimen, None),
        omegas=parse_changes(omega or [], "--omega"),
        months=month or [6, 21],
        model=model,
        changes=parse_changes(set_ or []),
        readings=reading or [],
        posterior=posterior,
        until=until,
        curves=is_of_curves(out),
        times=times,
        seed=seed,
        engine=engine,
        **({} if rule is None else {"rule": rule}),
    )

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.population import draw_population

        return draw_population(outcome, study.rule)

    def show(outcome: Outcome) -> None:
        _print_population(outcome, study.rule)

    answer(
        carried(study, from_, uncertainty, ["dose"]),
        table="runs",
        out=out,
        draw=draw,
        plot=plot,
        show=show,
        inputs=filter(None, [regimens]),
        workers=workers,
        scheduler=scheduler,
    )


def trial(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML file of the trial: arms, visits, dropout.")
    ],
    replicates: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="How often it is run; in place of the file's.")
    ] = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    posterior: Posterior = None,
    seed: Seed = None,
    out: Out = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """A virtual trial, repeated: response table, Kaplan-Meier by arm, and the chance of one trial.

    Doses, visits and what else is not given here are the file's.
    """
    from harness.declarations import declare, read_declaration
    from harness.studies.trial import Trial

    given = {"replicates": replicates, "seed": seed, "engine": engine, "posterior": posterior}
    declared = read_declaration(file, Trial).model_dump()
    study = declare(Trial, **declared | {name: value for name, value in given.items() if value is not None})

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.population import draw_trial

        return draw_trial(outcome)

    answer(
        carried(study, from_, uncertainty), table="patients", out=out, draw=draw, plot=plot,
        show=_print_trial, workers=workers, scheduler=scheduler, inputs=[file],
    )  # fmt: skip


def cells_of(model: str, texts: list[str]) -> list[float]:
    """Doses that are given as amounts, with or without a unit."""
    from harness.errors import InputError
    from harness.models.catalog import load_card

    card = load_card(model)
    if card.dose is None:
        raise InputError(f"model {model} takes no dose")
    return [card.symbols.parse(card.dose.parameter, text) for text in texts]


def _print_population(outcome: Outcome, rule: str) -> None:
    """One row a dose: best response, response by month, and median PFS, with intervals."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import MILLIONS, with_unit

    best, shares = outcome.tables["responses"], outcome.tables["fractions"]
    medians = outcome.tables["medians"].query("rule == @rule and outcome == 'pfs'").set_index("dose")
    months = [f"{bin_} at {month:g} months" for month in shares["month"].unique() for bin_ in ("PD", "CR")]
    percents = [with_unit(name, "percent") for name in ("ORR", "CR", *months)]
    heads = [MILLIONS, *percents, with_unit(f"median PFS by {rule}", "month")]
    table = plain_table(*heads, right=tuple(heads))
    for dose, group in best.groupby("dose"):
        of_best = group.set_index("outcome")
        row = [_with_interval(of_best.loc[name], "percent") for name in ("orr", "cr")]
        of_dose = shares[shares["dose"] == dose].set_index(["month", "bin"])
        row += [f"{of_dose.percent[m, b]:.1f}" for m in shares["month"].unique() for b in ("PD", "CR")]
        table.add_row(f"{dose / 1e6:g}", *row, _with_interval(medians.loc[dose], "median"))
    print_table(table)
    print_shares(outcome)


def _print_trial(outcome: Outcome) -> None:
    """Response table by arm with the interval over the replicates, median PFS, and the log-rank test."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import with_unit

    responses, numbers = outcome.tables["responses"], outcome.numbers
    categories = list(responses["category"].unique())
    percents = [with_unit(name, "percent") for name in (*categories, "ORR")]
    heads = [*percents, with_unit("median PFS", "month")]
    table = plain_table("arm", *heads, right=tuple(heads))
    for arm, group in responses.groupby("arm", sort=False):
        row = [_with_interval(line, "percent") for _, line in group.iterrows()]
        for outcome_ in ("orr", "median_pfs"):
            ends = {end: numbers[f"{outcome_}_{end}_{arm}"] for end in ("low", "high")}
            row.append(_with_interval({"middle": numbers[f"{outcome_}_{arm}"], **ends}, "middle"))
        table.add_row(str(arm), *row)
    print_table(table)
    if "power" in numbers:
        power = f"below 0.05 in {numbers['power']:.0f} % of the trials"
        print(f"log-rank between the arms: median p = {numbers['p_value']:.3g}; {power}")
    print_shares(outcome)


def _with_interval(row: pd.Series | dict, name: str) -> str:
    """A number with its interval, and with what draws of the parameters make of it."""
    drawn = f"; {row[f'{name}_low']:.1f}-{row[f'{name}_high']:.1f}" if f"{name}_low" in row else ""
    return f"{row[name]:.1f} ({row['low']:.1f}-{row['high']:.1f}{drawn})"
