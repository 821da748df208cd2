"""Resource requests and limits of a container."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

# Kubernetes' own grammar (k8s.io/apimachinery, resource.Quantity). lightkube's parser takes 10Z and
# -1, and refuses 100u: Kubernetes does the opposite.
QUANTITY = re.compile(r"\+?(\d+\.?\d*|\.\d+)(n|u|m|k|[MGTPE]|[KMGTPE]i|[eE][+-]?\d+)?", re.ASCII)
UNITS = {"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
UNITS |= {unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)}
UNITS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)}


def _amount(quantity: str) -> Decimal:
    """Return a quantity as a number of CPUs or bytes. Raises ValueError."""
    match = QUANTITY.fullmatch(quantity)
    if not match:
        raise ValueError("must be a quantity, such as 100m or 0.5 of a CPU, and 128Mi of memory")
    number, unit = match.groups("")
    return Decimal(number) * (UNITS.get(unit) or Decimal(f"1{unit}"))


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
    """Resource requests, which a container is guaranteed to get, and limits."""

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
