"""What a schema finds wrong, in our words."""

import inspect
import pkgutil
from importlib import import_module
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

import harness
from harness.cli.main import run
from harness.declarations import Declaration, declare, read_declaration
from harness.errors import InputError
from harness.exchange.agreement import Agreement
from harness.faults import SAID
from harness.fitting.problem import FitProblem
from harness.models.card import ModelCard
from harness.studies.escalation import Escalation
from harness.studies.map import Map
from harness.studies.published import Published
from harness.studies.trial import Trial
from harness.validation.spec import PanelSpec


class Peak(Declaration):
    """One of two."""

    kind: Literal["peak"]
    after: float


class Area(Declaration):
    """The other."""

    kind: Literal["area"]
    stop: Annotated[float, Field(gt=0, le=10)]


class Ends(Declaration):
    """One that is checked as a whole, where a field may be a number instead."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ascend(self):
        if self.low > self.high:
            raise ValueError("ends are the wrong way round")
        if self.low == self.high:
            raise ValueError("high: is that of low")
        return self


class Whole(Declaration):
    """All the forms that a field can have."""

    name: str = ""
    count: int = Field(default=1, ge=1, lt=5)
    flag: bool = False
    one: Peak | None = None
    named: dict[str, Area] = {}
    many: tuple[Annotated[Peak | Area, Field(discriminator="kind")], ...] = ()
    pair: tuple[float, ...] = Field(default=(1, 2), min_length=2, max_length=3)
    word: Literal["all", "none"] = "all"
    pattern: str = Field(default="a", pattern="^[a-z]$")
    between: Ends | float = 1.0
    words: dict[str, Literal["x", "y"] | Literal["none"]] = {}


PEAK, AREA = {"kind": "peak", "after": 1}, {"kind": "area", "stop": 2}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"between": {"low": 2, "high": 1}}, "between: ends are the wrong way round"),
        ({"between": {"low": 2, "high": 2}}, "between.high: is that of low"),
        ({"between": "wide"}, "between: 'wide' is not a number"),
        ({"between": {"low": 2}}, "between.high: is missing"),
        (
            {"between": {"low": 2, "hihg": 3}},
            "between.hihg: no such field; nearest: high; allowed: high, low",
        ),
        ({"words": {"a [b]": "z"}}, "words.a [b]: must be 'x' or 'y', not 'z'"),
        (
            {"cuont": 1},
            "cuont: no such field; nearest: count; allowed: between, count, flag, many, name, named, one,",
        ),
        ({"one": {**PEAK, "x": 1}}, "one.x: no such field; allowed: after, kind"),
        (
            {"named": {"a": {**AREA, "sotp": 1}}},
            "named.a.sotp: no such field; nearest: stop; allowed: kind, stop",
        ),
        ({"many": [AREA, {**PEAK, "stop": 1}]}, "many.1.peak.stop: no such field; allowed: after, kind"),
        ({"many": [{**AREA, "after": 1}]}, "many.0.area.after: no such field; allowed: kind, stop"),
        ({"many": [{"kind": "pek"}]}, "many.0: 'kind' is one of 'peak', 'area', not 'pek'"),
        ({"many": [{"after": 1}]}, "many.0: 'kind' is missing"),
        ({"many": 3}, "many: 3 is not a list"),
        ({"one": {"kind": "peak"}}, "one.after: is missing"),
        ({"one": "x"}, "one: 'x' is not a mapping of fields"),
        ({"named": "x"}, "named: 'x' is not a mapping of fields"),
        ({"named": {"a": {**AREA, "stop": 0}}}, "named.a.stop: must be greater than 0, not 0"),
        ({"named": {"a": {**AREA, "stop": 11}}}, "named.a.stop: must be at most 10, not 11"),
        ({"count": 0}, "count: must be at least 1, not 0"),
        ({"count": 5}, "count: must be less than 5, not 5"),
        ({"count": 1.5}, "count: 1.5 is not a whole number"),
        ({"count": "few"}, "count: 'few' is not a whole number"),
        ({"flag": "perhaps"}, "flag: 'perhaps' is not true or false"),
        ({"pair": [1]}, "pair: needs at least 2, not 1"),
        ({"pair": [1, 2, 3, 4]}, "pair: has at most 3, not 4"),
        ({"pair": [1, "two"]}, "pair.1: 'two' is not a number"),
        ({"pair": [1, float("inf")]}, "pair.1: inf is not a finite number"),
        ({"word": "some"}, "word: must be 'all' or 'none', not 'some'"),
        ({"pattern": "A"}, "pattern: 'A' does not have the form ^[a-z]$"),
        ({"name": ["x"]}, "name: ['x'] is not a text"),
    ],
)
def test_a_fault_is_told_with_its_field_and_what_would_be_right(given, said):
    with pytest.raises(InputError) as told:
        declare(Whole, **given)
    assert str(told.value).startswith(said)
    assert "Input should" not in str(told.value)


def test_what_a_whole_declaration_says_of_a_field_is_told_with_the_line_of_that_field(tmp_path):
    file = tmp_path / "escalation.yaml"
    file.write_text(
        "model: clinical\ntoxicity: {at: 1, probability: 0.2, slopes: [1]}\ndoses: [2e8, 1e8]\n", "utf-8"
    )
    with pytest.raises(InputError) as told:
        read_declaration(file, Escalation)
    assert str(told.value) == f"{file}:3: doses: each is to be above the one before"


STRANGE = [
    None, True, "x", "", -1, 0, float("inf"), float("nan"), 1.5, [], ["x"], {}, {"a": 1}, [[1]],
    {"kind": "none"}, b"x", {1: 2}, "9" * 5000,
]  # fmt: skip


for found in pkgutil.walk_packages(harness.__path__, "harness."):
    import_module(found.name)  # else only what other tests have imported is declared here


def declared(base=Declaration):
    """Every declaration of the package."""
    for kind in base.__subclasses__():
        if kind.__module__.startswith("harness."):
            yield kind
        yield from declared(kind)


KINDS = {kind for kind in declared() if not inspect.isabstract(kind) and kind is not Published}
"""All that are read from files; a row of published trials is read from a table, whose cells are texts."""


@pytest.mark.parametrize("kind", sorted(KINDS, key=lambda kind: kind.__name__))
def test_every_kind_of_fault_that_a_declaration_can_have_is_said_in_our_words(kind):
    found = set()
    for name in kind.model_fields:
        for value in STRANGE:
            try:
                kind.model_validate({name: value})
            except ValidationError as told:
                found |= {error["type"] for error in told.errors()}
    assert found - {"extra_forbidden", "value_error"} <= SAID.keys()


def test_the_kinds_are_all_there():
    assert {Map, FitProblem, Trial, ModelCard, PanelSpec, Agreement} <= KINDS


def test_a_name_that_is_no_text_is_told(tmp_path, capfd):
    path = tmp_path / "t.yaml"
    path.write_text(
        "kind: trial\narms: {a: {patients: 2, doses: [1e8], redosing: {1: 2}}}\nvisits: 28:84:28\n"
    )
    assert run(["trial", str(path)]) == 2
    err = capfd.readouterr().err
    assert "Keys should be" not in err
    assert "t.yaml:2: arms.a.redosing" in err
