"""Declarative files: YAML read against a schema, with errors that name the file, the line and the field.

Promise: :func:`read_declaration` returns a validated object or raises :class:`InputError` in one line of
the form ``file:line: field: what is wrong``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InputError

__all__ = ["Declaration", "FieldError", "declare", "describe", "read_declaration", "read_often"]


class Declaration(BaseModel):
    """Base of everything read from a declarative file: immutable, and no field beyond the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    def __copy__(self) -> Declaration:
        """The fields alone, for :meth:`model_copy` to change: what was derived from them is left behind."""
        return self._without_derived(super().__copy__())

    def __deepcopy__(self, memo: dict | None = None) -> Declaration:
        """As :meth:`__copy__`."""
        return self._without_derived(super().__deepcopy__(memo))

    @classmethod
    def _without_derived(cls, copied: Declaration) -> Declaration:
        for name in copied.__dict__.keys() - cls.model_fields.keys():
            del copied.__dict__[name]
        return copied


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
    return _parsed(path, _text_of(path), schema)


def read_often(path: Path, schema: type[T]) -> T:
    """The same of a file that is asked for often: read each time, and parsed when its text is another."""
    return _kept(path, _text_of(path), schema)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _parsed(path: Path, text: str, schema: type[T]) -> T:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InputError(f"{path}:{line}: not YAML: {getattr(error, 'problem', error)}") from None
    doubled = _doubled_key(node)
    if doubled is not None:
        raise InputError(f"{path}:{doubled.start_mark.line + 1}: {doubled.value}: is given twice")
    if not isinstance(content, dict):
        raise InputError(f"{path}:1: expected a mapping of fields")
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        # An unknown field is the likelier fault than the field that it leaves missing.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        inner = getattr(first.get("ctx", {}).get("error"), "location", ())
        first = {**first, "loc": (*first["loc"], *inner)}
        raise InputError(f"{path}:{_line_of(node, first['loc'])}: {describe(first)}") from None


_kept = lru_cache(maxsize=128)(_parsed)


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
        raise InputError(describe(error.errors()[0])) from None


def describe(error: dict) -> str:
    """One fault that pydantic found, as 'field: what is wrong'."""
    field = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


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
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            for place, (key, _) in enumerate(node.value):
                if key.value in keys[:place]:
                    return key
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
        return {key.value: (key.start_mark.line + 1, value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return {i: (value.start_mark.line + 1, value) for i, value in enumerate(node.value)}
    return {}
