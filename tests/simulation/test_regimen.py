import pytest

from harness.errors import InputError
from harness.simulation.regimen import Dose, parse_dose, regimen


@pytest.mark.parametrize(
    ("text", "dose"),
    [
        ("450e6", Dose(0, 450e6)),
        (450e6, Dose(0, 450e6)),
        ("150e6@28", Dose(28, 150e6)),
        ("1e8 cells @ 4 weeks", Dose(28, 1e8)),
        ("1e8@48 hours", Dose(2, 1e8)),
        ("0", Dose(0, 0)),
    ],
)
def test_a_dose_is_read_with_its_time_and_units(text, dose):
    read = parse_dose(text)
    assert read.amount == pytest.approx(dose.amount)
    assert read.time == pytest.approx(dose.time)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lots", "'lots' is not a number"),
        ("", "is not a number"),
        ("-5e6", "must not be negative"),
        ("1e-3", "0 or at least one cell"),
        ("5e6@-1", "time must not be negative"),
        ("5e6@", "'' is not a number"),
        ("5e6@soon", "'soon' is not a number"),
        ("5e6 mg", "mg does not convert to item"),
        ("5e6@3 L", "L does not convert to day"),
        ("nan", "is not a number"),
        ("5e6@1@2", "is not a unit"),
        (Dose(float("nan"), 1.0), "must be finite"),
    ],
)
def test_a_bad_dose_gives_one_clear_line(text, said):
    with pytest.raises(InputError) as caught:
        parse_dose(text)
    assert said in str(caught.value)


def test_a_regimen_is_in_order_and_adds_up_doses_of_one_time():
    assert regimen(["1e8@28", "2e8", "3e8@28"]) == (Dose(0, 2e8), Dose(28, 4e8))
    assert regimen([]) == ()
