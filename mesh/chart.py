"""The one place where a helm.v3.Chart is made, with its transformations."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi_kubernetes.helm.v3 import Chart, LocalChartOpts

from mesh.ordering import Ready, all_ready

WORKLOADS = ("DaemonSet", "Deployment")
READ_AT_START = (
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
)


@dataclass(frozen=True, kw_only=True)
class ChartArgs:
    """A chart on disk and how to render it; plain values, so that a preview shows every object."""

    path: Path
    namespace: str
    kube_version: str
    values: Mapping[str, Any]
    stopped: frozenset[str] = frozenset()
    """Deployments that somebody scaled to nothing."""


def make(name: str, args: ChartArgs, opts: pulumi.ResourceOptions) -> Chart:
    """Render a chart from disk under its helm release name; wait for it with `.ready`."""

    def start_last(manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        """Make a workload after what it reads at its start; nothing else orders a v3 Chart.

        istiod looks for its injection template once: started before the ConfigMap is there, it
        never injects, nor writes the caBundle that its webhook waits for (seen with 1.30).
        """
        if manifest["kind"] in WORKLOADS:
            before = chart.resources.apply(_read_at_start)
            own = cast("Ready", pulumi.Output.from_input(opts.depends_on or []))
            opts.depends_on = all_ready(own, before)

    def scale(manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        """Leave the replicas to the autoscaler, but start what it never touches again: a 0."""
        if manifest["kind"] == "Deployment" and "replicas" not in manifest["spec"]:
            if manifest["metadata"]["name"] in args.stopped:
                manifest["spec"]["replicas"] = 1
            else:
                # What an earlier update started stays as the autoscaler has it.
                opts.ignore_changes = ["spec.replicas"]

    chart = Chart(
        name,
        LocalChartOpts(
            path=str(args.path),
            namespace=args.namespace,
            values=dict(args.values),
            # Else a preview without a cluster renders for Kubernetes 1.20.
            kube_version=args.kube_version,
            # IstioCRDs owns them; the charts that ship them in templates/ get values for that.
            skip_crd_rendering=True,
            transformations=[
                wait_for_address_only,
                gate_on_injector,
                fail_closed,
                start_last,
                scale,
            ],
        ),
        opts,
    )
    return chart


def merged(*values: Mapping[str, Any]) -> dict[str, Any]:
    """Merge values as helm does: maps key by key, where a later one wins, all else whole."""
    result: dict[str, Any] = {}
    for each in values:
        for key, value in each.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else value
    return result


def _read_at_start(resources: Mapping[str, pulumi.Resource]) -> list[pulumi.Resource]:
    """Pick from a chart's resources, by keys such as v1/ConfigMap:istio-system/istio."""
    return [
        resource
        for key, resource in resources.items()
        if key.partition(":")[0].rpartition("/")[2] in READ_AT_START
    ]


def wait_for_address_only(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Wait for a load balancer's address, and for no other Service.

    Pulumi's own wait for a Service sleeps 10 s to say what the Deployment's wait says too.
    """
    if manifest["kind"] == "Service":
        if manifest["spec"].get("type") == "LoadBalancer":
            address = "jsonpath={.status.loadBalancer.ingress[0]}"
            _annotate(manifest, "pulumi.com/waitFor", address)
        else:
            _annotate(manifest, "pulumi.com/skipAwait", "true")


def gate_on_injector(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Call the injector ready when istiod has signed it: until then pods get no sidecar."""
    if manifest["kind"] == "MutatingWebhookConfiguration":
        _annotate(
            manifest,
            "pulumi.com/waitFor",
            "jsonpath={.webhooks[0].clientConfig.caBundle}",
        )


def fail_closed(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Render what istiod makes of its validators, so that they never conflict over the field.

    Charts since 1.28.6 and 1.29.2 do so by a value of their own; older ones can't.
    """
    if manifest["kind"] == "ValidatingWebhookConfiguration":
        for webhook in manifest["webhooks"]:
            webhook["failurePolicy"] = "Fail"


def _annotate(manifest: dict[str, Any], key: str, value: str) -> None:
    metadata = manifest["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), key: value}
