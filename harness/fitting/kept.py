"""Finished parts of a fit, kept in a folder so that an interrupted one goes on with them.

Promise: a part is kept whole or not at all, and never mixed with that of another fit.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from harness.errors import InputError
from harness.simulation.files import write_whole

__all__ = ["Kept", "Nothing"]


class Nothing:
    """Keeps no part."""

    def get(self, name: str) -> dict | None:  # noqa: ARG002
        """No part is there."""
        return None

    def put(self, name: str, part: dict) -> None:
        """Forget it."""


class Kept:
    """Parts in ``FOLDER/parts``, of the fit with the given key.

    Raises
    ------
    InputError
        When parts are there and `resume` is not given, or they are those of another fit.
    """

    def __init__(self, folder: Path, key: str, resume: bool) -> None:
        self.folder = folder / "parts"
        name = self.folder / "fit.txt"
        if self.folder.exists():
            if not resume:
                there = f"{self.folder}: {self.count} parts of an unfinished fit"
                raise InputError(f"{there}; go on with --resume or remove the folder")
            if not name.is_file() or name.read_text(encoding="utf-8") != key:
                raise InputError(f"{self.folder}: belongs to another fit; remove the folder to start anew")
            return
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be made: {error.strerror or error}") from None
        write_whole(name, lambda p: p.write_text(key, encoding="utf-8"))

    @property
    def count(self) -> int:
        """How many parts are kept."""
        return len(list(self.folder.glob("*.json")))

    def get(self, name: str) -> dict | None:
        """A part by name, None when it is not there."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise InputError(f"{path}: is no whole part; remove it, and it is made again") from None

    def put(self, name: str, part: dict) -> None:
        """Keep a part."""
        write_whole(self.folder / f"{name}.json", lambda p: p.write_text(json.dumps(part), encoding="utf-8"))

    def clear(self) -> None:
        """Remove them all, when the fit is complete."""
        shutil.rmtree(self.folder)
