"""Settings of a single service of Bookinfo."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mesh.settings.fields import Labels, LabelValue, MetadataKey, Model, Replicas
from mesh.settings.resources import Resources

ServiceName = Literal["details", "ratings", "reviews", "productpage", "mongodb", "mysqldb"]
MOST_SECONDS = 2**53
"""More seconds than anybody waits; from there on, Pulumi rounds numbers."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _variable(name: str) -> str:
    if not VARIABLE.fullmatch(name):
        raise ValueError(
            "a variable's name is letters, digits and '_', and doesn't start with a digit"
        )
    return name


class Toleration(Model):
    """Taint of a node that pods tolerate, as in a pod's spec."""

    key: MetadataKey | None = None
    """Key of the taint; None = every key, with operator Exists."""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; None = every effect."""
    toleration_seconds: Annotated[int, Field(ge=0, le=MOST_SECONDS)] | None = None
    """Seconds that a running pod stays on the node; None = forever. For NoExecute."""

    @model_validator(mode="after")
    def _as_kubernetes_has_it(self) -> "Toleration":
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("can't have a value with operator Exists, which fits every value")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("must have a key, or operator Exists")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError("can have tolerationSeconds with effect NoExecute only")
        return self


class BookinfoService(Model):
    """Settings of all pods of one service; what it doesn't set is that of all services."""

    replicas: Replicas | None = None
    resources: Resources | None = None
    env: dict[Annotated[str, AfterValidator(_variable)], str] = Field(default_factory=dict)
    """Variables in addition to the sample's, such as JAVA_OPTS of reviews."""
    node_selector: Labels = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
