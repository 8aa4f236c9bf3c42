"""What scripts are offered: functions and classes that say in one line what they do not take.

Promise: an argument that is missing, that nobody knows, or that is of another type than its function
declares is an :class:`~harness.errors.InputError` before anything is done; what fits goes on as it was given.
A list, a row of numpy, pandas or xarray, and whatever else has a length and an order, is a sequence. Which
values of a type mean something is for each function to say.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import cache, wraps
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

from harness.errors import InputError, unknown_name
from harness.faults import describe

__all__ = ["offered"]

T = TypeVar("T")

LATE = {"pd": "pandas", "xr": "xarray"}
"""What modules import for type checkers alone, as it is heavy: loaded when a value is held against it."""

WORDS: dict[object, tuple[str, str]] = {
    float: ("a number", "numbers"),
    int: ("a whole number", "whole numbers"),
    str: ("a text", "texts"),
    bool: ("True or False", "True or False"),
    NoneType: ("None", "None"),
    Path: ("a path", "paths"),
    np.ndarray: ("an array of numbers", "arrays of numbers"),
}
"""One of a kind, and several."""


PLAIN = {float, int, str, bool, NoneType}
"""Types whose values need no second look after one went through; those of this package, and tuples, too."""


class _Fault(NamedTuple):
    place: str
    said: str


def offered(thing: T) -> T:
    """The same function, or a class with its constructor and what it offers, held to its types."""
    if not isinstance(thing, type):
        return _held(thing)
    for name, each in list(vars(thing).items()):
        if inspect.isfunction(each) and (name in ("__init__", "__mul__") or not name.startswith("_")):
            setattr(thing, name, _held(each))
    return thing


def _held(function: Any) -> Any:
    what = function.__qualname__.removesuffix(".__init__")
    signature = inspect.signature(function)

    passed: set[tuple] = set()

    @wraps(function)
    def held(*args: object, **named: object) -> object:
        shape = (*map(_shape, args), *named, *map(_shape, named.values()))
        if shape not in passed:
            kinds = []
            for place, value, declared in _given(what, signature, args, named):
                kinds.append(_kind(function, declared))
                fault = _fault(value, kinds[-1], place)
                if fault:
                    raise InputError(f"{what}: {fault.place}: {fault.said}{_made_of(value, kinds[-1])}")
            if all(map(_is_by_type, kinds)):
                passed.add(shape)
        return function(*args, **named)

    return held


def _shape(value: Any) -> object:
    """What is alike in values that are of the same kinds; a new object for one whose type does not tell."""
    kind = type(value)
    if kind is tuple:
        return (kind, *map(_shape, value))
    return kind if kind in PLAIN or kind.__module__.startswith("harness.") else object()


def _is_by_type(kind: Any) -> bool:
    """Whether the type of a value, and of its parts, tells that it is of a kind."""
    return get_origin(kind) not in (Literal, Annotated) and all(map(_is_by_type, get_args(kind)))


def _given(
    what: str, signature: inspect.Signature, args: tuple, named: Mapping[str, object]
) -> Iterator[tuple[str, object, str]]:
    """Name, value and declared type of each argument that is not the default anyway."""
    known = signature.parameters
    free = [name for name, each in known.items() if each.kind is each.VAR_KEYWORD]
    for name in named:
        if name not in known and not free:
            raise InputError(f"{what}: {unknown_name('argument', name, known)}")
    try:
        bound = signature.bind(*args, **named)
    except TypeError as error:
        raise InputError(f"{what}: {error}") from None
    for name, value in bound.arguments.items():
        if name in free:
            yield from ((each, one, known[name].annotation) for each, one in value.items())
        elif value is not known[name].default and known[name].annotation is not inspect.Parameter.empty:
            yield name, value, known[name].annotation


@cache
def _kind(function: Any, annotation: str) -> Any:
    """What a type means where a function is declared."""
    late = {name: import_module(package) for name, package in LATE.items() if f"{name}." in annotation}
    return eval(annotation, inspect.unwrap(function).__globals__, late)


def _fault(value: object, kind: Any, place: str) -> _Fault | None:
    """What of a value is not of a kind, as deep inside as it can be told; None when it is."""
    parts = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        faults = [_fault(value, part, place) for part in parts]
        known = [fault for fault in faults if fault]
        whole = _Fault(place, f"must be {_words(kind)}, not {_shown(value)}")
        return None if len(known) < len(faults) else max([whole, *known], key=lambda fault: len(fault.place))
    inside = _inside(value, kind, place)
    if get_origin(kind) is Annotated and not _fault(value, parts[0], place):
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            return _Fault(place, describe(error, BaseModel))
    if inside is None:
        return _Fault(place, f"must be {_words(kind)}, not {_shown(value)}")
    return next(filter(None, (_fault(one, part, at) for at, one, part in inside)), None)


def _inside(value: Any, kind: Any, place: str) -> Iterable[tuple[str, Any, Any]] | None:
    """Parts of a value, each with its place and its kind; None when the value itself is of another kind."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return () if isinstance(value, str) and value in parts else None
    if origin is None or origin is Callable:
        return () if _is_one(value, kind) else None
    if origin is Annotated:
        return [(place, value, parts[0])]
    if issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            return None
        each = [(f"{place}[{_shown(name)}]", name, one) for name, one in value.items()]
        return [(at, part, of) for at, *both in each for part, of in zip(both, parts, strict=True)]
    if not _is_row(value, origin) or (... not in parts and origin is tuple and len(value) != len(parts)):
        return None
    if not hasattr(value, "__len__") or (parts[0] is float and _is_array(value)):
        return ()
    kinds = parts if origin is tuple and ... not in parts else [parts[0]] * len(value)
    return [(f"{place}[{i}]", one, part) for i, (one, part) in enumerate(zip(value, kinds, strict=True))]


def _is_row(value: Any, kind: type) -> bool:
    """Whether a value is a sequence, or where it is taken as it comes, an iterator."""
    if isinstance(value, str | bytes | Mapping | type) or getattr(value, "ndim", 1) != 1:
        return False
    return isinstance(value, Iterable) and (hasattr(value, "__len__") or kind is Iterable)


def _is_array(value: object) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", " ") in "iufb"


def _is_one(value: object, kind: Any) -> bool:
    """Whether a value is of a kind without parts."""
    if kind in (Any, object) or isinstance(kind, TypeVar):
        return True
    if kind is float:
        single = _is_array(value) and getattr(value, "ndim", None) == 0
        return (single or isinstance(value, Real | Decimal)) and not isinstance(value, bool | np.bool_)
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind is bool:
        return isinstance(value, bool | np.bool_)
    if kind is Path:
        return isinstance(value, os.PathLike)
    if kind is np.ndarray:
        return isinstance(value, np.ndarray) and _is_array(value)
    if get_origin(kind) is Callable:
        return callable(value)
    return isinstance(value, NoneType if kind is None else kind) and not isinstance(value, type)


def _words(kind: Any, many: bool = False) -> str:
    """A kind in words, one or several of it."""
    kind = NoneType if kind is None else kind
    origin, parts = get_origin(kind), get_args(kind)
    if kind in WORDS:
        return WORDS[kind][many]
    if origin is Literal:
        return _either([f"'{part}'" for part in parts])
    if origin is Annotated:
        return _words(parts[0], many)
    if origin in (Union, UnionType):
        return _either(list(dict.fromkeys(_words(part, many) for part in parts)))
    if origin is Callable:
        return "a function"
    if origin is None:
        return f"{kind.__name__}s" if many else _a(kind.__name__)
    if issubclass(origin, Mapping):
        return f"a mapping of names to {_words(parts[1], many=True)}"
    if origin is tuple and ... not in parts:
        return f"{len(parts)} {_words(parts[0], many=True)}"
    return f"{'lists' if many else 'a list'} of {_words(parts[0], many=True)}"


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _shown(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, str | bytes | Real):
        return repr(value)
    count = f" of {len(value)}" if isinstance(value, list | tuple) else ""
    return f"{_a(type(value).__name__)}{count}"


def _made_of(value: object, kind: Any) -> str:
    """Which class, of those that are wanted and held to their types, takes such a value alone."""
    for each in get_args(kind) or (kind,):
        held = hasattr(getattr(each, "__init__", None), "__wrapped__")
        if held and each.__module__.startswith("harness."):
            with suppress(InputError):
                each(value)
                return f"; {each.__name__}(...) makes one of it"
    return ""
