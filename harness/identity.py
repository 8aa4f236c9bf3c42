"""Identity: one key for the same content, in any process.

Promise: :func:`key_of` takes a thing apart by its own fields, so that a field that is added to a class is in
its keys at once. Numbers count to the last bit, arrays and tables by what they hold, mappings and sets
whatever their order. Every key holds what computes as well: the versions of the engine and of the numerical
libraries, and the text of this package. A thing whose content cannot be told is refused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import platform
import struct
import sys
from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath

import numpy as np
from pydantic import BaseModel

__all__ = ["code", "content_of", "key_of", "versions"]

SHOWING = ("archives", "cli", "figures", "report", "data")
"""Folders of the package that no number depends on: they show and write, or hold files read by content."""


def key_of(*content: object) -> str:
    """The key of some content: 64 hexadecimal digits.

    Parameters
    ----------
    content
        None, booleans, numbers, texts, bytes, paths (as written), enumerations, arrays, data frames, and
        whatever sequences, mappings, sets, dataclasses and pydantic models hold of them.

    Raises
    ------
    TypeError
        When something is of no such kind.
    """
    return hashlib.sha256(_written((_computing(), content))).hexdigest()


def content_of(*content: object) -> str:
    """The same of the content alone, for what does not outlive this process."""
    return hashlib.sha256(_written(content)).hexdigest()


def versions() -> dict[str, str]:
    """Versions of what computes: this package, its engines, what compiles the kernel where it is, Python."""
    found = {name: version(name) for name in ("cart-pkpd", "libroadrunner", "numpy", "scipy")}
    for name in ("numba", "llvmlite"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return {**found, "python": platform.python_version()}


@cache
def _computing() -> bytes:
    return _written((code(), versions()))


@cache
def code() -> str:
    """Digest of the text of this package, as it was when this process first asked."""
    package = Path(__file__).parent
    files = (path for suffix in ("*.py", "*.yaml") for path in package.rglob(suffix))
    texts = {path.relative_to(package).as_posix(): path for path in files}
    kept = {name: path.read_bytes() for name, path in texts.items() if name.split("/")[0] not in SHOWING}
    return hashlib.sha256(_written(kept)).hexdigest()


def _written(value: object) -> bytes:
    """A value as bytes: its kind and its parts, each behind its length, so that no two values share them."""
    kind, *parts = _taken_apart(value)
    return b"".join(len(part).to_bytes(8, "big") + part for part in (kind.encode(), *parts))


def _taken_apart(value: object) -> tuple:
    """Kind of a value, and its parts as bytes."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, Enum):
        return kind, value.name.encode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return kind, *(_written((name, getattr(value, name))) for name in names)
    if isinstance(value, BaseModel):
        return kind, *(_written((name, getattr(value, name))) for name in type(value).model_fields)
    if isinstance(value, Mapping):
        return "mapping", *sorted(_written(pair) for pair in value.items())
    if isinstance(value, set | frozenset):
        return "set", *sorted(map(_written, value))
    if isinstance(value, list | tuple):
        return "sequence", *map(_written, value)
    return _plain(value, kind)


def _plain(value: object, kind: str) -> tuple:
    """Kind of a value that has no fields, and its parts as bytes."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return "constant", str(value).encode()
    if isinstance(value, int):
        return "integer", str(value).encode()
    if isinstance(value, float):
        return "number", b"nan" if math.isnan(value) else struct.pack(">d", value)
    if isinstance(value, str | PurePath):
        return "text", str(value).encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return "bytes", value
    if isinstance(value, np.ndarray):
        return "array", *_of_array(value)
    pandas = sys.modules.get("pandas")  # a table is only there when pandas is
    if pandas is not None and isinstance(value, pandas.DataFrame):
        columns = [value[name].to_numpy() for name in value]
        return "table", *map(_written, (list(value), value.index.to_numpy(), columns))
    raise TypeError(f"{kind} has no key: what it holds cannot be told")


def _of_array(values: np.ndarray) -> tuple[bytes, ...]:
    """Type, shape and content of an array, the same on any machine."""
    if values.dtype.kind == "O":
        return b"objects", _written(values.shape), _written(values.ravel().tolist())
    if values.dtype.kind not in "biufUSmM":
        raise TypeError(f"an array of {values.dtype} has no key")
    plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return plain.dtype.str.encode(), _written(values.shape), plain.tobytes()
