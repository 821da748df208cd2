"""Field ownership in server-side apply: what the stack sets of an object, it owns."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from mesh.kubernetes.cluster import applies_server_side

FORCE = "pulumi.com/patchForce"
"""The annotation by which every 4.x plugin takes over fields that other managers own."""


def take_over(kube_version: str) -> None:
    """Have every object of the stack take over the fields that it sets, in server-side apply.

    Without it an update ends in "Apply failed with conflicts" where helm, istioctl or an edit by
    hand set the same field (docs/decisions/9-the-stack-wins-over-other-managers.md).
    """
    if applies_server_side(kube_version):
        pulumi.runtime.register_stack_transformation(_annotate)


def _annotate(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    metadata = args.props.get("metadata")
    if not args.type_.startswith("kubernetes:") or metadata is None:
        return None
    if isinstance(metadata, pulumi.Output):  # known when sidecars are injected by hand
        annotated = metadata.apply(_annotated)
    else:
        annotated = _annotated(cast("Mapping[str, Any]", metadata))
    return pulumi.ResourceTransformationResult({**args.props, "metadata": annotated}, args.opts)


def _annotated(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {**metadata, "annotations": {**(metadata.get("annotations") or {}), FORCE: "true"}}
