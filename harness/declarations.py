"""Declarative files: YAML read against a schema, with errors that name the file, the line and the field.

Promise: :func:`read_declaration` returns a validated object or raises :class:`InputError` in one line of
the form ``file:line: field: what is wrong``.
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from pathlib import Path, PurePath
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from yaml.constructor import ConstructorError

from harness.errors import InputError
from harness.faults import describe, place_of
from harness.former import current
from harness.reading import parse_number, read_text, require_plain

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)  # which pydantic gives no public name

__all__ = ["Declaration", "FieldError", "Seed", "declare", "read_declaration", "read_often"]


Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Seed of what is drawn: what every generator takes."""

MOST = 1_000_000
"""Characters of a declarative file, and its parts when aliases are written out."""


DEEPEST = 100
"""Brackets within one another."""


class _InOurWords(ModelMetaclass):
    """What makes a declaration of the fields that a script gives."""

    def __call__(cls, *args: object, **fields: object) -> Any:
        schema = cast("type[BaseModel]", cls)
        if args:
            raise InputError(f"{cls.__name__}: its fields go by name: {', '.join(schema.model_fields)}")
        try:
            return super().__call__(**fields)
        except ValidationError as error:
            raise InputError(f"{cls.__name__}: {describe(error, schema)}") from None


class Declaration(BaseModel, metaclass=_InOurWords):
    """Base of all declarative files: immutable, with no field beyond the schema, numbers finite.

    Made of fields that do not follow the schema it raises :class:`InputError`, as 'NAME: field: what is
    wrong'.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _a_number_is_a_numeral(cls, given: object) -> object:
        """Where only numbers are wanted, pydantic would take true for 1 and 1_0 for 10."""
        for name, value in given.items() if isinstance(given, dict) else ():
            field = cls.model_fields.get(name)
            if field is not None and _kinds_of(cls, name) <= {int, float, NoneType}:
                _require_numerals(name, value)
        return given

    @model_validator(mode="before")  # before the one above, which is of the names of now
    @classmethod
    def _a_field_has_its_name_of_now(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        now = {current("field", name) if isinstance(name, str) else name: v for name, v in given.items()}
        return given if len(now) < len(given) else now

    @model_validator(mode="before")
    @classmethod
    def _a_path_is_a_text(cls, given: object) -> object:
        """A script may name a file as a path: of a model, a problem, a table."""
        if not isinstance(given, dict):
            return given
        return {name: str(value) if isinstance(value, PurePath) else value for name, value in given.items()}

    def __copy__(self) -> Declaration:
        """The fields alone, for :meth:`model_copy` to change: what was derived from them is left behind."""
        return self._without_derived(super().__copy__())

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Declaration:
        """As :meth:`__copy__`."""
        return self._without_derived(super().__deepcopy__(memo))

    @classmethod
    def _without_derived(cls, copied: Declaration) -> Declaration:
        for name in copied.__dict__.keys() - cls.model_fields.keys():
            del copied.__dict__[name]
        return copied


@cache
def _kinds_of(schema: type[BaseModel], field: str) -> frozenset:
    return _kinds(schema.model_fields[field].annotation)


def _kinds(annotation: object) -> frozenset:
    """Kinds of the values that a field holds, by itself or in a mapping or sequence."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return frozenset(map(type, parts))
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    if get_origin(annotation) is dict:
        parts = parts[1:]
    if not parts:
        return frozenset([annotation])
    return frozenset().union(*(_kinds(part) for part in parts if part is not ...))


def _require_numerals(field: str, value: object) -> None:
    """Refuse what pydantic would take for a number; what it would not is left to it."""
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            _require_numerals(field, part)
    elif isinstance(value, bool) or (isinstance(value, str) and math.isnan(parse_number(value))):
        try:
            float(value)
        except ValueError:
            return
        raise FieldError((field,), f"'{value}' is not a number")


class FieldError(ValueError):
    """What a validator of a whole declaration found wrong in one field of it, such as ``("targets", 3)``."""

    def __init__(self, location: tuple[str | int, ...], message: object) -> None:
        super().__init__(str(message))
        self.location = location


T = TypeVar("T", bound=BaseModel)


def read_declaration(path: Path, schema: type[T]) -> T:
    """Read a YAML file as `schema`.

    Raises
    ------
    InputError
        When the file is missing, is not YAML, or does not follow the schema.
    """
    return _parsed(path, read_text(path), schema)


def read_often(path: Path, schema: type[T]) -> T:
    """The same of a file that is asked for often: read each time, and parsed when its text is another."""
    return _kept(path, read_text(path), schema)


def _parsed(path: Path, text: str, schema: type[T]) -> T:
    node, content = _parse(path, text)
    if not isinstance(content, dict):
        raise InputError(f"{path}:1: expected a mapping of fields")
    try:
        return schema.model_validate(content)
    except RecursionError:
        raise InputError(f"{path}:1: is nested too deeply") from None
    except ValidationError as error:
        raise InputError(
            f"{path}:{_line_of(node, place_of(error, schema))}: {describe(error, schema)}"
        ) from None


_kept = lru_cache(maxsize=128)(_parsed)


class _Loader(yaml.SafeLoader):
    """The safe loader, in which a plain scalar is a decimal number or a text, not a date, 1:30 or an octal.

    A key is a name, as it is written: 1, 1.50, null and yes too. It says where a scalar stands that is none
    of its kind, such as !!int abc.
    """

    def fetch_flow_collection_start(self, kind: type) -> None:
        if self.flow_level > DEEPEST:  # beyond it PyYAML takes quadratic time to find that it is too deep
            raise RecursionError
        super().fetch_flow_collection_start(kind)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict:
        if isinstance(node, yaml.MappingNode):
            self.flatten_mapping(node)  # while a key can still be told that merges another mapping (<<)
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    key.tag = _TEXT
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, str):
                require_plain(value, "text")
            return value
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # PyYAML lets each kind of scalar raise what it likes
            kind = node.tag.rpartition(":")[2]
            wrong = f"'{str(node.value)[:40]}' is no {kind}"
            raise ConstructorError(None, None, wrong, node.start_mark) from error


_TEXT, _INT, _FLOAT, _TIME = (f"tag:yaml.org,2002:{k}" for k in ("str", "int", "float", "timestamp"))
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT, _TIME)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def _parse(path: Path, text: str) -> tuple[yaml.Node | None, object]:
    """The document as nodes, which know their lines, and as Python's own objects."""
    if len(text) > MOST:
        raise InputError(f"{path}: is too long for a declaration: {len(text)} characters, at most {MOST}")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if _size(node) > MOST:
            raise InputError(f"{path}:1: its aliases make it too large")
        doubled = _doubled_key(node)  # before the objects are made, which merges mappings (<<) in the nodes
        if doubled is not None:
            raise InputError(f"{path}:{doubled.start_mark.line + 1}: {doubled.value}: is given twice")
        return node, None if node is None else loader.construct_document(node)
    except RecursionError:
        raise InputError(f"{path}:1: is nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        said = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(f"{path}:{line}: not YAML: {said}") from None


def _size(node: yaml.Node | None, known: dict[int, int] | None = None) -> int:
    """How many nodes there are when aliases are written out; one that is a part of itself counts as 1."""
    known = {} if known is None else known
    if node is not None and id(node) not in known:
        known[id(node)] = 1
        parts = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else (node.value if isinstance(node, yaml.SequenceNode) else [])
        )
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return 0 if node is None else known[id(node)]


def declare(schema: type[T], **fields: object) -> T:
    """What fields that stand in no file declare.

    Raises
    ------
    InputError
        When they do not follow the schema, as 'field: what is wrong'.
    """
    try:
        return schema.model_validate(fields)
    except ValidationError as error:
        raise InputError(describe(error, schema)) from None


def _doubled_key(document: yaml.Node | None) -> yaml.Node | None:
    """First key that stands twice in one mapping, which YAML readers accept silently.

    Every part is looked at once, although aliases may name it often, or make it a part of itself.
    """
    waiting, looked_at = [document], set()
    while waiting:
        node = waiting.pop()
        if id(node) in looked_at or not isinstance(node, yaml.CollectionNode):
            continue
        looked_at.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            seen: set[str] = set()
            for key in keys:
                if key.value in seen:
                    return key
                seen.add(key.value)
        waiting += reversed([child for _, child in _children(node).values()])
    return None


def _line_of(node: yaml.Node, location: tuple) -> int:
    """Line of the deepest part of `location` that stands in the document."""
    line = node.start_mark.line + 1
    for part in location:
        children = _children(node)
        if part not in children:
            break
        line, node = children[part]
    return line


def _children(node: yaml.Node) -> dict:
    if isinstance(node, yaml.MappingNode):
        return {
            key.value: (key.start_mark.line + 1, value)
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }
    if isinstance(node, yaml.SequenceNode):
        return {i: (value.start_mark.line + 1, value) for i, value in enumerate(node.value)}
    return {}
