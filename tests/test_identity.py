"""Keys: a field that changes makes another key, whatever the class; the same content has one, anywhere."""

import copy
import dataclasses
import os
import shutil
import subprocess
import sys
from enum import Enum

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from harness import identity
from harness.analysis.gives import gives
from harness.fitting.effects import EffectPlace
from harness.fitting.prepare import prepare
from harness.fitting.problem import find_problem, read_problem
from harness.fitting.sizes import Size
from harness.fitting.study import Fit
from harness.identity import key_of
from harness.models import card, catalog, provenance
from harness.models.card import repository
from harness.models.catalog import load_card, model_names
from harness.models.symbols import read_symbols
from harness.simulation.design import Design
from harness.simulation.plan import plan
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose, Redosing, Regimen
from harness.simulation.simulate import simulate


def made_plan():
    rule = Redosing(1.0, "M_protein", 0.25, every=30, start=30, relative=True)
    regimens = {"again": Regimen((Dose(0, 1, relative=True), Dose(7, 1e8, duration=1.0)), rule)}
    table = pd.DataFrame({"dose": [1e8, 2e8], "K_12": [1.0, 2.0], "regimen": ["again", "again"]})
    return plan(
        "clinical", Design(table), regimens=regimens, changes={"K_g": 0.01}, at="1,28",
        endpoints=["Cmax", "lowest(M_protein_change, start=5)", "tests.test_identity:last"], shown=("dose",),
        times="0,1,28,60",
    )  # fmt: skip


def made_fit(name):
    path = find_problem(name)
    return prepare(read_problem(path), path.parent)


@gives("dimensionless")
def last(_time, values):
    return next(iter(values.values()))[:, -1]


def with_field(value, name, other):
    """The same thing with another field, whether or not that goes with the rest of it."""
    changed = copy.copy(value)
    object.__setattr__(changed, name, other)
    return changed


def others(value, path=""):
    """Every way to change one leaf of a value: (where, the whole value with that leaf changed)."""
    if isinstance(value, Enum):
        yield path, next(other for other in type(value) if other is not value)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            for where, other in others(getattr(value, field.name), f"{path}.{field.name}"):
                yield where, with_field(value, field.name, other)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            for where, other in others(getattr(value, name), f"{path}.{name}"):
                yield where, value.model_copy(update={name: other})
    elif isinstance(value, dict):
        yield f"{path} with more", {**value, "one_more": 1.0}
        for name, each in value.items():
            yield f"{path} without {name}", {k: v for k, v in value.items() if k != name}
            for where, other in others(each, f"{path}[{name}]"):
                yield where, {**value, name: other}
    elif isinstance(value, tuple):
        yield f"{path} with more", (*value, Dose(3.0, 1e6) if path.endswith(".doses") else "one more")
        for i, each in enumerate(value):
            for where, other in others(each, f"{path}[{i}]"):
                yield where, (*value[:i], other, *value[i + 1 :])
    elif isinstance(value, pd.DataFrame):
        yield f"{path} shorter", value.iloc[:-1]
        for i, name in enumerate(value):
            yield f"{path}[{name}]", value.assign(**{name: _another_array(value[name].to_numpy())})
            yield (
                f"{path} renamed {name}",
                value.set_axis([f"{n}{'_' * (i == j)}" for j, n in enumerate(value)], axis=1),
            )
    else:
        yield path, _another(value)


def _another(value):
    match value:
        case None:
            return 0
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            if value == 0:
                return 1.0  # the number next to it is too short for an infusion
            return float(np.nextafter(value, np.inf)) if np.isfinite(value) and value < 1e300 else 0.0
        case str():
            return value + " "
        case np.ndarray():
            return _another_array(value)
    raise AssertionError(f"a field of {type(value)}: say here how it is changed")


def _another_array(values):
    if not values.size:
        return np.append(values, 1)
    changed = values.copy()
    changed[-1] = _another(values.tolist()[-1])
    return changed


def made_fit_of_groups():
    """One with what few problems have: random effects, a ridge."""
    made, omega = made_fit("fig2b/moving_volume"), EffectPlace("K_g", 0, Size(0.3))
    return dataclasses.replace(made, effects=(omega,), groups=("a",), ridge=tuple(made.names[:2]))


MADE = {"plan": made_plan, "fit": made_fit_of_groups}


@pytest.mark.parametrize("what", MADE)
def test_each_field_that_changes_makes_another_key(what):
    made = MADE[what]()
    keys = {key_of(made): "the whole as it was"}
    for where, other in others(made):
        key = key_of(other)
        assert key not in keys, f"{where} is not in the key, or makes the same one as {keys[key]}"
        keys[key] = where
    assert len(keys) > 150


def test_a_key_holds_the_versions_and_the_text_of_what_computes(monkeypatch):
    def anew():
        identity._computing.cache_clear()
        return key_of(1)

    before, installed = anew(), identity.versions()
    found = {before}
    with monkeypatch.context() as patch:
        patch.setattr(identity, "code", lambda: "edited")
        found.add(anew())
    for name in installed:
        with monkeypatch.context() as patch:
            patch.setattr(identity, "versions", lambda name=name: {**installed, name: "0"})
            found.add(anew())
    assert {"cart-pkpd", "libroadrunner"} <= set(installed)
    assert len(found) == 2 + len(installed)
    assert anew() == before


@pytest.mark.quick
def test_a_key_is_the_same_in_another_process():
    code = (
        "from tests.test_identity import *; print(key_of(made_plan()), key_of(made_fit('fig2a/synthetic')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository(), env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert done.stdout.split() == [key_of(made_plan()), key_of(made_fit("fig2a/synthetic"))]


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5)
)
CONTENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(CONTENTS, CONTENTS)
def test_keys_are_equal_when_contents_are(one, other):
    assert (key_of(one) == key_of(other)) == (repr(_settled(one)) == repr(_settled(other)))


def _settled(value):
    """The same, mappings in one order, with the type of each number beside it."""
    if isinstance(value, dict):
        return sorted(((name, _settled(each)) for name, each in value.items()), key=repr), "mapping"
    return [_settled(each) for each in value] if isinstance(value, list) else (type(value), value)


def test_the_order_of_a_mapping_or_a_set_is_none_of_its_content():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a", "b", "c"}) == key_of({"c", "b", "a"})
    assert key_of([1, 2]) != key_of([2, 1])


def test_what_cannot_be_told_has_no_key():
    for nothing in (object(), len, iter([]), np.array([(1, 2.0)], dtype="i4,f8")):
        with pytest.raises(TypeError, match="has no key"):
            key_of(nothing)


TWO_POOLS = "model own()\n A -> ; k*A; B -> ; k*B; A = a; B = b; a = 0; b = 0; k = 0.1; other = 3\nend\n"


def test_a_card_that_changes_beside_a_model_doses_the_new_species_in_the_same_process(tmp_path):
    path, card = tmp_path / "own.ant", tmp_path / "own.yaml"
    path.write_text(TWO_POOLS, encoding="utf-8")
    for species, other in (("A", "B"), ("B", "A"), ("A", "B")):
        card.write_text(f"dose: {{parameter: {species.lower()}, species: {species}}}\n", encoding="utf-8")
        found = simulate(str(path), doses="100@5", times="0,5")
        assert found[species].to_numpy()[-1] == pytest.approx(100)
        assert found[other].to_numpy()[-1] == 0


def test_files_of_the_catalogue_that_change_are_read_again(tmp_path, monkeypatch):
    for name in ("models_antimony", "sbml"):
        shutil.copytree(repository() / name, tmp_path / name)
    for module in (card, catalog):
        monkeypatch.setattr(module, "repository", lambda: tmp_path)
    monkeypatch.setattr(provenance, "repository", lambda: tmp_path)

    def edit(name, old, new):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")

    before, key = simulate("clinical", times="0,28"), load_program("clinical").key
    edit("models_antimony/clinical.yaml", "species: CARTe_b", "species: CARTm_b")
    assert load_card("clinical").dose.species == load_card("clinical_seed").dose.species == "CARTm_b"
    assert load_program("clinical").key != key
    found = simulate("clinical", doses="1e8@28", times="0,28", observables=["CARTm_b"])
    assert found["CARTm_b"].to_numpy()[-1] >= 1e8
    edit("sbml/clinical.xml", 'id="K_g" value="0.008"', 'id="K_g" value="0.016"')
    assert read_symbols(tmp_path / "sbml/clinical.xml")["K_g"].value == 0.016
    assert simulate("clinical", times="0,28")["Tumor"][-1] > before["Tumor"][-1]
    edit("models_antimony/parameters.csv", "K_g,clinical,0.008,", "K_g,clinical,0.016,")
    assert {p.value for p in provenance.read_parameters() if p.id == "K_g" and p.scale == "clinical"} == {
        0.016
    }
    (tmp_path / "models_antimony/seed.yaml").write_text(
        (tmp_path / "models_antimony/clinical_seed.yaml").read_text().replace("id: clinical_seed", "id: seed")
    )
    assert "seed" in model_names()


def test_what_was_derived_from_the_fields_does_not_outlive_them():
    study = Fit(problem="fig2b/moving_volume", starts=2, engine="roadrunner")
    assert study.prepared.starts == 2
    for other in (study.model_copy(update={"problem": "fig2a/synthetic", "starts": 3}), copy.copy(study)):
        assert not other.__dict__.keys() - set(Fit.model_fields)
        assert other.declared == read_problem(find_problem(other.problem))
        assert other.prepared.starts == other.starts
    assert "prepared" not in study.model_copy(deep=True).__dict__
