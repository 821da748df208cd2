"""Field ownership in server-side apply: the stack owns every field that it sets."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from mesh.kubernetes.cluster import applies_server_side

FORCE = "pulumi.com/patchForce"
"""The annotation that makes every 4.x plugin take over fields that other managers own."""


def take_over(kube_version: str) -> None:
    """Make server-side apply take over every field that the stack's objects set.

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
