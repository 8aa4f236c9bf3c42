"""From a design to results: the same numbers on any executor, in any chunk, after any interruption."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from harness.analysis.gives import gives
from harness.errors import InputError
from harness.simulation.design import Design
from harness.simulation.execute import Processes, Serial, choose_executor
from harness.simulation.made_designs import grid, random_effects, single
from harness.simulation.plan import plan
from harness.simulation.regimen import Dose, Redosing, Regimen, regimen
from harness.simulation.run import Summary, run, stream
from harness.simulation.simulate import simulate
from harness.simulation.trajectory import Status
from tests.simulation.finer import with_finer_times

TYPICAL = {"K_12": 1.71, "K_21": 0.176, "K_el_e": 113.0, "K_el_m": 0.219, "K_exp_max": 1.73}
OMEGA = {"K_12": 0.5, "K_21": 0.5, "K_el_e": 0.5, "K_el_m": 0.5, "K_exp_max": 0.22}


def population(count=20, seed=2):
    return random_effects(TYPICAL, OMEGA, count, seed) * grid(dose=[150e6, 450e6])


def identical(one, other):
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.fixture(scope="module")
def planned():
    return plan("clinical", population(), until=200, at="28,90")


@pytest.fixture(scope="module")
def reference(planned):
    return run(planned)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_results_do_not_depend_on_the_chunks(planned, reference, chunk):
    identical(run(planned.__class__(**{**vars(planned), "chunk": chunk})), reference)


@pytest.mark.quick
def test_results_do_not_depend_on_the_number_of_processes(planned, reference):
    small = planned.__class__(**{**vars(planned), "chunk": 5})
    identical(run(small, Processes(2)), reference)


def test_results_do_not_depend_on_the_order(planned, reference):
    class Backwards:
        def map(self, function, chunks):
            return map(function, reversed(list(chunks)))

    identical(run(planned.__class__(**{**vars(planned), "chunk": 6}), Backwards()), reference)


def test_a_row_does_not_depend_on_the_rows_beside_it(reference):
    rows = [3, 17, 30]
    alone = run(plan("clinical", Design(population().table.iloc[rows]), until=200, at="28,90"))
    for name in ("Cmax", "transgene_28", "M_protein_change_90"):
        np.testing.assert_array_equal(alone[name], reference[name].to_numpy()[rows])


@pytest.mark.filterwarnings("ignore")  # of dask's own sockets and event loops
@pytest.mark.quick
def test_a_local_dask_cluster_gives_the_same_results(planned, reference):
    distributed = pytest.importorskip("distributed")
    from harness.simulation.execute import Dask

    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        small = planned.__class__(**{**vars(planned), "chunk": 5})
        identical(run(small, Dask(client)), reference)


def test_a_run_of_one_is_the_simulation():
    one = run(
        plan("clinical", grid(dose=[450e6]), readings="as_run", trajectories=True, times="0:100:5", until=100)
    )
    alone = simulate("clinical", doses="450e6", readings="as_run", times="0:100:5")
    for name in one.data_vars:
        if one[name].ndim == 2:
            np.testing.assert_array_equal(one[name][0], alone[name])
            assert one[name].attrs["units"] == alone[name].attrs["units"]


def test_values_at_given_days_are_those_of_the_simulation(reference):
    row = population().table.iloc[5]
    alone = simulate("clinical", changes=row.to_dict(), times="0,28,90,200")
    np.testing.assert_allclose(reference["transgene_28"][5], alone.transgene[1], rtol=1e-3)
    np.testing.assert_allclose(reference["sBCMA_change_90"][5], alone.sBCMA_change[2], rtol=1e-3)


def test_ten_times_the_output_times_move_endpoints_by_less_than_0_2_percent():
    low_and_high = grid(dose=[50e6, 800e6], Tumor_0=[2.5e8, 1.3e9, 4.75e9])
    names = ["Cmax", "Tmax", "AUC28", "M_nadir", "sBCMA_nadir", "best_response", "PFS"]
    names += ["time_above(transgene, level=100)", "fall_time(sBCMA_change)"]
    names += ["doubling_time(transgene, start=4, stop=9)", "time_to_response(M_protein_change)"]
    for design in (low_and_high, population()):
        planned = plan("clinical", design, endpoints=names, until=240)
        few, many = run(planned), run(with_finer_times(planned))
        for name in planned.study.column_names():
            np.testing.assert_allclose(few[name], many[name], rtol=2e-3, err_msg=name)


def test_results_carry_units_design_and_status(reference):
    assert reference.attrs["engine"] == "roadrunner"
    assert reference["Cmax"].attrs["units"] == "copies/ug"
    assert reference["Tmax"].attrs["units"] == "day"
    assert reference["AUC28"].attrs["units"] == "copies/ug*day"
    assert reference["transgene_28"].attrs["units"] == "copies/ug"
    assert reference["design_dose"][1] == 450e6
    assert set(reference["status"].to_numpy()) == {"ok"}


def test_a_run_that_fails_is_a_row_with_a_reason():
    design = Design(pd.DataFrame({"dose": [150e6, 150e6, 150e6], "P_m": [12.1, 1e300, 12.0]}))
    found = run(plan("clinical", design, until=60, at="28"))
    assert found["status"].to_numpy().tolist() == [Status.OK, Status.NOT_FINITE, Status.OK]
    assert found["reason"][1].item().endswith("is not finite at the start")
    assert np.isnan(found["Cmax"][1])
    assert np.isnan(found["transgene_28"][1])
    assert np.isfinite(found["Cmax"][[0, 2]]).all()
    assert str(Summary.of(found)) == "3 runs: 2 ok, 1 not finite"


def test_each_run_ends_at_its_own_days():
    design = Design(pd.DataFrame({"dose": [150e6] * 3, "days": [100.0, 20.0, 50.5]}))
    found = run(plan("clinical", design, at="7,28,90"))
    whole = run(plan("clinical", grid(dose=[150e6]), until=100, at="7,28,90"))
    assert np.isfinite(found["transgene_7"]).all()
    assert np.isnan(found["transgene_28"]).to_numpy().tolist() == [False, True, False]
    assert np.isnan(found["transgene_90"]).to_numpy().tolist() == [False, True, True]
    assert np.isnan(found["AUC28"]).to_numpy().tolist() == [False, True, False]
    np.testing.assert_allclose(found["transgene_28"][2], whole["transgene_28"][0], rtol=1e-4)


def test_an_end_that_rounding_puts_before_a_read_out_still_gives_it():
    design = Design(pd.DataFrame({"dose": [150e6], "days": [28 * (1 - 2e-16)]}))
    assert np.isfinite(run(plan("clinical", design, at="28"))["transgene_28"][0])


def test_rows_name_their_regimens_and_doses_are_multiples_of_theirs():
    regimens = {
        "once": Regimen((Dose(0, 1, relative=True),)),
        "split": Regimen((Dose(0, 0.5, relative=True), Dose(7, 0.5, relative=True))),
        "slow": Regimen((Dose(0, 1, duration=2.0, relative=True),)),
    }
    design = grid(dose=[150e6, 450e6]) * Design(pd.DataFrame({"regimen": list(regimens)}))
    found = run(plan("clinical", design, until=60, at="0,7", regimens=regimens, observables=["transgene"]))
    start = found["transgene_0"].to_numpy()
    np.testing.assert_allclose(start, [60000, 30000, 0, 180000, 90000, 0])
    jump = found["transgene_7"].to_numpy()
    assert jump[1] > 30000 > jump[0]
    one = simulate("clinical", doses=["225e6", "225e6@7"], times="0,7,60")
    np.testing.assert_allclose(jump[4], one.transgene.sel(time=7), rtol=1e-4)


def test_a_regimen_that_doses_again_runs_over_a_population():
    rule = Redosing(1, "M_protein", 0.25, every=30, start=30, at_most=1, relative=True)
    regimens = {"again": Regimen((Dose(0, 1, relative=True),), rule)}
    design = Design(population(5).table.assign(regimen="again"))
    found = run(plan("clinical", design, until=640, regimens=regimens))
    assert set(found["status"].to_numpy()) == {"ok"}


@pytest.mark.parametrize("runs", [513, 1000, 1200])
def test_many_runs_are_as_many_tasks_for_each_of_four_cores(runs):
    design = grid(dose=np.linspace(1e6, 8e8, runs).tolist())
    sizes = [len(chunk) for chunk in plan("clinical", design).chunks()]
    assert (sum(sizes), len(sizes) % 4) == (runs, 0)
    assert max(sizes) <= 64
    assert sum(sizes) / max(sizes) > len(sizes) - 1


def test_a_call_and_a_function_of_the_user_are_endpoints():
    found = run(
        plan(
            "xenograft",
            grid(dose=[5e6, 1e7]),
            endpoints=["lowest(tumor_volume, start=5, stop=20)", "tests.simulation.test_run:span", "Cmax"],
        )
    )
    volume = simulate("xenograft", times="0:20:0.5").tumor_volume
    np.testing.assert_allclose(found["lowest_tumor_volume_start_5_stop_20"][0], volume[-1], rtol=1e-3)
    np.testing.assert_allclose(found["span"], 70)
    assert found["span"].attrs["units"] == "day"


@gives("{time}")
def span(time, values):
    assert set(values) >= {"tumor_volume", "blood_cart"}
    return np.full(len(values["blood_cart"]), time[-1] - time[0])


@pytest.mark.parametrize("model", ["clinical", "xenograft", "xenograft_constant_volume", "in_vitro"])
def test_every_model_has_endpoints_that_run(model):
    column = "ET_ratio" if model == "in_vitro" else "dose"
    found = run(plan(model, grid(**{column: [2.0, 5.0] if model == "in_vitro" else [5e6, 1e7]})))
    assert set(found["status"].to_numpy()) == {"ok"}
    numbers = [name for name in found if name not in ("status", "reason")]
    assert len(numbers) >= 3


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.quick
def test_a_stream_is_the_run_row_by_row(tmp_path, planned, reference, suffix):
    path = tmp_path / f"out.{suffix}"
    counted = []
    summary = stream(planned, path, progress=counted.append)
    table = (
        pd.read_csv(path, keep_default_na=False, na_values={"PFS": [""]}, float_precision="round_trip")
        if suffix == "csv"
        else pd.read_parquet(path)
    )
    assert str(summary) == "40 runs: 40 ok"
    assert sum(counted) == 40
    assert list(table)[:3] == ["run", "status", "Cmax"]
    assert list(table)[-2:] == ["reason", "engine"]
    assert set(table["engine"]) == {"roadrunner"}
    assert table["run"].tolist() == list(range(40))
    for name in reference:
        np.testing.assert_array_equal(table[name], reference[name])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


class Interrupting(Serial):
    """Stops like Ctrl-C after some chunks."""

    def __init__(self, after):
        self.after = after

    def map(self, function, chunks):
        for i, chunk in enumerate(chunks):
            if i == self.after:
                raise KeyboardInterrupt
            yield function(chunk)


def test_an_interrupted_stream_keeps_its_chunks_and_goes_on(tmp_path, planned):
    small = planned.__class__(**{**vars(planned), "chunk": 8})
    path, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    with pytest.raises(KeyboardInterrupt):
        stream(small, path, Interrupting(after=3))
    assert not path.exists()
    assert len(list((tmp_path / "out.csv.parts").glob("*.part"))) == 3
    with pytest.raises(InputError, match="3 chunks of an unfinished run; go on with --resume"):
        stream(small, path)
    other = plan("clinical", population(seed=3), until=200, at="28,90")
    with pytest.raises(InputError, match="belongs to another run"):
        stream(other, path, resume=True)

    computed = []

    class Counting(Serial):
        def map(self, function, chunks):
            for chunk in chunks:
                computed.append(chunk.start)
                yield function(chunk)

    stream(small, path, Counting(), resume=True)
    assert computed == [24, 32]
    stream(small, whole)
    assert path.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "out.csv.parts").exists()


def test_a_full_disk_keeps_what_is_finished(tmp_path, planned, monkeypatch):
    small = planned.__class__(**{**vars(planned), "chunk": 8})
    real, written = Path.write_bytes, []

    def full(path, content):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left on device"):
        stream(small, tmp_path / "out.csv")
    monkeypatch.undo()
    assert len(list((tmp_path / "out.csv.parts").glob("0*.part"))) == 2
    assert str(stream(small, tmp_path / "out.csv", resume=True)) == "40 runs: 40 ok"


@pytest.mark.quick
def test_trajectories_are_written_as_netcdf(tmp_path):
    found = run(plan("xenograft", grid(dose=[5e6, 1e7]), trajectories=True, times="0:30:10", until=30))
    from harness.files import write_dataset

    write_dataset(found, tmp_path / "out.nc")
    read = xr.load_dataset(tmp_path / "out.nc")
    assert read["blood_cart"].dims == ("run", "time")
    np.testing.assert_array_equal(read["blood_cart"], found["blood_cart"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"endpoints": ["Cmx"]}, "nearest: Cmax"),
        ({"endpoints": ["lowest(tumr)"]}, "no observable in clinical 'tumr'"),
        ({"endpoints": ["lowst(Tumor)"]}, "nearest: lowest"),
        ({"endpoints": ["lowest(Tumor, strat=1)"]}, "nearest: start"),
        ({"endpoints": ["lowest(Tumor, start=soon)"]}, "an option is no number"),
        ({"endpoints": ["time_above(transgene)"]}, "time_above needs level"),
        (
            {"endpoints": ["no.such.module:f"]},
            "endpoint no.such.module:f: ModuleNotFoundError: ",
        ),
        ({"endpoints": ["os.path:no_such"]}, "module os.path has no function no_such"),
        ({"endpoints": ["tests.simulation.test_run:TYPICAL"]}, "test_run has no function TYPICAL"),
        ({"endpoints": ["best_response(M_protein_change)"]}, "best_response needs first_visit"),
        ({"endpoints": ["progression_time(M_protein_change, rule=nadir)"]}, "nearest: nadir_25"),
        ({"endpoints": []}, "nothing to compute"),
        ({"observables": ["transgen"], "at": "1"}, "nearest: transgene"),
        ({"at": "soon"}, "'soon' is not a number"),
        ({"at": [-1.0]}, "non-negative times"),
        ({"at": "400", "until": 200}, "lies after until"),
        ({"doses": "1e8"}, "give the dose once"),
        ({"changes": {"K_13": 1}}, "nearest: K_"),
        ({"times": [float("nan")]}, "expected finite"),
    ],
)
def test_a_study_is_checked_before_anything_runs(arguments, said):
    with pytest.raises(InputError) as caught:
        plan("clinical", grid(dose=[1e8]), **arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dose_that_the_regimen_of_a_row_takes_nothing_of_is_told():
    regimens = {"own": regimen("3e8"), "times": regimen("1x"), "nothing": regimen([])}
    table = pd.DataFrame({"dose": [1e8, 2e8, 3e8], "regimen": ["own", "own", "nothing"]})
    with pytest.raises(InputError, match="give the dose once: as the regimens of rows or as dose"):
        plan("clinical", Design(table), regimens=regimens)
    with pytest.raises(InputError, match="give the dose once"):
        plan("clinical", Design(table[["regimen"]]), regimens=regimens, changes={"dose": 1e8})
    assert plan("clinical", Design(table[["regimen"]]), regimens=regimens).notes == ()
    mixed = Design(table.assign(regimen=["own", "times", "nothing"]))
    said = plan("clinical", mixed, regimens=regimens).notes
    assert said == ("dose: 1 of 3 rows get none of it; the regimen has its own: own",)
    rule = Redosing(1.0, "M_protein", 0.25, 28.0, 28.0, relative=True)
    again = {"again": Regimen(regimen("3e8").doses, rule)}
    assert plan("clinical", Design(table.assign(regimen="again")), regimens=again).notes == ()
    assert plan("clinical", grid(dose=[1e8]), doses=again["again"]).notes == ()


def test_an_infusion_that_the_end_of_a_run_cuts_short_is_told():
    design = Design(pd.DataFrame({"days": [10.0, 20.0, 30.0]}))
    said = plan("clinical", design, doses="1e8@5 for 15 days").notes
    assert said == ("1 row ends while an infusion runs, to 20 day: what is left of it is not given",)
    table = Design(pd.DataFrame({"regimen": ["a", "b", "a"]}))
    regimens = {"a": regimen("1e8 for 2"), "b": regimen("1e8@8 for 3")}
    assert plan("clinical", table, regimens=regimens, until=11).notes == ()
    assert (
        "1 row ends while an infusion runs, to 11"
        in plan("clinical", table, regimens=regimens, until=9).notes[0]
    )
    assert (
        "3 rows end"
        in plan("clinical", Design(pd.DataFrame({"K_12": [1.0] * 3})), doses="1e8 for 400").notes[0]
    )


def test_dose_and_end_are_given_once():
    design = Design(pd.DataFrame({"K_12": [1.0], "days": [10.0]}))
    with pytest.raises(InputError, match="give the end once"):
        plan("clinical", design, until=20)
    with pytest.raises(InputError, match=r"row 1, column dose: 0.5: a dose is 0 or at least one cell"):
        plan("clinical", grid(dose=[0.0, 0.5]))
    with pytest.raises(InputError, match="lies after the end, 10"):
        plan("clinical", design, doses="1e8@20")
    with pytest.raises(InputError, match="in_vitro takes no dose"):
        plan("in_vitro", grid(ET_ratio=[1.0]), doses="1e8")


def test_workers_and_schedulers_are_chosen():
    assert isinstance(choose_executor(1), Serial)
    assert choose_executor(2).workers == 2
    with pytest.raises(InputError, match="at least 1 and at most 1024, not 0"):
        choose_executor(0)
    for address in (
        "nonsense",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:many",
        "http://127.0.0.1:80",
        "tcp://127.0.0.1:1",
    ):
        with pytest.raises(InputError, match=f"no dask scheduler at {address}: "):
            choose_executor(scheduler=address)


def dies(_chunk):
    import os

    os._exit(3)


def test_a_worker_that_dies_is_told():
    with pytest.raises(InputError, match="a worker process died"):
        list(Processes(1).map(dies, [1, 2]))
    assert list(Processes(1).map(abs, [-1])) == [1]


@gives("dimensionless")
def breaks(_time, _values):
    raise KeyError("no such thing")


@gives("dimensionless")
def wide(_time, values):
    return next(iter(values.values()))


@gives("dimensionless")
def changes(_time, values):
    values["transgene"][:] = 0


@gives("dimensionless")
def ends(_time, _values):
    sys.exit(0)


@gives("dimensionless")
def turns(_time, values):
    return values["transgene"].max(axis=1) * 1j


@gives("dimensionless")
def speaks(_time, values):
    return ["1.0"] * len(values["transgene"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("turns", "gives complex128, which are no real numbers"),
        ("speaks", "gives <U3, which are no real numbers"),
        ("breaks", "KeyError: 'no such thing'"),
        ("wide", "not one number a run"),
        ("changes", "read-only"),
        ("ends", "SystemExit: 0"),
    ],
)
def test_a_function_of_the_user_that_fails_is_told(name, said):
    planned = plan("clinical", grid(dose=[1e8, 2e8]), endpoints=[f"tests.simulation.test_run:{name}", "Cmax"])
    with pytest.raises(InputError) as caught:
        run(planned)
    assert str(caught.value).startswith(f"endpoint tests.simulation.test_run:{name}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"endpoints": ["Cmax", "Cmax"]}, "two columns Cmax"),
        ({"at": [28, 28.0000001]}, "two columns"),
        ({"endpoints": ["area(transgene, start=30, stop=10)"]}, "start must be before stop"),
        ({"endpoints": ["lowest(Tumor, start=nan)"]}, "an option is no number"),
        ({"endpoints": ["lowest(Tumor, start=1, start=2)"]}, "given twice"),
    ],
)
def test_columns_and_options_that_make_no_sense_are_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        plan("clinical", grid(dose=[1e8]), **arguments)


def test_regimens_are_held_against_the_end_of_the_runs():
    design = Design(pd.DataFrame({"regimen": ["late"]}))
    late = {"late": Regimen((Dose(9999, 1e8),))}
    rule = Redosing(1e8, "M_protein", 0.25, 28.0, 400.0, 1)
    later = Design(pd.DataFrame({"regimen": ["later"]}))
    with pytest.raises(
        InputError, match="regimen later: the rule first looks at 400, after the end, 360 day"
    ):
        plan("clinical", later, regimens={"later": Regimen((Dose(0.0, 1e8),), rule)})
    with pytest.raises(InputError, match="regimen late: dose at 9999 lies after the end"):
        plan("clinical", design, regimens=late)
    often = {"late": Regimen((Dose(0, 1e8),), Redosing(1e8, "M_protein", 0.25, every=1e-9, start=0))}
    with pytest.raises(InputError, match="regimen late: more than 10000 visits"):
        plan("clinical", design, regimens=often)


def test_a_disk_that_is_full_from_the_start_leaves_nothing(tmp_path, planned, monkeypatch):
    from harness.simulation import kept

    def full(path, _write):
        raise InputError(f"{path}: No space left on device")

    monkeypatch.setattr(kept, "write_whole", full)
    with pytest.raises(InputError, match="No space left"):
        stream(planned, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "observable", "factor"), [("clinical", "M_protein_change", 1), ("in_vitro", "viability", 24)]
)
def test_the_day_of_an_endpoint_is_a_day_in_any_model(model, observable, factor):
    planned = plan(model, single(), endpoints=[f"response_at({observable}, day=2)"], until=factor * 3)
    assert planned.study.endpoints[0].options == {"day": 2 * factor}
