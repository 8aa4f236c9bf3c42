"""Draws of parameters: which rows are taken, and what a file of them may hold."""

import numpy as np
import pandas as pd
import pytest

from harness.errors import InputError
from harness.models.catalog import load_card
from harness.simulation.draws import ParameterDraws, choose_draws, read_parameter_draws


@pytest.fixture(scope="module")
def symbols():
    return load_card("clinical_clocks").symbols


def written(folder, text):
    path = folder / "draws.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_is_taken_as_often_as_its_weight_says_and_whole():
    table = pd.DataFrame({"K_g": [1.0, 2.0, 3.0], "omega_K_g": [0.1, 0.2, 0.3]})
    taken = ParameterDraws(table, np.array([0.5, 0.5, 0.0])).take(4000, seed=1)
    share = (taken["K_g"] == 1).mean()
    assert share == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 4000))
    assert 3.0 not in set(taken["K_g"])
    assert (taken["omega_K_g"] * 10 == taken["K_g"]).all()


def test_which_row_is_taken_hangs_on_seed_and_place_alone():
    draws = ParameterDraws(pd.DataFrame({"K_g": np.arange(50.0)}), np.full(50, 0.02))
    few, many = draws.take(5, seed=3), draws.take(500, seed=3)
    pd.testing.assert_frame_equal(few, many.head(5))
    assert not few.equals(draws.take(5, seed=4))


def test_a_file_has_parameters_their_spreads_and_weights(tmp_path, symbols):
    path = written(tmp_path, "# a remark\nK_g,omega_K_g,weight\n0.01,0.5,1\n0.02,0.6,3\n")
    draws = read_parameter_draws(path, symbols)
    assert draws.parameters == ("K_g",)
    assert list(draws.table) == ["K_g", "omega_K_g"]
    assert draws.weights.tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("K_gg\n1\n", "column K_gg"),
        ("transgene\n1\n", "column transgene"),
        ("omega_K_gg\n1\n", "column omega_K_gg"),
        ("K_g\n", "holds no draw"),
        ("K_g\nx\n", "row 1: K_g: 'x'"),
        ("K_g\n1\ninf\n", "row 2: K_g"),
        ("K_g,omega_K_g\n1,-1\n", "omega_K_g: '-1'"),
        ("K_g,weight\n1,-1\n", "weight: '-1'"),
        ("K_g,weight\n1,0\n", "holds no draw"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(tmp_path, symbols, text, said):
    with pytest.raises(InputError, match=said) as caught:
        read_parameter_draws(written(tmp_path, text), symbols)
    assert "\n" not in str(caught.value)


def test_a_name_is_a_reading_with_stored_draws():
    readings, draws = choose_draws("clinical", ("as_run",), "calibrated")
    assert readings == ("as_run", "calibrated")
    assert len(draws.table) >= 100
    with pytest.raises(InputError, match=r"'waning' is neither .*calibrated"):
        choose_draws("clinical", (), "waning")
    with pytest.raises(InputError, match=r"nothing\.csv"):
        choose_draws("clinical", (), "nothing.csv")
