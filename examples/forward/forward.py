"""From a killing assay of a new cell line to a mouse and to patients.

    python examples/forward/forward.py FOLDER [ASSAY.yaml]

The assay is a problem as cart fit reads it, by default the one beside this file: it estimates KC50 and
K_kill_max of in_vitro, and says the antigen density of the line (changes: {Ag_tumor: ...}).

What is carried: KC50 as it is, and K_kill_max as its ratio to the one of Table 1 in vitro, by which those of
the mouse and of patients are multiplied, an assumption, for the three scales have values of their own. The
antigen density of the line goes with it. Bands are the middle 95 % of draws of what the assay left open, and
of what the article did: the RSEs of Table 1, independent, for want of their correlations.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness import AllCores, Design, Fit, InputError, grid, plan, read_estimates, run, single
from harness.figures.labels import MILLIONS, with_unit
from harness.figures.style import COLOURS, axes_for, write_figure
from harness.files import write_table
from harness.models.catalog import load_card, select
from harness.simulation.estimates import middle

HERE = Path(__file__).parent
DOSES = np.geomspace(10e6, 1000e6, 7)
DRAWS = 100


def density(problem: Fit) -> float:
    """Antigen of a cell of the line, as the problem of the assay says it."""
    given = {arm.fixed.get("Ag_tumor") for arm in problem.prepared.arms}
    if len(given) > 1 or None in given or not {"KC50", "K_kill_max"} <= problem.declared.parameters.keys():
        said = "an assay of one line estimates KC50 and K_kill_max, and says its antigen density"
        raise InputError(f"{problem.path}: {said} (changes: {{Ag_tumor: ...}})")
    return given.pop()


def carried(path: Path, model: str, antigen: float) -> Design:
    """What the assay and the article say of another scale: the estimates, then draws of both; a row each."""
    assay, published = read_estimates(path), read_estimates("parameters.csv", select(model))
    published = published.some(list(published.changes()))  # spreads between patients have no part here
    reference = load_card("in_vitro").symbols["K_kill_max"].value
    found, own = (
        pd.concat([pd.DataFrame([each.values], columns=list(each.names)), each.draws(DRAWS, seed).table])
        for each, seed in ((assay, 1), (published, 2))
    )
    own["K_kill_max"] *= found["K_kill_max"] / reference
    rows = own.assign(KC50=found["KC50"], Ag_tumor=antigen)
    return Design(rows.reset_index(drop=True), dict(zip(published.names, published.units, strict=True)))


def with_band(values: np.ndarray) -> pd.DataFrame:
    """The first of some rows, and the ends of the middle 95 % of the others; a row a column of these."""
    low, high = middle(values[1:])
    return pd.DataFrame({"value": values[0], "low": low, "high": high})


def main(folder: Path, assay: Path) -> None:
    """Fit the assay, predict both, and write tables and a figure."""
    problem = Fit(problem=str(assay), profile=False)
    antigen = density(problem)
    folder.mkdir(parents=True, exist_ok=True)
    result = problem.result(AllCores())
    result.save(folder / "result.json")
    print(result.table("estimates")[["parameter", "estimate", "unit", "rse"]].to_string(index=False))

    days = np.arange(0.0, 29.0, 1.0)
    treated = plan(
        "xenograft",
        carried(folder / "result.json", "xenograft", antigen),
        observables=["tumor_volume"],
        trajectories=True,
        times=days,
        until=28,
    )
    alone = plan("xenograft", single(dose=0.0), observables=["tumor_volume"], trajectories=True, times=days)
    mouse = run(treated, AllCores())
    volume = mouse["tumor_volume"]
    growth = with_band(volume.to_numpy()).assign(time=mouse.time.to_numpy())
    write_table(growth, folder / "mouse.csv")

    human = carried(folder / "result.json", "clinical", antigen) * grid(dose=DOSES)
    found = run(plan("clinical", human, endpoints=["M_nadir", "Cmax"], until="6 months"), AllCores())
    answers = {
        name: with_band(found[name].to_numpy().reshape(-1, DOSES.size)).assign(dose=DOSES)
        for name in ("M_nadir", "Cmax")
    }
    table = pd.concat([each.assign(endpoint=name) for name, each in answers.items()], ignore_index=True)
    write_table(table, folder / "patients.csv")

    one, *others = axes_for(None, 3)
    untreated = run(alone)["tumor_volume"]
    one.plot(untreated.time, untreated[0], color=COLOURS[1], linestyle="--", label="untreated")
    band(one, growth["time"], growth, "5×10⁶ cells")
    one.set_xlabel(with_unit("time", mouse.time.attrs["units"]))
    one.set_ylabel(with_unit("tumour volume of a mouse", volume.attrs["units"]))
    one.legend(frameon=False, fontsize=8)
    for axes, (name, answer) in zip(others, answers.items(), strict=True):
        band(axes, DOSES / 1e6, answer, "")
        axes.set_xscale("log")
        axes.set_xlabel(MILLIONS)
        axes.set_ylabel(with_unit(f"{name} of a patient", found[name].attrs["units"]))
    others[1].set_yscale("log")
    write_figure([one, *others], folder / "forward.png")


def band(axes: Axes, across: pd.Series | np.ndarray, table: pd.DataFrame, label: str) -> None:
    """A curve with its band."""
    axes.plot(across, table["value"], color=COLOURS[0], label=label)
    axes.fill_between(across, table["low"], table["high"], color=COLOURS[0], alpha=0.25, linewidth=0)


if __name__ == "__main__":
    given = [Path(each) for each in sys.argv[1:]]
    try:
        main(*given, *(Path("build/forward"), HERE / "assay.yaml")[len(given) :])
    except InputError as error:
        sys.exit(f"forward.py: {error}")
