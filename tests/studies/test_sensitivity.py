import numpy as np
import pytest

from harness.errors import InputError
from harness.figures.sensitivity import draw_sensitivity
from harness.simulation.execute import Processes, Serial
from harness.studies.sensitivity import Sensitivity, Spread


def declared(**changed):
    fields = {
        "model": "clinical",
        "parameters": {"K_el_e": {"percent": 50}, "K_el_m": {"omega": 0.3}, "R_m": {"rse": 66}},
        "observables": ("log(transgene)", "M_protein_change"),
        "at": "10,180",
        "n": 16,
    }
    return Sensitivity(**{**fields, **changed})


@pytest.fixture(scope="module")
def outcome():
    return declared(n=64).run(Serial())


def test_the_numbers_are_those_that_were_named(outcome):
    assert sorted(outcome.numbers) == sorted(declared().number_names())
    assert outcome.runs == declared(n=64).size() == 64 * 5
    assert outcome.failed == outcome.numbers["failed"] == 0
    (said,) = outcome.notes
    assert said.startswith("runs on RoadRunner")


def test_elimination_of_effector_cells_matters_early_and_the_memory_pool_late(outcome):
    numbers = outcome.numbers
    assert numbers["log(transgene)_10.K_el_e.rank"] == 1
    assert numbers["log(transgene)_10.K_el_e.prcc"] < -0.9
    assert numbers["log(transgene)_180.K_el_e.rank"] == 3
    assert numbers["log(transgene)_180.R_m.prcc"] > 0.9
    assert numbers["log(transgene).K_el_e.most_at"] == 10
    assert numbers["log(transgene).K_el_m.most_at"] == 180


def test_the_table_has_intervals_about_every_index(outcome):
    table = outcome.tables["indices"]
    assert len(table) == 2 * 2 * 3
    for name in ("total", "first", "prcc"):
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()


def test_workers_change_no_bit(outcome):
    assert declared(n=64).run(Processes(2)).tables["indices"].equals(outcome.tables["indices"])


@pytest.mark.parametrize(("failures", "blocks"), [("drop", 16), ("impute", 64)])
def test_runs_that_fail_are_handled_and_told(monkeypatch, failures, blocks):
    import harness.studies.sensitivity as module

    real = module.run

    def failing(planned, *rest):
        found = real(planned, *rest)
        found["status"][:240] = "integration failed"
        for name in found.data_vars:
            if found[name].dtype == float:
                found[name][:240] = np.nan
        return found

    monkeypatch.setattr(module, "run", failing)
    outcome = declared(n=64, failures=failures).run(Serial())
    assert outcome.failed == 240
    assert outcome.numbers["least_blocks"] == blocks
    assert len(outcome.notes) == 2
    assert outcome.notes[-1].startswith("240 of 320 simulations failed")
    assert np.isfinite(outcome.numbers["log(transgene)_10.K_el_e.total"])


def test_the_logarithm_of_nothing_is_no_value_and_is_told():
    outcome = declared(doses=("0",)).run(Serial())
    assert outcome.failed == 0
    assert np.isnan(outcome.numbers["log(transgene)_10.K_el_e.total"])
    assert any("log(transgene) at 10, 180: no indices" in note for note in outcome.notes)


def test_any_model_parameters_and_observables_can_be_asked_about():
    found = Sensitivity(
        model="xenograft",
        parameters={"K_kill_max": {"percent": 30}, "tau": {"low": "30 hours", "high": "60 hours"}},
        observables=("tumor_volume",),
        at="9 days, 2 weeks",
        n=16,
    ).run(Serial())
    assert found.numbers["tumor_volume_14.K_kill_max.total"] > 0
    axes = draw_sensitivity(found, found.extra["time_unit"], "prcc")
    assert axes[0].get_xlabel() == "time (days)"


def test_the_figure_has_axes_for_each_observable(outcome):
    drawn = draw_sensitivity(outcome, "day")
    assert [axes.get_title() for axes in drawn] == ["log(transgene)", "M_protein_change"]
    assert len(drawn[0].lines) == 3


def test_spreads_are_about_the_value_of_the_model(symbols):
    u = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(Spread(percent=50).values(u, "K_12", 2.0, symbols), [1, np.sqrt(3), 3])
    np.testing.assert_allclose(Spread(low="1", high="4").values(u, "K_12", 2.0, symbols), [1, 2, 4])
    np.testing.assert_allclose(Spread(low="0", high="4").values(u, "K_12", 2.0, symbols), [0, 2, 4])
    assert Spread(omega=0.5).values(u, "K_12", 2.0, symbols)[1] == pytest.approx(2)
    quantiles = (np.arange(4000) + 0.5) / 4000
    drawn = Spread(rse=66).values(quantiles, "R_m", 2e-5, symbols)
    assert drawn.std() / drawn.mean() == pytest.approx(0.66, rel=0.01)


@pytest.fixture(scope="module")
def symbols():
    return declared()._symbols()


@pytest.mark.parametrize(
    "fields", [{}, {"low": "1"}, {"percent": 10, "omega": 0.1}, {"percent": 100}, {"omega": 0}, {"rse": -1}]
)
def test_a_spread_says_one_thing(fields):
    with pytest.raises(InputError):
        Spread(**fields)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": "klinical"}, "nearest: clinical"),
        ({"parameters": {"K_ele": {"percent": 50}}}, "nearest: K_el_e"),
        ({"parameters": {"transgene": {"percent": 50}}}, "the model computes it"),
        ({"parameters": {"K_12": {"low": "2", "high": "1"}}}, "the range 2 to 1 is empty"),
        ({"parameters": {"K_12": {"low": "1 L", "high": "2 L"}}}, "does not convert"),
        ({"changes": {"K_el_e": "0"}}, "K_el_e: is 0; give low and high"),
        ({"observables": ("transgen",)}, "nearest: transgene"),
        ({"observables": ("exp(transgene)",)}, "no observable"),
        ({"at": "soon"}, "is not a number"),
        ({"n": 100}, "not a power of two"),
        ({"parameters": {"K_12": {"low": "1e290", "high": "1e300"}}}, "every simulation failed; the first"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_before_it_runs(changed, said):
    with pytest.raises(InputError, match=said):
        declared(**changed).run(Serial())
