"""Studies at estimates, and at draws of what these left open."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from harness.cli.main import run
from harness.declarations import declare
from harness.errors import InputError, RunFailed
from harness.figures.exposure import draw_exposure
from harness.figures.population import draw_population
from harness.figures.style import DRAWS
from harness.models.catalog import load_card
from harness.models.provenance import omegas_of
from harness.simulation.estimates import Estimates
from harness.simulation.execute import Processes, Serial
from harness.studies import uncertain
from harness.studies.compare import Compare
from harness.studies.escalation import Escalation, Toxicity
from harness.studies.exposure import ExposureResponse
from harness.studies.map import Map
from harness.studies.population import Population
from harness.studies.trial import Trial, TrialArm
from harness.studies.uncertain import Uncertain, at_estimates, estimates_of_study

KILL = Estimates("a test", ("K_kill_max",), ("1/day",), np.array([0.3]), np.array([True]), np.array([[4.0]]))
FEW = Population(patients=5, doses=(150e6,), months=(3,), until="5 months")


def test_a_study_at_estimates_is_that_with_the_same_changes():
    by_hand = FEW.model_copy(update={"changes": {"K_kill_max": "0.3 1/day"}}).run(Serial())
    assert at_estimates(FEW, KILL).run(Serial()).numbers == by_hand.numbers


def test_what_a_study_sets_or_varies_goes_over_the_estimates():
    own = FEW.model_copy(update={"changes": {"K_kill_max": "0.5 1/day"}})
    found = estimates_of_study(own, KILL)
    assert found.names == ()
    assert estimates_of_study(FEW, KILL, ["K_kill_max"]).names == ()


def test_a_change_of_a_study_is_of_the_estimate_at_every_draw():
    """Twice of what a fit found is drawn about twice, in a product too that only one arm has."""
    twice = FEW.model_copy(update={"changes": {"K_kill_max": "2x"}})
    assert estimates_of_study(twice, KILL).names == ("K_kill_max",)
    assert at_estimates(twice, KILL).changes == {"K_kill_max": "0.6 1/day"}
    pairs = (twice, KILL), (FEW, KILL.under(twice.changes))
    found, by_hand = (Uncertain(*each, draws=3).run(Serial()) for each in pairs)
    pd.testing.assert_frame_equal(found.tables["uncertainty"], by_hand.tables["uncertainty"])
    arms = {"one": {"doses": ["450e6"]}, "two": {"doses": ["450e6"], "changes": {"K_kill_max": "2x"}}}
    study = declare(Compare, arms=arms, patients=10)
    design = at_estimates(study, estimates_of_study(study, KILL, study.set_in_all())).plan().design.table
    one, two = (design[design.regimen == name].K_kill_max.to_numpy() for name in arms)
    of_patients = study.patients_design(10).table.K_kill_max.to_numpy()
    assert one == pytest.approx(of_patients * 0.3 / 0.343)
    assert two == pytest.approx(2 * one)


def test_spreads_among_the_estimates_are_those_of_the_patients():
    spread = Estimates(
        "a test", ("omega_K_kill_max",), ("dimensionless",), np.array([0.0]), np.array([False]),
        np.zeros((1, 1)),
    )  # fmt: skip
    assert at_estimates(FEW, spread).omegas == {"K_kill_max": 0.0}


def test_draws_stand_beside_the_answer_at_the_estimates_and_hold_single_runs():
    outcome = Uncertain(FEW, KILL, draws=3, seed=2).run(Serial())
    alone = at_estimates(FEW, KILL).run(Serial())
    assert outcome.numbers == alone.numbers
    each = [at_estimates(FEW, one).run(Serial()) for one in KILL.each(3, 2)]
    values = [one.numbers["cr_150"] for one in each]
    row = outcome.tables["uncertainty"].set_index("number").loc["cr_150"]
    assert (row.low, row.value, row.high) == (min(values), alone.numbers["cr_150"], max(values))
    table = outcome.tables["responses"].set_index("outcome")
    assert (table.percent_low["cr"], table.percent_high["cr"]) == (row.low, row.high)
    assert "percent_low" in outcome.tables["fractions"]
    assert {"low_low", "dose_low"}.isdisjoint(outcome.tables["responses"])
    survival = outcome.tables["survival"]
    assert (survival.survival_low <= survival.survival_high).all()
    assert survival.survival_low.notna().all()
    assert outcome.runs == 4 * 5 == Uncertain(FEW, KILL, 3).size()


def of_arms(kind, **more):
    arms = {"one": {"doses": ["1e8"]}, "two": {"doses": ["4e8"]}}
    return declare(kind, model="clinical", arms=arms, until="9 months", **more)


STUDIES = {
    "population": FEW,
    "trial": Trial(arms={"one": TrialArm(patients=5, doses=("150e6",))}, visits="0:120:30", replicates=2),
    "compare": of_arms(Compare, patients=12, draws=100),
    "exposure": ExposureResponse(patients=20, until="4 months", omegas={"Tumor_0": 0.8}),
    "escalate": Escalation(
        doses=(1e8, 4e8), patients=8, trials=3, toxicity=Toxicity(at=1e4, probability=0.3, slopes=(1.0,))
    ),
}


@cache
def at_draws(name):
    """What three draws make of a study; nobody changes it."""
    return Uncertain(STUDIES[name], KILL, draws=3).run(Serial())


@pytest.mark.parametrize("name", STUDIES)
def test_the_variance_of_a_patient_is_shared_out_between_parameters_and_patients(name):
    table = at_draws(name).tables["variance"].dropna()
    assert len(table) >= 1
    assert (table.parameters + table.patients).to_numpy() == pytest.approx(100)
    assert ((table.low <= table.parameters) & (table.parameters <= table.high)).all()


@pytest.mark.parametrize("name", ["population", "trial", "exposure"])
def test_every_curve_of_survival_has_the_band_of_the_draws(name):
    """As worked out by hand, from the curves of studies at each draw."""
    survival = at_draws(name).tables["survival"]
    assert survival[["survival_low", "survival_high"]].notna().all(axis=None)
    keys = [key for key in ("rule", "dose", "arm", "quartile") if key in survival]
    studies = [at_estimates(STUDIES[name], one) for one in KILL.each(3)]
    each = [study.run(Serial()).tables["survival"] for study in studies]
    last = survival.groupby(keys, sort=False).last()
    for key, row in last.iterrows():
        ends = []
        for other in each:
            of_key = other.set_index(keys).loc[[key]]
            ends.append(of_key["survival"][(of_key["time"] <= row.time).to_numpy()].iloc[-1])
        assert (row.survival_low, row.survival_high) == (min(ends), max(ends))


def test_all_of_the_variance_is_of_the_parameters_where_patients_are_alike():
    alike = dict.fromkeys(omegas_of(load_card("clinical")), 0.0)
    study = FEW.model_copy(update={"omegas": alike, "patients": 3})
    table = Uncertain(study, KILL, draws=4).run(Serial()).tables["variance"].set_index("quantity")
    assert table.parameters["change_3"] == 100
    outcome = Uncertain(FEW, KILL, draws=4).run(Serial())
    assert 0 < outcome.tables["variance"].set_index("quantity").parameters["change_3"] < 100
    bands = outcome.tables["bands"]
    assert {"median_low", "median_high", "patients_low", "patients_high"} <= set(bands)
    labels = draw_population(outcome, FEW.rule)[0].get_legend_handles_labels()[1]
    assert labels == ["patients", "median, draws", "median"]
    assert (bands.median_low <= bands.median_high).all()


def test_the_picture_of_exposure_shows_what_draws_make_of_each_number():
    outcome = at_draws("exposure")
    drawn = draw_exposure(outcome)
    table = outcome.tables["associations"].dropna(subset=["estimate", "estimate_low"])
    assert _ends(drawn[2], axis=0) == _rounded(table[["estimate_low", "estimate_high"]]) != []
    rows = outcome.tables["quartiles"].query("exposure == 'Cmax'")
    assert _ends(drawn[0], axis=1) == _rounded(rows[["percent_low", "percent_high"]])
    assert any(each.get_hatch() for each in drawn[1].collections)
    assert all("draws" in each.get_legend_handles_labels()[1] for each in (drawn[0], drawn[2]))
    tables = {
        name: table[[column for column in table if not column.endswith(("_low", "_high"))]]
        for name, table in outcome.tables.items()
    }
    alone = draw_exposure(replace(outcome, tables=tables))
    assert not any("draws" in each.get_legend_handles_labels()[1] for each in alone)


def _rounded(table):
    return sorted(tuple(row) for row in table.round(6).to_numpy())


def _ends(axes, axis):
    """Both ends of every wide line, along an axis."""
    wide = [each for each in axes.collections if each.get_linewidth()[0] == DRAWS["linewidth"]]
    lines = [line[:, axis] for each in wide for line in each.get_segments()]
    return sorted(tuple(line) for line in np.round(lines, 6))


@pytest.mark.parametrize("engine", ["auto", "kernel"])
def test_draws_are_the_same_to_the_last_bit_for_any_workers(engine):
    study = FEW.model_copy(update={"engine": engine})
    alone, shared = (Uncertain(study, KILL, draws=3).run(executor) for executor in (Serial(), Processes(2)))
    assert (alone.engine, alone.notes) == (shared.engine, shared.notes)
    assert alone.tables.keys() == shared.tables.keys()
    for name, table in alone.tables.items():
        pd.testing.assert_frame_equal(table, shared.tables[name], check_exact=True)


@pytest.fixture
def asked_of_both(monkeypatch):
    """The runs that both engines were asked for, each by its parameters; nothing is run."""
    asked = []

    def run_by_both(planned, rows):
        asked.append(planned.rows(rows).values)
        return [], []

    monkeypatch.setattr(uncertain, "run_by_both", run_by_both)
    return asked


@pytest.mark.parametrize(("draws", "patients", "rows", "of"), [(40, 30, 16, 16), (9, 1700, 17, 10)])
def test_one_sample_holds_the_engines_against_each_other_over_the_spread_of_draws(
    draws, patients, rows, of, asked_of_both, monkeypatch
):
    """16 rows, or one in a thousand of all draws together, of as many draws as there can be."""
    monkeypatch.setattr(uncertain, "run", _stops)
    study = FEW.model_copy(update={"patients": patients})
    for _ in range(2):
        with pytest.raises(InputError, match="runs on the kernel, compiled for clinical"):
            Uncertain(study, KILL, draws).run(Serial())
    first, second = asked_of_both[: len(asked_of_both) // 2], asked_of_both[len(asked_of_both) // 2 :]
    assert sum(map(len, first)) == rows
    assert len(first) == of
    assert max(map(len, first)) - min(map(len, first)) <= 1
    assert len({tuple(row) for each in first for row in each}) == rows
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def _stops(planned, *_):
    raise InputError(planned.notes[0])


def test_a_difference_at_one_draw_sets_the_reference_for_the_whole_study(monkeypatch):
    real = uncertain.run_by_both
    several = iter([1.0, 1.0, 1.002, 1.0])

    def differs_once(planned, rows):
        reference, found = real(planned, rows)
        factor = next(several)
        return reference, [replace(each, values=each.values * factor) for each in found]

    monkeypatch.setattr(uncertain, "run_by_both", differs_once)
    study = FEW.model_copy(update={"engine": "kernel"})
    outcome = Uncertain(study, KILL, draws=3).run(Serial())
    assert outcome.engine == "roadrunner"
    assert {*outcome.written("runs")["engine"]} == {"roadrunner"}
    assert outcome.notes[0].startswith("runs on RoadRunner: on a sample of the design, M_protein_change diff")
    assert next(several, None) is None  # never again midway
    by_reference = Uncertain(FEW.on_reference(), KILL, draws=3).run(Serial())
    for name, table in by_reference.tables.items():
        pd.testing.assert_frame_equal(table, outcome.tables[name], check_exact=True)


def test_a_draw_that_cannot_be_simulated_at_all_is_counted_and_left_out(monkeypatch):
    real = Population.read_off

    def fails(self, planned, found):
        if float(self.changes["K_kill_max"].split()[0]) > 0.3:
            raise RunFailed("no run ended")
        return real(self, planned, found)

    monkeypatch.setattr(Population, "read_off", fails)
    outcome = Uncertain(FEW, KILL, draws=6, seed=2).run(Serial())
    lost = sum(each.values[0] > 0.3 for each in KILL.each(6, 2))
    assert 0 < lost < 6
    assert f"{lost} of 6 draws could not be simulated at all, and are left out" in outcome.notes


def test_a_map_and_a_trial_have_bands_too():
    small = Map(dose="1e8:4e8:log:2", burden={"points": 2}, until="3 months")
    table = Uncertain(small, KILL, draws=2).run(Serial()).tables["map"]
    assert (table.M_fall_low <= table.M_fall_high).all()
    arms = {"one": TrialArm(patients=5, doses=("150e6",))}
    trial = Trial(arms=arms, visits="0:300:60", replicates=2)
    found = Uncertain(trial, KILL, draws=2).run(Serial()).tables
    assert {"orr_one", "median_pfs_one"} <= set(found["uncertainty"].number)


LINES = [
    ["simulate", "clinical", "--times", "0,14,60"],
    ["scan", "clinical", "--grid", "dose=1e8,2e8", "--endpoint", "Cmax"],
    ["map", "--points", "2", "--until", "3 months"],
    ["population", "--patients", "3", "--dose", "1e8", "--month", "2", "--until", "4 months"],
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_every_command_takes_estimates_and_writes_their_bands(line, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    common = ["--workers", "1", "--out", "a.csv"]
    source = ["--from", "parameters.csv:K_exp_max", "--uncertainty", "2"]
    assert run([*line, *common, *source]) == 0, capfd.readouterr().err
    head = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "_low" in head or line[0] == "population"
    assert run([*line, *common, "--uncertainty", "2"]) == 2
    assert "uncertainty: goes with --from" in capfd.readouterr().err
    assert run([*line, *common, "--from", "none.json"]) == 2
    assert "no such file; run the fit first" in capfd.readouterr().err
