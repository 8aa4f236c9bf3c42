"""Declarative files: YAML read against a schema, with errors that name the file, the line and the field.

Promise: :func:`read_declaration` returns a validated object or raises :class:`InputError` in one line of
the form ``file:line: field: what is wrong``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InputError

__all__ = ["Declaration", "read_declaration"]


class Declaration(BaseModel):
    """Base of everything read from a declarative file: immutable, and no field beyond the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")


T = TypeVar("T", bound=BaseModel)


def read_declaration(path: Path, schema: type[T]) -> T:
    """Read a YAML file as `schema`.

    Raises
    ------
    InputError
        When the file is missing, is not YAML, or does not follow the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InputError(f"{path}:{line}: not YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}:1: expected a mapping of fields")
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        line = _line_of(node, first["loc"])
        raise InputError(f"{path}:{line}: {field}: {first['msg']}") from None


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
