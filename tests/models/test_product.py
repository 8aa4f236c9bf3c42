"""Attributes of product and tumour: off they are nothing, and their ranges stand with their sources."""

import csv

import numpy as np
import pytest

from harness import simulate
from harness.models.attributes import attributes, outside
from harness.models.card import repository
from harness.models.catalog import load_card
from harness.models.units import convert
from harness.simulation.engines import KERNEL
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan

DOSES = ["150e6", "300e6@60"]
READ = ("transgene", "M_protein_change", "sBCMA_change", "tumor_conc")


def run(model, **changes):
    return simulate(model, doses=DOSES, changes=changes, until="200 day", times="1:200:1", observables=READ)


def test_off_it_is_the_model_that_it_extends_but_for_the_second_after_an_infusion():
    found, other = run("clinical_product"), run("clinical_clocks")
    quiet = np.abs(other.time.to_numpy() - 60) > 1e-3
    for name in READ:
        size = np.abs(other[name].to_numpy()).max()
        apart = np.abs(found[name].to_numpy() - other[name].to_numpy())[quiet]
        assert apart.max() < 1e-4 * size, name


def test_a_share_of_the_tumour_with_the_same_antigen_is_no_other_tumour():
    """Two clones that differ in nothing are one, at any share: an invariant of the equations."""
    whole, split = run("clinical_product"), run("clinical_product", f_low="0.3", Ag_low="12590")
    for name in READ:
        size = np.abs(whole[name].to_numpy()).max()
        assert np.abs(split[name].to_numpy() - whole[name].to_numpy()).max() < 1e-4 * size, name


def test_cells_with_little_antigen_are_left_over():
    fewer, whole = run("clinical_product", f_low="0.1"), run("clinical_product")
    assert float(fewer.M_protein_change.min()) > float(whole.M_protein_change.min()) + 10


def test_the_product_holds_memory_cells_in_the_share_that_is_left():
    """Within a minute of an infusion half of the cells are memory cells, which leave blood by 2 a day."""
    found = simulate(
        "clinical_product", doses=["1e8"], changes={"f_effector": "0.5"}, until="1 day",
        times="0,0.0005,1", observables=("CARTm_b", "Infused", "cart_cells"),
    ).sel(time=0.0005, method="nearest")  # fmt: skip
    assert float(found.CARTm_b) == pytest.approx(5e7, rel=2e-3)
    assert float(found.Infused) < 1


@pytest.mark.usefixtures("uncompiled_kernels")
def test_the_kernel_runs_it():
    design = grid(f_effector=[0.3, 1.0], f_low=[0.0, 0.2])
    planned = plan("clinical_product", design, endpoints=["Cmax", "M_nadir"], doses=DOSES, engine="kernel")
    assert planned.study.engine == KERNEL, planned.notes


def test_every_attribute_has_a_range_about_the_value_of_a_model():
    symbols = load_card("clinical_product").symbols
    for name, one in attributes().items():
        low, high = (convert(end, one.unit, symbols[name].unit, name) for end in (one.low, one.high))
        assert one.of in ("product", "patient")
        if name != "f_resist":  # off in the model, about the value that was calibrated
            assert low <= symbols[name].value <= high
            assert outside(symbols, name, symbols[name].value) == ""
        assert outside(symbols, name, 2 * high).startswith(f"{name}: ")
    assert outside(symbols, "K_m", 1e9) == ""


def test_the_page_has_the_ranges_of_the_table():
    page = (repository() / "docs" / "which_product.md").read_text("utf-8")
    with (repository() / "models_antimony" / "attributes.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            unit = "" if row["unit"] == "dimensionless" else f" {row['unit']}"
            ends = f"{row['low']} to {row['high']}{unit}"
            cells = (row["attribute"], row["of"], f"`{row['parameter']}`", ends, row["source"])
            assert f"| {' | '.join(cells)} |\n" in page
