"""A user's own functions: known by the text of their modules, and loaded from that text alone.

Promise: :func:`text_of` is another one when the module of a function, or a module of the user's own that it
imports, anywhere in it, has another text; :func:`load` gives the function of a given text, here and in any
worker, or says in one line that there is none. Packages that are installed count by their versions, not here.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TypeVar

from harness.errors import InputError

__all__ = ["called", "load", "text_of"]

R = TypeVar("R")

INSTALLED = tuple(
    Path(folder).resolve()
    for folder in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(), site.getusersitepackages(), str(Path(__file__).parents[1]),
    )
)  # fmt: skip
"""Where modules lie that are no user's own: those of Python, of its packages and of this one."""

_TEXTS: dict[str, str] = {}
"""Text that each module was imported from, in this process."""


def text_of(function: str) -> str:
    """Digest of all that a function ``module:function`` is made of; empty when its module has no file."""
    files = _own_files(function.partition(":")[0])
    content = [(name, path.read_bytes()) for name, path in sorted(files.items())]
    return hashlib.sha256(repr(content).encode()).hexdigest() if content else ""


def load(function: str, text: str) -> Callable:
    """The function of an import path, from modules of this text; modules that changed are imported anew.

    Raises
    ------
    InputError
        When it is not there, its module raises or ends the process, or has another text than is wanted.
    """
    module, _, name = function.partition(":")
    if _TEXTS.get(module) != text:
        if text_of(function) != text:
            raise InputError(f"endpoint {function}: its module has changed since the study was planned")
        if module in _TEXTS:
            for own in _own_files(module):
                if own in sys.modules:
                    called(function, importlib.reload, sys.modules[own])
    found = getattr(called(function, importlib.import_module, module), name, None)
    _TEXTS[module] = text
    if not callable(found):
        raise InputError(f"endpoint {function}: module {module} has no function {name}")
    return found


def called(function: str, code: Callable[..., R], *arguments: object) -> R:
    """What code of a user returns; whatever it raises is told in one line, an end of the process too."""
    try:
        return code(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"endpoint {function}: {said}") from None


def _own_files(module: str) -> dict[str, Path]:
    """Files of a module and of the user's own that it imports, by name, those that are imported first."""
    files: dict[str, Path] = {}
    entered: set[str] = set()

    def enter(name: str) -> None:
        entered.add(name)
        path = _own_file(name)
        if path is None:
            return
        for imported in _imports(name, path):
            if imported not in entered:
                enter(imported)
        files[name] = path

    enter(module)
    return files


def _own_file(module: str) -> Path | None:
    """File of a module of the user's own; None for any other, and for one that is not there."""
    if module == "__main__":
        origin = getattr(sys.modules[module], "__file__", None)
    else:
        found = _found(module)
        origin = found.origin if found is not None and found.has_location else None
    if origin is None:
        return None
    path = Path(origin).resolve()
    return None if any(path.is_relative_to(folder) for folder in INSTALLED) else path


def _found(module: str) -> ModuleSpec | None:
    """Where a module is; nothing is imported to find out."""
    package = module.rpartition(".")[0]
    try:
        if not package:
            return importlib.util.find_spec(module)
        above = _found(package)
        if above is None or above.submodule_search_locations is None:
            return None
        return PathFinder.find_spec(module, above.submodule_search_locations)
    except (ImportError, ValueError, AttributeError):
        return None


def _imports(module: str, path: Path) -> Iterator[str]:
    """Modules that may be imported somewhere in a module, with the packages that hold them."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    yield from _with_parents(package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            name = ".".join(filter(None, (above, node.module)))
            yield from _with_parents(name)
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".") if module else []
    yield from (".".join(parts[: i + 1]) for i in range(len(parts)))
