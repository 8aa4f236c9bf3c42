"""Commands that decide among virtual patients: compare, drivers, exposure, escalate."""

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
    Readings,
    Rule,
    Scheduler,
    Seed,
    Uncertainty,
    Until,
    Whole,
    Workers,
    parse_changes,
)
from harness.cli.population import cells_of
from harness.cli.studies import answer, carried, declared_by, print_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.studies.outcome import Outcome

__all__ = ["compare", "drivers", "escalate", "exposure"]


def compare(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML file: arms with their regimens and changes.")
    ],
    from_: From = None,
    uncertainty: Uncertainty = None,
    seed: Seed = None,
    out: Whole = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Products or regimens on the same virtual patients: differences, and the power of a trial."""
    from harness.studies.compare import Compare

    study = declared_by(Compare, file, {}, seed=seed, engine=engine)

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.compare import draw_compare

        return draw_compare(outcome)

    answer(
        carried(study, from_, uncertainty, study.set_in_all()), table="runs", out=out, draw=draw, plot=plot,
        show=_print_compare, workers=workers, scheduler=scheduler, inputs=[file],
        command="compare",
    )  # fmt: skip


def drivers(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML file: arms, the decision, parameters and ranges.")
    ],
    from_: From = None,
    seed: Seed = None,
    out: Whole = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """What drives a decision on virtual patients: a tornado and Sobol indices, on the same patients."""
    from harness.studies.drivers import Drivers

    study = declared_by(Drivers, file, {}, seed=seed, engine=engine)

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.drivers import draw_drivers

        return draw_drivers(outcome)

    answer(
        carried(study, from_, None, study.set_in_all()), table="tornado", out=out, draw=draw, plot=plot,
        show=_print_drivers, workers=workers, scheduler=scheduler, inputs=[file],
        command="drivers",
    )  # fmt: skip


def exposure(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="YAML file of the study; what else is given goes over it."),
    ] = None,
    patients: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Virtual patients at each dose. 500 by default.")
    ] = None,
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
    omega: Omegas = None,
    rule: Rule = None,
    model: PatientModel = None,
    set_: Changes = None,
    reading: Readings = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    until: Until = None,
    seed: Seed = None,
    out: Whole = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Exposure and response among virtual patients, crude and with burden and dose held.

    Patients of different doses are different ones.
    """
    from harness.errors import InputError
    from harness.studies.exposure import ExposureResponse

    calls = dict(text.partition("=")[::2] for text in endpoint or [])
    unnamed = [text for text in endpoint or [] if "=" not in text.partition("(")[0]]
    if unnamed:
        raise InputError(
            f"--endpoint: '{unnamed[0]}' has no name; write NAME=CALL, such as peak={unnamed[0]}"
        )
    study = declared_by(
        ExposureResponse,
        file,
        {},
        patients=patients,
        doses=cells_of(model or "clinical", dose) if dose else None,
        model=model,
        omegas=parse_changes(omega or [], "--omega"),
        changes=parse_changes(set_ or []),
        readings=reading,
        rule=rule,
        until=until,
        seed=seed,
        engine=engine,
        **({"exposures": calls} if calls else {}),
    )

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.exposure import draw_exposure

        return draw_exposure(outcome)

    answer(
        carried(study, from_, uncertainty, ["dose"]), table="runs", out=out, draw=draw, plot=plot,
        show=_print_exposure, workers=workers, scheduler=scheduler, inputs=filter(None, [file]),
        command="exposure",
    )  # fmt: skip


def escalate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="YAML file: doses, the curve of exposure and toxicity, designs."),
    ],
    trials: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="How many trials; in place of the file's.")
    ] = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    seed: Seed = None,
    out: Whole = None,
    plot: Plot = None,
    engine: OtherEngine = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Dose escalation among virtual patients: which dose 3+3 and BOIN choose, and whom they overdose.

    Toxicity follows exposure by a curve that the file declares; there is none by default.
    """
    from harness.studies.escalation import Escalation

    study = declared_by(Escalation, file, {}, trials=trials, seed=seed, engine=engine)

    def draw(outcome: Outcome) -> list[Axes]:
        from harness.figures.escalation import draw_escalation

        return draw_escalation(outcome, study.target)

    answer(
        carried(study, from_, uncertainty, ["dose"]), table="characteristics", out=out, draw=draw, plot=plot,
        show=_print_escalation, workers=workers, scheduler=scheduler, inputs=[file],
        command="escalate",
    )  # fmt: skip


def _print_compare(outcome: Outcome) -> None:
    """Differences from the first arm, the outcomes of each arm, and the power of a trial."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.compare import SAID, in_words
    from harness.figures.labels import with_unit

    for line in _of_compare(outcome):
        print(line)
    for name in ("differences", "arms"):
        table = outcome.tables[name]
        arms = [str(arm) for arm in table["arm"].unique()]
        first = outcome.tables["arms"]["arm"].iloc[0]
        head = f"from {first}" if name == "differences" else "outcome"
        shown = plain_table(head, *arms, right=tuple(arms))
        for what, group in table.groupby("outcome", sort=False):
            cells = [in_words(str(what), *row) for row in group.iloc[:, 2:5].itertuples(index=False)]
            said = SAID[str(what)][name == "differences"]
            if what == "Cmax" and name == "arms":
                said = with_unit(said, group["unit"].iloc[0])
            shown.add_row(said, *cells)
        print_table(shown)
    for (arm, what), rows in (
        outcome.tables["power"].groupby(["arm", "outcome"], sort=False)
        if len(outcome.tables["power"])
        else ()
    ):
        each = [
            (f"{row.power:.0f} % ({row.low:.0f}-{row.high:.0f})", row.patients) for row in rows.itertuples()
        ]
        powers = ", ".join(f"{power} with {patients}" for power, patients in each)
        test = "ORR" if what == "orr" else "progression-free survival"
        print(f"power to tell {arm} from {first} by {test}: {powers} patients an arm")
    _print_draws(outcome, ("difference_",))


def _of_compare(outcome: Outcome) -> list[str]:
    """The answer, a line an arm: how much more response and survival it has than the first."""
    from harness.figures.compare import in_words

    first, lines = outcome.tables["arms"]["arm"].iloc[0], []
    for arm, rows in outcome.tables["differences"].groupby("arm", sort=False):
        by_name = rows.set_index("outcome")[["difference", "low", "high"]]
        said = {name: in_words(name, *by_name.loc[name]) for name in ("orr", "cr", "median_pfs")}
        words = f"{said['orr']} points of ORR, {said['cr']} of CR, {said['median_pfs']} months of median PFS"
        lines.append(f"{arm} against {first}: {words}")
    return lines


def _print_drivers(outcome: Outcome) -> None:
    """The decision as it is, and what each parameter does to it, the widest first."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.drivers import decision_in_words

    numbers, indices = outcome.numbers, outcome.tables.get("indices")
    ends = f"({numbers['decision_low']:.3g} to {numbers['decision_high']:.3g})"
    print(f"{decision_in_words(outcome)}: {numbers['decision']:.3g} {ends}")
    heads = ["from", "to", "at the low end", "at the high end", "moved by"]
    heads += [] if indices is None else ["total Sobol index", "first order"]
    shown = plain_table("parameter", *heads, right=tuple(heads))
    for row in outcome.tables["tornado"].to_dict("records"):
        cells = [f"{row[name]:.3g}" for name in ("low_value", "high_value", "low", "high")]
        cells.append(f"{row['swing']:.3g} ({row['swing_from']:.3g} to {row['swing_to']:.3g})")
        if indices is not None:
            of_one = indices.set_index("parameter").loc[row["parameter"]]
            cells += [f"{of_one[what]:.2f} ± {of_one[f'{what}_half']:.2f}" for what in ("total", "first")]
        shown.add_row(row["parameter"], *cells)
    print_table(shown)


def _print_exposure(outcome: Outcome) -> None:
    """Each ratio by what is held, and how exposures go with burden and dose."""
    from harness.cli.terminal import plain_table, print_table

    ratios = outcome.tables["associations"]
    print(_of_exposure(outcome))
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
    for row in outcome.tables["confounding"].dropna(subset="rank correlation").itertuples(index=False):
        print(f"rank correlation of {row[0]} with {row[1]}: {row[2]:.2f}")
    _print_draws(outcome, ("or_", "hr_", "rho_"))


def _of_exposure(outcome: Outcome) -> str:
    """The answer in a line: what the first exposure does to response, alone and with all else held."""
    ratios = outcome.tables["associations"]
    name = ratios["exposure"].iloc[0]
    rows = ratios[(ratios["exposure"] == name) & (ratios["outcome"] == "response") & (ratios["reason"] == "")]
    held = {"crude": "alone"}
    said = [
        f"{row.estimate:.2f} ({row.low:.2f}-{row.high:.2f}) {held.get(row.held, f'with {row.held} held')}"
        for row in rows.itertuples()
    ]
    return f"odds of response by e-fold {name}: {', '.join(said) or 'not determined by these patients'}"


def _of_escalation(outcome: Outcome) -> list[str]:
    """The answer, a line a design: how often it finds the right dose, over the slopes."""
    lines = []
    for design, rows in outcome.tables["designs"].groupby("design", sort=False):
        ends = {name: (rows[name].min(), rows[name].max()) for name in ("right", "none", "overdosed")}
        said = {
            name: f"{low:.0f} %" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f} to {high:.0f} %"
            for name, (low, high) in ends.items()
        }
        lines.append(
            f"{design}: the right dose in {said['right']} of the trials, none in {said['none']}, "
            f"{said['overdosed']} of the patients at a dose above the target"
        )
    return lines


def _print_escalation(outcome: Outcome) -> None:
    """What each dose does, and then one row a design and slope."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import MILLIONS, with_unit

    for line in _of_escalation(outcome):
        print(line)
    doses = outcome.tables["doses"]
    slopes = doses["slope"].unique()
    toxic = [with_unit(f"toxic, slope {slope:g}", "percent") for slope in slopes]
    heads = [
        MILLIONS,
        with_unit("median exposure", doses["unit"].iloc[0]),
        with_unit("responders", "percent"),
        *toxic,
    ]
    table = plain_table(*heads, right=tuple(heads))
    for dose, group in doses.groupby("dose"):
        first = group.iloc[0]
        risks = [f"{each:.1f}" for each in group.toxic]
        table.add_row(f"{dose / 1e6:g}", f"{first.exposure:.4g}", f"{first.responders:.1f}", *risks)
    print_table(table)
    shares = ("right dose", "no dose", "patients over-dosed", "patients toxic")
    heads = ["slope", *(with_unit(name, "percent") for name in shares), "responders", "patients", "months"]
    table = plain_table("design", *heads, right=tuple(heads))
    numbers = ("right", "none", "overdosed", "toxic", "responders", "patients", "months")
    for row in outcome.tables["designs"].to_dict("records"):
        table.add_row(row["design"], f"{row['slope']:g}", *(f"{row[name]:.1f}" for name in numbers))
    print_table(table)
    _print_draws(outcome, ("right", "none", "overdosed"))


def _print_draws(outcome: Outcome, begins: tuple[str, ...]) -> None:
    """What draws of the parameters make of the numbers that begin so, where there are some."""
    from harness.cli.terminal import plain_table, print_table

    if "uncertainty" not in outcome.tables:
        return
    print_shares(outcome)
    table = plain_table(
        "over the draws", "at the estimates", "low", "high", right=("at the estimates", "low", "high")
    )
    for row in outcome.tables["uncertainty"].itertuples():
        if row.number.startswith(begins) and not row.number.endswith(("_low", "_high")):
            table.add_row(row.number, *(f"{value:.3g}" for value in (row.value, row.low, row.high)))
    print_table(table)
