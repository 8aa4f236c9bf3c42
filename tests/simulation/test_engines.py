"""Which engine runs a study: asked for by name, held against the reference, the same for all runs."""

import importlib.util
import re
import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from harness import run as run_plan
from harness.errors import InputError
from harness.files import read_table, write_dataset
from harness.fitting.study import Fit
from harness.models.catalog import load_card
from harness.simulation import engines
from harness.simulation import plan as of_plan
from harness.simulation.chunks import run_beside, run_chunk
from harness.simulation.design import Design
from harness.simulation.engine import Engine
from harness.simulation.execute import Processes
from harness.simulation.kernel import kernel
from harness.simulation.kernel.kernel import Kernel
from harness.simulation.kernel.written import write_kernel
from harness.simulation.made_designs import grid, random_effects, single
from harness.simulation.plan import plan, run_by
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose, Redosing, Regimen
from harness.simulation.simulate import simulate
from harness.simulation.study import Chunk
from harness.simulation.trajectory import Trajectory
from harness.studies.map import Map
from harness.studies.outcome import Outcome
from harness.studies.patients_declaration import PatientsDeclaration
from harness.studies.population import Population
from harness.studies.scan import Scan
from harness.studies.sensitivity import Sensitivity
from harness.studies.trial import Trial

PATIENTS = random_effects({"K_12": 1.71, "K_exp_max": 1.73}, {"K_12": 0.5, "K_exp_max": 0.22}, 12, seed=3)


def study(engine, **more):
    return plan("clinical", PATIENTS * grid(dose=[5e7, 4.5e8]), until="300", engine=engine, **more)


def test_every_endpoint_of_the_kernel_is_that_of_the_reference():
    by_kernel, by_reference = (run_plan(study(name)) for name in ("kernel", "roadrunner"))
    assert by_kernel.attrs["engine"] == "kernel"
    assert by_reference.attrs["engine"] == "roadrunner"
    assert by_kernel.reason.to_numpy().tolist() == [""] * 24
    for name in ("Cmax", "Tmax", "AUC28", "M_nadir", "sBCMA_nadir", "PFS"):
        found, truth = by_kernel[name].to_numpy(), by_reference[name].to_numpy()
        assert found == pytest.approx(truth, rel=1e-3, nan_ok=True), name
    assert (by_kernel.best_response == by_reference.best_response).all()


def test_rows_with_regimens_doses_by_a_rule_and_ends_of_their_own_are_those_of_the_reference():
    rule = Redosing(1.0, "M_protein_change", 0.1, every=28, start=28, relative=True)
    regimens = {
        "rule": Regimen((Dose(0, 1, relative=True),), rule),
        "split": Regimen((Dose(0, 0.5, relative=True), Dose(9, 0.5, 2.0, relative=True))),
    }
    table = PATIENTS.table.assign(regimen=["rule", "split"] * 6, days=[200.0, 120.0, 90.0] * 4)
    design = replace(PATIENTS, table=table)
    found = [
        run_plan(
            plan(
                "clinical",
                design,
                regimens=regimens,
                at="1,9,60",
                trajectories=True,
                times="0:90:5",
                engine=e,
            )
        )
        for e in ("kernel", "roadrunner")
    ]
    assert found[0].attrs["engine"] == "kernel"
    assert found[0].redose_days.to_numpy().tolist() == found[1].redose_days.to_numpy().tolist()
    assert found[0].time.to_numpy().tolist() == found[1].time.to_numpy().tolist()
    for name in ("transgene", "M_protein", "transgene_9", "sBCMA_60"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_workers_and_chunks_change_no_bit():
    here, small = run_plan(study("kernel")), run_plan(replace(study("kernel"), chunk=5), Processes(2))
    xr.testing.assert_identical(here, small)


def test_auto_takes_the_kernel_for_many_runs_only_and_says_so(monkeypatch):
    few = study("auto")
    assert few.study.engine == "roadrunner"
    (said,) = few.notes
    assert said.startswith("runs on RoadRunner: the start of the kernel repays itself from 512 runs on")
    monkeypatch.setattr(of_plan, "ENOUGH", 24)
    many = study("auto")
    assert many.study.engine == "kernel"
    assert many.notes == ("runs on the kernel, compiled for clinical",)
    assert study("roadrunner").study.engine == "roadrunner"


@pytest.fixture
def without_numba(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        engines.importlib.util, "find_spec", lambda name: None if name == "numba" else found(name)
    )
    monkeypatch.setattr(engines, "_KEPT", OrderedDict())


@pytest.mark.usefixtures("without_numba")
def test_without_numba_roadrunner_runs_it_and_says_so():
    planned = study("kernel")
    assert planned.study.engine == "roadrunner"
    (said,) = planned.notes
    assert said.startswith("runs on RoadRunner: the kernel needs numba, which is not installed")


@pytest.mark.usefixtures("without_numba")
def test_a_worker_without_numba_is_told_in_one_line():
    planned = study("roadrunner")
    for_kernel = replace(planned, study=replace(planned.study, engine="kernel"))
    with pytest.raises(InputError, match="the kernel needs numba, which is not installed"):
        run_plan(for_kernel)


@pytest.mark.parametrize("error", [RuntimeError("llvm\nis gone"), ImportError("\x1b[1mllvm\nis\x1b[0m gone")])
def test_a_numba_that_is_broken_is_one_line(monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr(kernel, "load_kernel", broken)
    monkeypatch.setattr(engines, "_KEPT", OrderedDict())
    (said,) = study("kernel").notes
    assert said == f"runs on RoadRunner: the kernel cannot be compiled: {type(error).__name__}: llvm is gone"


BROKEN = """
import sys
sys.path.insert(0, sys.argv[1])
from harness import plan
from harness.simulation.made_designs import grid
print(plan("clinical", grid(dose=[1e8]), until=3, engine="kernel").notes[0])
"""


@pytest.mark.slow
def test_a_numba_that_cannot_be_imported_is_one_line(tmp_path):
    (tmp_path / "numba.py").write_text("raise OSError('libllvm: cannot open shared object file')")
    said = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path)], capture_output=True, encoding="utf-8", check=True
    )
    assert said.stdout.strip() == (
        "runs on RoadRunner: the kernel cannot be compiled: OSError: libllvm: cannot open shared object file"
    )
    assert said.stderr == ""


def test_a_difference_on_a_sample_sets_the_reference_for_all(monkeypatch):
    honest = Kernel.run_many

    def wrong(self, runs, times, observables, again):
        found = honest(self, runs, times, observables, again)
        return [*found[:-1], replace(found[-1], values=found[-1].values * 1.002)]

    monkeypatch.setattr(Kernel, "run_many", wrong)
    planned = study("kernel")
    assert planned.study.engine == "roadrunner"
    (said,) = planned.notes
    assert "differs by 0.2%" in said
    assert said.endswith("between kernel and RoadRunner")


def test_a_model_with_events_goes_to_roadrunner_by_name(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text("model own()\n  A = 1; k = 0.1\n  A' = -k*A\n  at (A < 0.5): A = 2\nend\n")
    result = simulate(str(path), until=20, engine="kernel")
    assert result.attrs["engine"] == "roadrunner"
    assert "the kernel cannot express own: event" in result.attrs["notes"]


def test_the_rate_of_a_reaction_is_read_out_by_roadrunner():
    result = simulate("clinical", times=[0, 1], observables=["tumor_growth"], engine="kernel")
    assert "the kernel does not read out tumor_growth" in result.attrs["notes"]
    assert result.tumor_growth[0] > 0


def test_a_wrong_name_is_told_with_the_nearest():
    with pytest.raises(InputError, match="no engine 'kernal'; nearest: kernel"):
        study("kernal")


def test_a_switch_at_a_time_that_is_worked_out_is_named_and_left_to_the_reference(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text(
        "model own()\n lag := 2*k; k = 1; x = 0; on := piecewise(1, time >= lag, 0); x' = on\nend\n"
    )
    said = f"{path}: when its rates switch depends on lag"
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        write_kernel(load_program(str(path)))
    found = run_plan(plan(str(path), grid(k=[1.0, 1.5]), at=[4], until=4, engine="kernel"))
    assert found.attrs["engine"] == "roadrunner"
    assert said in found.attrs["notes"]
    assert found.x_4.to_numpy() == pytest.approx([2, 1], rel=1e-6)


def test_the_sample_is_drawn_with_a_seed_and_keeps_the_rows():
    planned = study("roadrunner")
    sample = planned.rows(planned.sample())
    assert len(sample) == of_plan.SAMPLE
    whole = next(replace(planned, chunk=len(planned)).chunks()).values
    assert all((row == whole).all(axis=1).any() for row in sample.values)
    assert (planned.rows(planned.sample()).values == sample.values).all()
    sizes = [of_plan.sample_size(runs) for runs in (1, 16, 16_999, 17_000, 10**6)]
    assert sizes == [1, 16, 16, 17, 1000]
    assert all(isinstance(size, int) for size in sizes)


def test_what_is_below_the_floor_is_no_difference():
    def one(values):
        return [Trajectory(np.array([0.0, 1.0]), np.array(values, float), engines.Status.OK)]

    assert (
        engines.difference(one([[100.0], [1e-5]]), one([[100.0], [2e-5]]), ["A"], [0.0])
        == "A differs by 10.0% at 1"
    )
    assert engines.difference(one([[100.0], [1e-5]]), one([[100.0], [2e-5]]), ["A"], [100.0]) == ""
    assert engines.difference(one([[0.0], [0.0]]), one([[0.0], [0.0]]), ["A"], [0.0]) == ""
    assert engines.difference([], [], ["A"], [0.0]) == ""  # of runs that did not end


def test_one_engine_for_a_program_is_kept():
    program = study("roadrunner").study.program
    assert engines.engine_of(program) is engines.engine_of(program)
    assert isinstance(engines.engine_of(program), Engine)


@pytest.mark.parametrize("declared", [Map, Population, Sensitivity, Trial, PatientsDeclaration, Fit])
def test_studies_whose_cost_is_many_runs_ask_for_the_kernel(declared):
    assert declared.model_fields["engine"].default == engines.AUTO


def test_a_scan_runs_on_the_reference():
    assert Scan.model_fields["engine"].default == engines.ROADRUNNER


def test_what_is_said_of_the_engine_is_the_first_line(monkeypatch):
    monkeypatch.setattr(of_plan, "usable", lambda *_: "the kernel needs numba")
    few_cells = plan("clinical", single(dose=450.0), until=3, endpoints=["M_nadir"], engine="kernel")
    assert few_cells.notes[0] == "runs on RoadRunner: the kernel needs numba"
    assert len(few_cells.notes) == 2


def test_a_table_of_a_study_says_what_ran_it():
    outcome = Outcome({}, {"runs": pd.DataFrame({"a": [1, 2]})}, engine="kernel")
    assert outcome.written("runs").to_dict("list") == {"a": [1, 2], "engine": ["kernel", "kernel"]}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_one_run_says_what_ran_it(tmp_path, suffix):
    path = tmp_path / f"one.{suffix}"
    write_dataset(simulate("in_vitro", until=1), path)
    table = read_table(path)
    assert list(table)[-1] == "engine"
    assert set(table["engine"]) == {"roadrunner"}


def test_a_difference_is_held_against_the_floor_that_the_model_declares():
    program = load_program("clinical")
    units = {"transgene": "copies/ug", "M_protein_change": "percent", "tumor_conc": "cells/L"}
    assert engines.least_sizes(program, units) == [1e-4, 100.0, 0.0]
    assert set(program.solver.floors) <= set(load_card("clinical").observables)


def test_floors_of_errors_are_those_of_a_start_at_baseline():
    start = simulate("clinical", until=1, observables=["M_protein", "sBCMA"]).isel(time=0)
    floors = load_card("clinical").solver.floors
    assert floors["M_protein"] == pytest.approx(1e-3 * float(start["M_protein"]), rel=0.01)
    assert floors["sBCMA"] == pytest.approx(1e-4 * float(start["sBCMA"]), rel=0.01)


@pytest.mark.parametrize("engine", ["kernel", "roadrunner"])
def test_rows_beside_one_another_are_those_of_runs_of_their_own(engine):
    design = Design(pd.DataFrame({"K_21": [0.2, 0.2 * (1 + 1e-6)]}))
    planned = run_by(plan("clinical", design, trajectories=True, times="0:90:30"), engine)
    study, (chunk,) = planned.study, planned.chunks()
    found, alone = run_beside(study, chunk), run_chunk(study, chunk).trajectories
    assert found == pytest.approx(alone, rel=1e-4, abs=1e-6)
    broken = Chunk(0, np.array([[np.nan], [0.2]]))
    assert np.isnan(run_beside(study, broken)[0]).all()
    assert np.isfinite(run_beside(study, broken)[1]).all()
