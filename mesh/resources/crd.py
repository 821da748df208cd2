"""CustomResourceDefinitions: the only place that creates one, and waits for `Established`."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import v1, v1beta1

APIS = {"apiextensions.k8s.io/v1": v1, "apiextensions.k8s.io/v1beta1": v1beta1}


def make(crd: Mapping[str, Any], opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Register a CRD as it is shipped, under its own name."""
    return APIS[crd["apiVersion"]].CustomResourceDefinition(
        crd["metadata"]["name"],
        metadata={
            **crd["metadata"],
            "annotations": {
                **crd["metadata"].get("annotations", {}),
                # By itself Pulumi doesn't wait for a CRD, and objects of its kind would fail.
                "pulumi.com/waitFor": "condition=Established",
            },
        },
        spec=crd["spec"],
        opts=opts,
    )
