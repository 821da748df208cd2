"""The one place where a CustomResourceDefinition is made: established before `ready` says so."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions.v1 import CustomResourceDefinition


def make(crd: Mapping[str, Any], opts: pulumi.ResourceOptions) -> CustomResourceDefinition:
    """Register a CRD as it is shipped, under its own name."""
    return CustomResourceDefinition(
        crd["metadata"]["name"],
        metadata={
            **crd["metadata"],
            "annotations": {
                **crd["metadata"].get("annotations", {}),
                # Pulumi doesn't wait for a CRD by itself, and then its kinds don't exist.
                "pulumi.com/waitFor": "condition=Established",
            },
        },
        spec=crd["spec"],
        opts=opts,
    )
