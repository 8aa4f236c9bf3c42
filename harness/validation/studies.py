"""All studies that a panel can declare, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.calibration.by_dose import ByDose
from harness.calibration.physical import Physical
from harness.calibration.regimens import Regimens
from harness.calibration.study import Calibrate
from harness.exchange.agreement import Agreement
from harness.fitting.study import Fit
from harness.studies.clocks import Clocks
from harness.studies.map import Map
from harness.studies.patients import Patients
from harness.studies.population import Population
from harness.studies.scan import Scan
from harness.studies.sensitivity import Sensitivity

__all__ = ["AnyStudy"]

AnyStudy = Annotated[
    Scan
    | Map
    | Sensitivity
    | Population
    | Patients
    | Clocks
    | Calibrate
    | Physical
    | ByDose
    | Regimens
    | Fit
    | Agreement,
    Field(discriminator="kind"),
]
