"""What a schema finds wrong with a declaration, in the words of this project.

Promise: no sentence of pydantic reaches a user for a kind of fault that declarations here can have; a field
that nobody knows is answered by those that are allowed in its place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["describe", "place_of"]

_KIND = re.compile(r"[a-z-]+\[.*\]")
"""How pydantic names a kind among several, in the place of a fault: function-after[...], literal[...]."""

_NO_MAPPING = frozenset(["model_type", "model_attributes_type", "dict_type"])
_NO_SCALAR = re.compile("(string|float|int|bool)_.*|literal_error")

NO_LIST, NO_MAPPING = "{given} is not a list", "{given} is not a mapping of fields"
SAID = {
    "missing": "is missing",
    "greater_than": "must be greater than {gt:g}, not {given}",
    "greater_than_equal": "must be at least {ge:g}, not {given}",
    "less_than": "must be less than {lt:g}, not {given}",
    "less_than_equal": "must be at most {le:g}, not {given}",
    "finite_number": "{given} is not a finite number",
    "too_short": "needs at least {min_length}, not {actual_length}",
    "too_long": "has at most {max_length}, not {actual_length}",
    "string_type": "{given} is not a text",
    "string_too_short": "needs at least {min_length} characters, not {given}",
    "string_pattern_mismatch": "{given} does not have the form {pattern}",
    "bool_type": "{given} is not true or false",
    "bool_parsing": "{given} is not true or false",
    "int_type": "{given} is not a whole number",
    "int_parsing": "{given} is not a whole number",
    "int_parsing_size": "{given} is too large",
    "int_from_float": "{given} is not a whole number",
    "float_type": "{given} is not a number",
    "float_parsing": "{given} is not a number",
    "list_type": NO_LIST,
    "tuple_type": NO_LIST,
    "dict_type": NO_MAPPING,
    "model_type": NO_MAPPING,
    "model_attributes_type": NO_MAPPING,
    "invalid_key": "has a name that is no text",
    "none_required": "must be left out, not {given}",
    "literal_error": "must be {expected}, not {given}",
    "enum": "must be {expected}, not {given}",
    "union_tag_invalid": "{discriminator} is one of {expected_tags}, not '{tag}'",
    "union_tag_not_found": "{discriminator} is missing",
}
"""Kind of fault, as pydantic names it, to what is said of it."""


def describe(told: ValidationError, schema: type[BaseModel]) -> str:
    """The likeliest fault that pydantic found in what should follow `schema`, as 'field: what is wrong'."""
    error, place = _likeliest(told), place_of(told, schema)
    field = ".".join(str(part) for part in _without_kinds(schema, place))
    given = error.get("input")
    shown = f"'{given[:40]}'" if isinstance(given, str) else str(given)[:40]
    if error["type"] == "extra_forbidden":
        message = _no_field(str(place[-1]), sorted(set(_fields(schema, place[:-1]))))
    elif error["type"] in SAID:
        message = SAID[error["type"]].format(**error.get("ctx", {}), given=shown)
    else:
        message = error["msg"].removeprefix("Value error, ").removeprefix(f"{next(reversed(place), '')}: ")
    return f"{field}: {message}" if field else message


def _likeliest(told: ValidationError) -> ErrorDetails:
    """The fault that was most likely made: an unknown field rather than the one that it leaves missing, and,
    where a field may be of several kinds, one of the kind that was given.
    """
    return min(told.errors(), key=lambda error: (error["type"] != "extra_forbidden", _of_another_kind(error)))


def _of_another_kind(error: ErrorDetails) -> bool:
    if isinstance(error.get("input"), dict | list | tuple):
        return _NO_SCALAR.fullmatch(error["type"]) is not None
    return error["type"] in _NO_MAPPING


def _without_kinds(schema: type[BaseModel], place: tuple) -> Iterator[str | int]:
    """A place without the names of kinds, of fields that may be of several."""
    kinds: list[object] = [schema]
    for part in place:
        choices = [choice for kind in kinds for choice in _choices(kind)]
        if _KIND.fullmatch(str(part)) or part in {getattr(choice, "__name__", "") for choice in choices[1:]}:
            continue
        yield part
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]


def place_of(told: ValidationError, schema: type[BaseModel]) -> tuple:
    """Where that fault is, in the file: a validator of a whole declaration names the field itself.

    It does so by :class:`harness.declarations.FieldError`, or in the first word that it says, ``doses: ...``.
    """
    error = _likeliest(told)
    within = getattr(error.get("ctx", {}).get("error"), "location", ())
    name, colon, _ = error["msg"].removeprefix("Value error, ").partition(":")
    if colon and not within and name in _fields(schema, error["loc"]):
        within = (name,)
    return *error["loc"], *within


def _no_field(name: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(name, allowed, n=1)
    hint = f"nearest: {near[0]}; " if near else ""
    return f"no such field; {hint}allowed: {', '.join(allowed) or 'none'}"


def _fields(schema: type[BaseModel], place: tuple) -> Iterator[str]:
    """Fields of whatever may stand at a place of a declaration."""
    kinds: list[object] = [schema]
    for part in _without_kinds(schema, place):
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    for model in (model for kind in kinds for model in _models(kind)):
        yield from model.model_fields


def _inside(kind: object, part: str | int) -> Iterator[object]:
    """Kinds of what has the name or number `part` in one kind; or the one of several that it names."""
    parts = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        if part in fields:
            yield fields[part].annotation
        elif part == kind.__name__ or any(part in _words(field.annotation) for field in fields.values()):
            yield kind
    elif get_origin(kind) is dict:
        yield parts[1]
    elif get_origin(kind) in (tuple, list):
        yield from parts[:1]
    else:
        for each in parts[:1] if get_origin(kind) is Annotated else parts:
            yield from _inside(each, part)


def _choices(kind: object) -> Iterator[object]:
    """A kind, and those that it leaves the choice of."""
    yield kind
    if get_origin(kind) in (Union, UnionType):
        yield from get_args(kind)


def _words(kind: object) -> tuple:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _models(kind: object) -> Iterator[type[BaseModel]]:
    """The declarations that a kind may be."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) not in (dict, tuple, list, Literal):
        for part in get_args(kind):
            yield from _models(part)
