"""All studies that a panel can declare, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.studies.map import Map
from harness.studies.patients import PatientsStudy
from harness.studies.population import Population
from harness.studies.scan import ScanStudy
from harness.studies.sensitivity import Sensitivity

__all__ = ["AnyStudy"]

AnyStudy = Annotated[ScanStudy | Map | Sensitivity | Population | PatientsStudy, Field(discriminator="kind")]
