"""Where the finished parts of a fit are kept, so that an interrupted one goes on with them."""

from __future__ import annotations

from pathlib import Path

from harness.simulation.kept import KeptParts

__all__ = ["Nothing", "kept_in"]


class Nothing:
    """Keeps no part."""

    def get(self, name: str, key: str = "") -> bytes | None:  # noqa: ARG002 - asked as of what keeps them
        """No part is there."""
        return None

    def put(self, name: str, content: bytes, key: str = "") -> None:
        """Forget it."""


def kept_in(folder: Path, key: str, resume: bool) -> KeptParts:
    """Parts in ``FOLDER/parts``, of the fit with the given key."""
    return KeptParts(folder / "parts", key, resume, work="fit", parts="parts")
