import math
import re

import pytest

from harness.errors import InputError
from harness.models.catalog import load_card, model_names
from harness.models.provenance import read_parameters

HEADER = "id,scale,value,unit,status,RSE,omega,omega_RSE,omega_assumed,source\n"

# Table 1 of the article, typed in once more: value, status, RSE, omega, RSE of omega.
PRECLINICAL = {
    "K_exp_max": (0.9168, "estimated", 8.47, None, None),
    "EC50_exp": (1.15, "estimated", 30.9, None, None),
    "K_el_e": (113, "fixed", None, None, None),
    "K_kill_max": (0.612, "estimated", 28.2, None, None),
    "KC50": (2.24, "fixed", None, None, None),
    "K_12": (20304, "estimated", 20.9, 0.1, None),
    "K_21": (0.3288, "estimated", 29.5, 0.1, None),
    "K_g": (0.0888, "estimated", 10.9, 0.1, None),
    "V_b": (0.944, "fixed", None, None, None),
    "V_tumor_0": (0.151, "fixed", None, None, None),
    "K_on": (7.1e4, "fixed", None, None, None),
    "K_off": (2.39e-3, "fixed", None, None, None),
    "Ag_CAR": (15000, "fixed", None, None, None),
    "Ag_tumor": (12590, "fixed", None, None, None),
    "tau": (47.4, "estimated", 36.7, None, None),
}
TABLE_1 = {
    "in_vitro": {
        "DT_tumor": (60, "fixed", None, None, None),
        "DT_CART": (24, "fixed", None, None, None),
        "Ag_tumor": (12590, "fixed", None, None, None),
        "Ag_CAR": (15000, "fixed", None, None, None),
        "K_kill_max": (0.353, "estimated", 14, 0.62, 17),
        "KC50": (2.24, "estimated", 2, None, None),
        "hill_kill": (1.07, "estimated", 0.2, None, None),
        "K_on": (7.1e4, "fixed", None, None, None),
        "K_off": (2.39e-3, "fixed", None, None, None),
        "Tumor_0": (1e5, "fixed", None, None, None),
    },
    "xenograft": PRECLINICAL,
    "xenograft_constant_volume": {**PRECLINICAL, "K_12": (20.304, "estimated", 20.9, 0.1, None)},
    "clinical": {
        "K_exp_max": (1.73, "estimated", 10, 0.22, 38),
        "EC50_exp": (10, "estimated", 18, None, None),
        "R_m": (2e-5, "estimated", 66, 4e-5, None),
        "K_el_e": (113, "estimated", 19, None, None),
        "K_el_m": (0.219, "estimated", 13, None, None),
        "K_12": (1.71, "estimated", 11, None, None),
        "K_21": (0.176, "estimated", 14, None, None),
        "V_b": (5, "fixed", None, None, None),
        "V_bm": (3.65, "fixed", None, None, None),
        "Ag_CAR": (15000, "fixed", None, None, None),
        "Ag_tumor": (12590, "fixed", None, None, None),
        "K_on": (7.1e4, "fixed", None, None, None),
        "K_off": (2.39e-3, "fixed", None, None, None),
        "TransC": (0.002, "fixed", None, None, None),
        "K_g": (0.008, "fixed", None, None, None),
        "K_kill_max": (0.343, "estimated", 21, 0.50, 37),
        "KC50": (2.24, "fixed", None, None, None),
        "K_m": (0.117, "fixed", None, None, None),
        "P_m": (12.1, "fixed", None, None, None),
        "K_b": (0.7, "fixed", None, None, None),
        "P_b": (0.175, "fixed", None, None, None),
        "gamma_m": (0.215, "estimated", 5, 0.21, 44),
        "gamma_b": (1, "fixed", None, 1.0, 31),
    },
}


@pytest.mark.parametrize("model", model_names())
def test_table_1_is_in_the_table_with_its_uncertainty(model):
    listed = [
        row for row in read_parameters() if row.scale == model and row.source.startswith("Singh 2021 Table 1")
    ]
    found = {row.id: (row.value, row.status, row.RSE, row.omega, row.omega_RSE) for row in listed}
    assert found == TABLE_1.get(model, {})  # an extension says nothing of Table 1 anew


@pytest.mark.parametrize("model", model_names())
def test_the_comments_in_the_model_say_what_the_table_says(model):
    source = load_card(model).antimony_path.read_text("utf-8")
    for row in read_parameters():
        if row.scale != model or (row.RSE is None and row.omega is None):
            continue
        comment = re.search(rf"^  {row.id} .*?//(.*)$", source, re.MULTILINE)[1]
        rse, omega = re.search(r"RSE ([\d.]+) %", comment), re.search(r"omega ([\d.e-]+)", comment)
        assert (float(rse[1]) if rse else None) == row.RSE
        assert (float(omega[1]) if omega else None) == row.omega
        assert row.status in comment


def test_values_are_finite_and_positive_but_for_clocks_and_what_is_off():
    clocks = {card.dose.clock for card in map(load_card, model_names()) if card.dose}
    assert all(math.isfinite(row.value) for row in read_parameters())
    off = {row.id for row in read_parameters() if row.value == 0 and row.source.startswith("off: ")}
    assert off == {"crowding", "f_b", "f_resist", "t_lag", "k_host", "f_low"}
    assert all(row.value > 0 for row in read_parameters() if row.id not in clocks | off)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("K,clinical,fast,1/day,fixed,,,,,Table 1\n", "value"),
        ("K,clinical,1,1/day,guessed,,,,,Table 1\n", "status"),
        ("K,clinical,1,1/day,fixed,,,,,\n", "source"),
    ],
)
def test_a_broken_row_is_told_with_row_and_field(tmp_path, row, field):
    path = tmp_path / "parameters.csv"
    path.write_text(HEADER + row)
    with pytest.raises(InputError, match=rf"parameters.csv: row 1: {field}: "):
        read_parameters(path)
