"""YAML manifests of a release, registered as resources in the order that they need."""

from typing import Any

import pulumi

from mesh import fast_yaml
from mesh.resources import chart

WORKLOADS = ("DaemonSet", "Deployment", "Job", "StatefulSet")


def make(prefix: str, text: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Register every object of a text, the workloads after all other objects.

    The SDK's ConfigFile creates them inside an apply and in no order: a pod without its
    ServiceAccount is refused, and retried at growing intervals.
    """
    manifests = [manifest for manifest in fast_yaml.load_all(text) if manifest]
    parts = [_make(prefix, m, opts) for m in manifests if m["kind"] not in WORKLOADS]
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=parts))
    return [*parts, *(_make(prefix, m, after) for m in manifests if m["kind"] in WORKLOADS)]


def _make(prefix: str, manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> pulumi.Resource:
    chart.wait_for_address_only(manifest, opts)
    # The SDK's class of a kind only adds types to this; the plugin takes any kind by its token.
    group_version = manifest["apiVersion"]
    group = group_version if "/" in group_version else f"core/{group_version}"
    token = f"kubernetes:{group}:{manifest['kind']}"
    return pulumi.CustomResource(token, f"{prefix}-{manifest['metadata']['name']}", manifest, opts)
