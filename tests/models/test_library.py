"""Models of other articles: numbers are those of the table of sources, and they do what the articles say."""

import csv

import numpy as np
import pandas as pd
import pytest

from harness.cli.main import run as cart
from harness.errors import InputError
from harness.models import check
from harness.models.card import repository
from harness.models.catalog import library_names, load_card, model_files, model_names
from harness.models.check import check_model
from harness.simulation.made_designs import single
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.simulation.simulate import simulate

FOLDER = repository() / "models_antimony" / "library"


def sources():
    with (FOLDER / "parameters.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_value_of_every_model_has_its_source():
    for name in library_names():
        symbols = load_card(name).symbols
        given = {symbol for symbol in symbols.offered() if symbols[symbol].kind == "parameter"}
        rows = {row["id"]: row for row in sources() if row["model"] == name}
        assert given == set(rows)
        for symbol, row in rows.items():
            assert symbols[symbol].value == float(row["value"])
            assert row["grade"] in {"A", "B", "C", "D"}
            assert row["source"]
    assert {row["model"] for row in sources()} == set(library_names())


@pytest.mark.parametrize("name", library_names())
def test_the_command_that_checks_finds_nothing_in_it(name):
    assert check_model(load_card(name)) == []


def test_a_model_of_ones_own_is_asked_what_can_be_asked_of_it(tmp_path, capsys):
    (tmp_path / "own.ant").write_text("model own()\n  k = 1; S = 1; r: S -> ; k*S;\nend\n")
    cart(["check", str(tmp_path / "own.ant")])
    said = capsys.readouterr().out
    assert "parameters.csv" not in said
    assert "no SBO term" not in said
    assert "1 files checked (Card, Consistency)" in said


def test_a_source_that_is_missing_or_of_another_value_is_told(monkeypatch):
    card = load_card("stein2019")
    table = pd.DataFrame(sources())
    wrong = table[table["id"] != "FB"].replace(
        {"value": {"0.16": "0.17"}, "source": {table["source"][0]: ""}}
    )
    monkeypatch.setattr(check, "read_texts", lambda *_: wrong)
    said = "\n".join(str(issue) for issue in check_model(card, [check.Sources()]))
    for each in (
        "FB is not in library/",
        "alpha: 0.17 in library/parameters.csv, 0.16 in the model",
        "foldx: has no s",
    ):
        assert each in said


def test_a_model_of_another_article_or_of_a_user_is_not_said_to_be_of_this_one(tmp_path):
    own = tmp_path / "own.ant"
    own.write_text("model own()\n  S = 1; S' = -0.1*S;\nend\n")
    for name in (str(own), "kimmel2021"):
        assert "source" not in simulate(name, until=1).attrs
    assert simulate("clinical", until=1).attrs["source"].startswith("Singh et al. 2021")


def test_names_are_of_one_list():
    assert not set(library_names()) & set(model_names())
    assert model_files("stein2019") == (FOLDER / "stein2019.ant", FOLDER / "stein2019.yaml")
    with pytest.raises(InputError, match="nearest: stein2019"):
        load_card("stein201")


def test_tisagenlecleucel_is_its_closed_form_on_any_times():
    """Stein 2019, equation 1."""
    foldx, peak, cmax, alpha, spared, beta = 3900, 9.3, 24000, 0.16, 0.0079, 0.0032

    def level(t):
        later = np.maximum(t - peak, 0)
        fall = (1 - spared) * np.exp(-alpha * later) + spared * np.exp(-beta * later)
        return np.where(t < peak, cmax / foldx * np.exp(np.log(foldx) / peak * t), cmax * fall)

    for times in (np.array([0.0, 365]), np.linspace(0, 365, 74)):
        found = simulate("stein2019", times=times)
        at = found.time.to_numpy()
        assert found.transgene.to_numpy() == pytest.approx(level(at), rel=1e-5)


@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
@pytest.mark.usefixtures("uncompiled_kernels")
def test_tisagenlecleucel_has_the_published_peak_and_slopes(engine):
    """Table 1 of Stein 2019: 24000 copies/ug at day 9.3; ln 2 over its rates gives 4.3 and 217 days."""
    calls = ("doubling_time(transgene, start=1, stop=8)", "half_life(transgene, start=250, stop=365)")
    found = run(plan("stein2019", single(), endpoints=["Cmax", "Tmax", *calls], engine=engine))
    cmax, tmax, doubling, half = (float(found[name][0]) for name in list(found.data_vars)[2:])
    assert cmax == pytest.approx(24000, rel=1e-4)
    assert tmax == pytest.approx(9.3, rel=1e-6)
    assert doubling == pytest.approx(np.log(2) * 9.3 / np.log(3900), rel=1e-4)
    assert half == pytest.approx(np.log(2) / 0.0032, rel=1e-3)


@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
@pytest.mark.usefixtures("uncompiled_kernels")
def test_axicabtagene_does_what_its_article_says(engine):
    """Kimmel 2021: a peak within two weeks; at day 90 about what was infused; normal T cells restored."""
    found = run(plan("kimmel2021", single(), endpoints=["Cmax", "Tmax"], at=[90, 180], engine=engine))
    assert 5 < float(found.Tmax[0]) < 14
    assert float(found.cart_90[0]) == pytest.approx(1.8e8, rel=0.1)
    assert float(found.normal_T_180[0]) == pytest.approx(2.5e11, rel=1e-3)


def test_the_same_commands_take_them(tmp_path, capsys):
    assert cart(["models"]) == 0
    assert all(f"{name}: " in capsys.readouterr().out for name in library_names()[:1])
    assert cart(["scan", "kimmel2021", "--grid", "dose=1e8,1e9", "--endpoint", "Cmax", "--workers", "1"]) == 0
    assert cart(["nca", "stein2019", "--times", "1,3,7,10,14,21,28,90,180,365"]) == 0
    assert cart(["export", "stein2019", "--format", "antimony", "--out", str(tmp_path / "stein.ant")]) == 0
    assert float(simulate(str(tmp_path / "stein.ant"), until=28).transgene[-1]) == pytest.approx(
        float(simulate("stein2019", until=28).transgene[-1])
    )
    capsys.readouterr()
    assert cart(["build", "stein2019"]) == 2
    assert "no model of the catalogue 'stein2019'" in capsys.readouterr().err
