"""Commands on virtual patients: population at several doses, and trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    Changes,
    From,
    Omegas,
    OtherEngine,
    PatientModel,
    Plot,
    Posterior,
    Readings,
    Regimen,
    Regimens,
    Rule,
    Scheduler,
    Seed,
    Times,
    Uncertainty,
    Until,
    Whole,
    WholeOrCurves,
    Workers,
    parse_changes,
)
from harness.cli.studies import (
    answer,
    carried,
    chosen_regimen,
    declared_by,
    is_of_curves,
    print_shares,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.studies.outcome import Outcome

__all__ = ["cells_of", "population", "trial"]


def population(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="YAML file of a population; what else is given goes over it."),
    ] = None,
    patients: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Virtual patients at each dose. 1000 by default.")
    ] = None,
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
    model: PatientModel = None,
    set_: Changes = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    reading: Readings = None,
    posterior: Posterior = None,
    until: Until = None,
    times: Times = None,
    seed: Seed = None,
    out: WholeOrCurves = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Virtual patients at several doses: responses and progression-free survival."""
    from harness.studies.population import Population

    study = declared_by(
        Population,
        file,
        {"patients": 1000, "doses": ["50e6", "150e6", "450e6", "800e6"]},
        patients=patients,
        doses=cells_of(model or "clinical", dose) if dose else None,
        regimen=chosen_regimen(regimens, regimen, None),
        omegas=parse_changes(omega or [], "--omega"),
        months=month,
        model=model,
        changes=parse_changes(set_ or []),
        readings=reading,
        posterior=posterior,
        until=until,
        curves=is_of_curves(out) or None,
        times=times,
        seed=seed,
        engine=engine,
        rule=rule,
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
        inputs=filter(None, [file, regimens]),
        workers=workers,
        scheduler=scheduler,
        command="population",
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
    out: Whole = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """A virtual trial, repeated: response table, Kaplan-Meier by arm, and the chance of one trial.

    Doses, visits and what else is not given here are the file's.
    """
    from harness.studies.trial import Trial

    given = {"replicates": replicates, "seed": seed, "engine": engine, "posterior": posterior}
    study = declared_by(Trial, file, {}, **given)

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.population import draw_trial

        return draw_trial(outcome)

    answer(
        carried(study, from_, uncertainty), table="patients", out=out, draw=draw, plot=plot,
        show=_print_trial, workers=workers, scheduler=scheduler, inputs=[file], command="trial",
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
    print(_of_population(outcome, rule))
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
    print(_of_trial(outcome))
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
        print(f"log-rank between the arms: median p = {numbers['p_value']:.3g}")
    print_shares(outcome)


def _of_population(outcome: Outcome, rule: str) -> str:
    """The answer in a line: response and PFS over the doses."""
    best = outcome.tables["responses"].set_index("outcome")
    every = outcome.tables["medians"]
    medians = every[(every["rule"] == rule) & (every["outcome"] == "pfs")]["median"]
    doses = sorted(every["dose"].unique())
    at = f"{doses[0] / 1e6:g} to {doses[-1] / 1e6:g}" if len(doses) > 1 else f"{doses[0] / 1e6:g}"
    orr, cr = (_range(best["percent"][[name]], " %") for name in ("orr", "cr"))
    return f"at {at} million cells: ORR {orr}, CR {cr}, median PFS {_range(medians, ' months')}"


def _range(values: pd.Series, unit: str) -> str:
    """Lowest and highest of some numbers; one where they are the same as shown."""
    ends = [f"{value:.1f}{unit}" if value < float("inf") else "not reached" for value in sorted(values)]
    return ends[0] if ends[0] == ends[-1] else f"{ends[0].removesuffix(unit)} to {ends[-1]}"


def _of_trial(outcome: Outcome) -> str:
    """The answer in a line: response and PFS by arm, and how often a trial of this size tells them apart."""
    numbers, said = outcome.numbers, []
    for arm in outcome.tables["responses"]["arm"].unique():
        pfs = numbers[f"median_pfs_{arm}"]
        reached = f"{pfs:.1f} months" if pfs < float("inf") else "not reached"
        said.append(f"{arm}: ORR {numbers[f'orr_{arm}']:.0f} %, median PFS {reached}")
    if "power" in numbers:
        power = f"{numbers['power']:.0f} % ({numbers['power_low']:.0f}-{numbers['power_high']:.0f})"
        said.append(f"a trial tells the arms apart by PFS with a probability of {power}")
    return "; ".join(said)


def _with_interval(row: pd.Series | dict, name: str) -> str:
    """A number with its interval, and with what draws of the parameters make of it."""
    drawn = f"; {row[f'{name}_low']:.1f}-{row[f'{name}_high']:.1f}" if f"{name}_low" in row else ""
    return f"{row[name]:.1f} ({row['low']:.1f}-{row['high']:.1f}{drawn})"
