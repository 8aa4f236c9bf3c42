import numpy as np
import pytest

from harness.errors import InputError
from harness.simulation.regimen import Dose
from harness.simulation.simulate import simulate


@pytest.mark.quick
def test_results_carry_units_names_and_what_was_run():
    result = simulate("clinical", doses=["450e6", "150e6@28"], readings=["as_run"], times="0,28,56")
    assert result.transgene.attrs == {"units": "copies/ug", "long_name": "CAR transgene in blood"}
    assert result.time.attrs["units"] == "day"
    assert result.attrs["status"] == "ok"
    assert result.attrs["doses"] == "4.5e+08@0, 1.5e+08@28"
    assert "K_on=71030" in result.attrs["changes"]


def test_observables_then_states_are_read_out_by_default():
    result = simulate("clinical", times="0,1")
    assert list(result)[:2] == ["transgene", "blood_cart"]
    assert {"CARTe_b", "CARTm_t", "Cplx", "Tumor", "M_protein"} <= set(result)


def test_one_observable_may_be_asked_for():
    assert list(simulate("clinical", times="0,1", observables=["k_exp"])) == ["k_exp"]


def test_changes_go_over_readings_and_conditions():
    plain = simulate("in_vitro", condition="JeKo", times="0,4")
    changed = simulate(
        "in_vitro", condition="JeKo", changes={"Ag_tumor": 12590, "DT_tumor": "60 hour"}, times="0,4"
    )
    default = simulate("in_vitro", times="0,4")
    assert plain.viability[-1] > 100
    np.testing.assert_array_equal(changed.viability, default.viability)


def test_a_parameter_given_in_another_unit_is_the_same_run():
    hours = simulate("clinical", changes={"K_12": "0.07 1/hour"}, times="0:100:10")
    days = simulate("clinical", changes={"K_12": 1.68}, times="0:100:10")
    np.testing.assert_allclose(hours.transgene, days.transgene, rtol=1e-5)


def test_times_may_be_numbers():
    assert simulate("clinical", times=[7, 1, 0]).time.to_numpy().tolist() == [0, 1, 7]


def test_a_failed_run_is_nan_with_its_reason():
    result = simulate("clinical", changes={"P_m": 1e300}, times="0,100,200")
    assert result.attrs["status"] == "not finite"
    assert result.attrs["reason"]
    assert np.isnan(result.transgene).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "klinical"}, "nearest: clinical"),
        ({"model": "in_vitro", "doses": ["1e6"]}, "in_vitro takes no dose"),
        ({"model": "clinical", "doses": ["1e6"], "changes": {"dose": 1}}, "give the dose once"),
        ({"model": "clinical", "observables": ["transgen"]}, "nearest: transgene"),
        ({"model": "clinical", "observables": []}, "none given"),
        ({"model": "clinical", "times": [0, -1]}, "non-negative"),
        ({"model": "clinical", "times": []}, "expected finite"),
        ({"model": "clinical", "times": [0, float("inf")]}, "expected finite"),
        ({"model": "clinical", "times": "0,100", "until": "10"}, "lies after until"),
        ({"model": "clinical", "until": "-1"}, "must be positive"),
        ({"model": "clinical", "times": ["soon"]}, "expected finite"),
        ({"model": "clinical", "doses": ["1e8@500"]}, "dose at 500 lies after the end, 360 day"),
        ({"model": "clinical", "changes": {"dose": 0.5}}, "0 or at least one cell"),
        ({"model": "clinical", "doses": [Dose(0, 0.5)]}, "0 or at least one cell"),
        (
            {"model": "clinical", "doses": ["0.5x"], "changes": {"dose": 1.5}},
            "is 0.75 cells; a dose is 0 or at",
        ),
    ],
)
def test_bad_arguments_give_one_clear_line(arguments, said):
    with pytest.raises(InputError) as caught:
        simulate(**arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


DRUG = """model drug
  unit mg = 1e-3 gram; unit hours = 3600 second; unit time_unit = 3600 second
  compartment V; V = 10; V has litre
  Dose = 100; Dose has mg
  k = 0.1
  substanceOnly species A in V; A has mg; A = Dose
  elimination: A -> ; k*A
end
"""


def test_a_model_that_doses_in_milligrams_takes_a_part_of_one(tmp_path):
    (tmp_path / "drug.ant").write_text(DRUG)
    (tmp_path / "drug.yaml").write_text("dose: {parameter: Dose, species: A}\n")
    model, times = str(tmp_path / "drug.ant"), [0.0, 2.0, 7.0]
    found = simulate(model, doses=["0.5", "250 ug@5"], times=times, until="7").A
    assert found.sel(time=[0, 2, 7]).values == pytest.approx(
        [0.5, 0.5 * np.exp(-0.2), 0.5 * np.exp(-0.7) + 0.25 * np.exp(-0.2)], rel=1e-5
    )
    for given in ({"changes": {"Dose": 0.5}}, {"doses": ["0.005x"]}):
        assert float(simulate(model, times=times, until="7", **given).A[0]) == pytest.approx(0.5)
    with pytest.raises(InputError, match="cells does not convert to mg"):
        simulate(model, doses=["0.5 cells"], times=times, until="7")


def test_a_single_dose_may_stand_for_itself():
    assert simulate("clinical", doses="150e6", times="0,1").attrs["doses"] == "1.5e+08@0"
    assert simulate("clinical", doses=150e6, times="0,1").attrs["doses"] == "1.5e+08@0"
