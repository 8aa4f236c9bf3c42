"""All measures that a target can name, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.validation.measures.of_curves import Comparison, Crossing, DataEndpoint, Endpoint, Residual
from harness.validation.measures.of_parameters import Formula
from harness.validation.measures.of_tables import Cases, Number, Rows, Statistic

__all__ = ["AnyMeasure"]

AnyMeasure = Annotated[
    Residual | Endpoint | DataEndpoint | Comparison | Crossing | Cases | Rows | Number | Statistic | Formula,
    Field(discriminator="kind"),
]
