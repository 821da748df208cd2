"""What containers ask for and get: quantities of CPU and memory."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti)?", re.ASCII)
UNITS = {"m": Decimal("0.001"), "": Decimal(1)}
UNITS |= {unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", start=1)}
UNITS |= {unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)}


def _amount(quantity: str) -> Decimal:
    """Count a quantity in CPUs or bytes."""
    match = QUANTITY.fullmatch(quantity)
    if not match:
        raise ValueError("must be a quantity, such as 100m or 0.5 of a CPU, and 128Mi of memory")
    number, unit = match.groups("")
    return Decimal(number) * UNITS[unit]


def _quantity(value: str) -> str:
    _amount(value)
    return value


Resource = Literal["cpu", "memory", "ephemeral-storage"]
Quantity = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) in (int, float) else value),
    AfterValidator(_quantity),
]


class Resources(BaseModel):
    """What each container asks for, and what it gets at most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: dict[Resource, Quantity] = {}
    limits: dict[Resource, Quantity] = {}

    @model_validator(mode="after")
    def _asks_for_no_more_than_it_gets(self) -> "Resources":
        for resource in self.requests.keys() & self.limits.keys():
            asked, most = self.requests[resource], self.limits[resource]
            if _amount(asked) > _amount(most):
                raise ValueError(f"must ask for no more {resource} than its limit, {most}")
        return self
