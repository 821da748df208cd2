"""Base classes for models of Istio's resources: strict fields, in Istio's spelling."""

from typing import Any, ClassVar

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A part of a resource: a misspelt field is an error here, where Kubernetes would drop it."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )


class Resource(Model):
    """A whole resource; its class sets API version and kind, its field `spec` holds the rest."""

    api_version: ClassVar[str]
    kind: ClassVar[str]

    name: str
    namespace: str
    labels: dict[str, str] = {}
    spec: Model

    def manifest(self, api_version: str | None = None) -> dict[str, Any]:
        """Return its Kubernetes manifest, in an older API version if one is given."""
        return {
            "apiVersion": api_version or self.api_version,
            "kind": self.kind,
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                **({"labels": self.labels} if self.labels else {}),
            },
            "spec": self.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        }

    def make(
        self, resource_name: str, opts: pulumi.ResourceOptions, api_version: str | None = None
    ) -> CustomResource:
        """Register it with Pulumi."""
        manifest = self.manifest(api_version)
        return CustomResource(
            resource_name,
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            metadata=manifest["metadata"],
            spec=manifest["spec"],
            opts=opts,
        )
