"""What a release ships as YAML, made into resources in the order that the objects need."""

from typing import Any

import pulumi

from mesh import fast_yaml
from mesh.resources import chart

WORKLOADS = ("DaemonSet", "Deployment", "Job", "StatefulSet")


def make(prefix: str, text: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Register every object of a text, and what runs pods after what the pods are made from.

    The SDK's ConfigFile makes them inside an apply and in no order: a pod whose account isn't
    there yet is refused, and retried ever later.
    """
    manifests = [manifest for manifest in fast_yaml.load_all(text) if manifest]
    parts = [_make(prefix, m, opts) for m in manifests if m["kind"] not in WORKLOADS]
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=parts))
    return [*parts, *(_make(prefix, m, after) for m in manifests if m["kind"] in WORKLOADS)]


def _make(prefix: str, manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> pulumi.Resource:
    chart.wait_for_address_only(manifest, opts)
    # The SDK's classes by kind are this with types; the plugin takes any kind by its token.
    group_version = manifest["apiVersion"]
    group = group_version if "/" in group_version else f"core/{group_version}"
    token = f"kubernetes:{group}:{manifest['kind']}"
    return pulumi.CustomResource(token, f"{prefix}-{manifest['metadata']['name']}", manifest, opts)
