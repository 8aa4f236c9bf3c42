"""All studies that a panel can declare, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.studies.scan import ScanStudy

__all__ = ["AnyStudy"]

AnyStudy = Annotated[ScanStudy, Field()]
