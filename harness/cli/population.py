"""Commands on virtual patients: population, trial, comparison, exposure and response, dose escalation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_model, complete_omega
from harness.cli.options import (
    Changes,
    Engine,
    From,
    OtherEngine,
    Out,
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
from harness.cli.studies import answer, carried, chosen_regimen, is_of_curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from harness.studies.outcome import Outcome

__all__ = ["compare", "escalate", "exposure", "population", "trial"]


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
    omega: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=VALUE",
            help="Another spread: Tumor_0=0.8 gives burden one. Repeatable.",
            autocompletion=complete_omega,
        ),
    ] = None,
    month: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER", help="When response is read off. Repeatable. 6 and 21 by default."),
    ] = None,
    rule: Rule = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="clinical, or an extension: clinical_waning, clinical_extinction.",
            autocompletion=complete_model,
        ),
    ] = "clinical",
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
        doses=_cells(model, dose) if dose else ["50e6", "150e6", "450e6", "800e6"],
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


def exposure(
    patients: Annotated[int, typer.Option(metavar="NUMBER", help="Virtual patients at each dose.")] = 500,
    dose: Annotated[
        list[str] | None,
        typer.Option(metavar="CELLS", help="A dose; repeatable. 150 and 450e6 cells by default."),
    ] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CALL",
            help="An exposure: day_90=value_at(transgene, at=90). Repeatable. By default that, Cmax, AUC28.",
        ),
    ] = None,
    omega: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=VALUE",
            help="Another spread: Tumor_0=0.8 gives burden one. Repeatable.",
            autocompletion=complete_omega,
        ),
    ] = None,
    rule: Rule = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="clinical, or an extension: clinical_waning, clinical_extinction.",
            autocompletion=complete_model,
        ),
    ] = "clinical",
    set_: Changes = None,
    reading: Readings = None,
    until: Until = "48 months",
    seed: Seed = 1,
    out: Out = None,
    plot: Plot = None,
    engine: Engine = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Exposure and response among virtual patients, crude and with burden and dose held.

    Patients of different doses are different ones.
    """
    from harness.declarations import declare
    from harness.errors import InputError
    from harness.studies.exposure import ExposureResponse

    calls = dict(text.partition("=")[::2] for text in endpoint or [])
    unnamed = [text for text in endpoint or [] if "=" not in text.partition("(")[0]]
    if unnamed:
        raise InputError(
            f"--endpoint: '{unnamed[0]}' has no name; write NAME=CALL, such as peak={unnamed[0]}"
        )
    given = {
        "doses": _cells(model, dose) if dose else None,
        "exposures": calls or None,
        "rule": rule,
        "until": until,
    }
    study = declare(
        ExposureResponse,
        patients=patients,
        model=model,
        omegas=parse_changes(omega or [], "--omega"),
        changes=parse_changes(set_ or []),
        readings=reading or [],
        seed=seed,
        engine=engine,
        **{name: value for name, value in given.items() if value is not None},
    )

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.exposure import draw_exposure

        return draw_exposure(outcome)

    answer(
        study, table="runs", out=out, draw=draw, plot=plot, show=_print_exposure, workers=workers,
        scheduler=scheduler,
    )  # fmt: skip


def compare(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML file: arms with their regimens and changes.")
    ],
    seed: Seed = None,
    out: Out = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Products or regimens on the same virtual patients: differences, and the power of a trial."""
    from harness.declarations import declare, read_declaration
    from harness.studies.compare import Compare

    given = {"seed": seed, "engine": engine}
    declared = read_declaration(file, Compare).model_dump()
    study = declare(Compare, **declared | {name: value for name, value in given.items() if value is not None})

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.compare import draw_compare

        return draw_compare(outcome)

    answer(
        study, table="runs", out=out, draw=draw, plot=plot, show=_print_compare, workers=workers,
        scheduler=scheduler, inputs=[file],
    )  # fmt: skip


def escalate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="YAML file: doses, the curve of exposure and toxicity, designs."),
    ],
    trials: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="How many trials; in place of the file's.")
    ] = None,
    seed: Seed = None,
    out: Out = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Dose escalation among virtual patients: which dose 3+3 and BOIN choose, and whom they overdose.

    Toxicity follows exposure by a curve that the file declares; there is none by default.
    """
    from harness.declarations import declare, read_declaration
    from harness.studies.escalation import Escalation

    given = {"trials": trials, "seed": seed, "engine": engine}
    declared = read_declaration(file, Escalation).model_dump()
    changed = {name: value for name, value in given.items() if value is not None}
    study = declare(Escalation, **declared | changed)

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.escalation import draw_escalation

        return draw_escalation(outcome, study.target)

    answer(
        study, table="characteristics", out=out, draw=draw, plot=plot, show=_print_escalation,
        workers=workers, scheduler=scheduler, inputs=[file],
    )  # fmt: skip


def _cells(model: str, texts: list[str]) -> list[float]:
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


def _print_compare(outcome: Outcome) -> None:
    """Differences from the first arm, the outcomes of each arm, and the power of a trial."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.compare import SAID, in_words

    for name in ("differences", "arms"):
        table = outcome.tables[name]
        arms = [str(arm) for arm in table["arm"].unique()]
        first = outcome.tables["arms"]["arm"].iloc[0]
        head = f"from {first}" if name == "differences" else "outcome"
        shown = plain_table(head, *arms, right=tuple(arms))
        for what, group in table.groupby("outcome", sort=False):
            cells = [in_words(str(what), *row) for row in group.iloc[:, 2:5].itertuples(index=False)]
            shown.add_row(SAID[str(what)][name == "differences"], *cells)
        print_table(shown)
    for (arm, what), rows in (
        outcome.tables["power"].groupby(["arm", "outcome"], sort=False)
        if len(outcome.tables["power"])
        else ()
    ):
        powers = ", ".join(f"{row.power:.0f} % with {row.patients}" for row in rows.itertuples())
        test = "ORR" if what == "orr" else "progression-free survival"
        print(f"power to tell {arm} from {first} by {test}: {powers} patients an arm")


def _print_exposure(outcome: Outcome) -> None:
    """Each ratio by what is held, and how exposures go with burden and dose."""
    from harness.cli.terminal import plain_table, print_table

    ratios = outcome.tables["associations"]
    held = list(ratios["held"].unique())
    table = plain_table("outcome", "ratio", "by e-fold", *held, right=tuple(held))
    for (what, kind, name), group in ratios.groupby(["outcome", "ratio", "exposure"], sort=False):
        cells = [
            f"{r.estimate:.2f} ({r.low:.2f}-{r.high:.2f})" if r.reason == "" else "-"
            for r in group.itertuples()
        ]
        table.add_row(str(what), str(kind), str(name), *cells)
    print_table(table)
    for reason in dict.fromkeys(filter(None, ratios["reason"])):
        print(f"- {reason}")
    for row in outcome.tables["confounding"].dropna().itertuples(index=False):
        print(f"rank correlation of {row[0]} with {row[1]}: {row[2]:.2f}")


def _print_escalation(outcome: Outcome) -> None:
    """What each dose does, and then one row a design and slope."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import MILLIONS, with_unit

    doses = outcome.tables["doses"]
    slopes = doses["slope"].unique()
    toxic = [with_unit(f"toxic, slope {slope:g}", "percent") for slope in slopes]
    heads = [MILLIONS, "median exposure", with_unit("responders", "percent"), *toxic]
    table = plain_table(*heads, right=tuple(heads))
    for dose, group in doses.groupby("dose"):
        first = group.iloc[0]
        risks = [f"{each:.1f}" for each in group.toxic]
        table.add_row(f"{dose / 1e6:g}", f"{first.exposure:.4g}", f"{first.responders:.1f}", *risks)
    print_table(table)
    shares = ("right dose", "no dose", "patients over-dosed", "patients toxic")
    heads = ["slope", *(with_unit(name, "percent") for name in shares), "responders", "patients", "months"]
    table = plain_table("design", *heads, right=tuple(heads))
    for row in outcome.tables["designs"].to_dict("records"):
        table.add_row(row.pop("design"), f"{row.pop('slope'):g}", *(f"{value:.1f}" for value in row.values()))
    print_table(table)


def _with_interval(row: pd.Series | dict, name: str) -> str:
    """A number with its interval, and with what draws of the parameters make of it."""
    drawn = f"; {row[f'{name}_low']:.1f}-{row[f'{name}_high']:.1f}" if f"{name}_low" in row else ""
    return f"{row[name]:.1f} ({row['low']:.1f}-{row['high']:.1f}{drawn})"
