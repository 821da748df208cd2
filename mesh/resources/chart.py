"""The one place where a helm.v3.Chart is made, with its transformations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi_kubernetes.helm.v3 import Chart, LocalChartOpts

from mesh.kubernetes import apis
from mesh.resources import early_deployments, string_maps
from mesh.resources.ready import Ready, all_ready

WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
READ_AT_START = (
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
)
JOB = "Job"
ISTIO = ".istio.io"
HOOK = "helm.sh/hook"
DELETION = ("pre-delete", "post-delete")
STARTED = "mesh.pulumi.com/started"
"""A label of what was started again: the generation that the Deployment had at 0 replicas."""
NO_TOKEN_SECRETS = (1, 24)
"""The first Kubernetes that makes no Secret for each ServiceAccount."""


@dataclass(frozen=True, kw_only=True)
class ChartArgs:
    """A chart on disk and how to render it; plain values, so that a preview shows every object."""

    path: Path
    namespace: str
    kube_version: str
    values: Mapping[str, Any]
    setting: str
    """The setting that holds the stack's raw values of this chart."""
    scaled_to_zero: Mapping[str, int] = field(default_factory=dict)
    """Deployments that somebody scaled to nothing, by name: the generation that this made."""


def make(name: str, args: ChartArgs, opts: pulumi.ResourceOptions) -> Chart:
    """Render a chart from disk under its helm release name; wait for it with `.ready`."""

    def put_in_order(manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        """Make an object after what it needs; nothing else orders a v3 Chart.

        istiod looks for its injection template once: started before the ConfigMap is there, it
        never injects, nor writes the caBundle that its webhook waits for (seen with 1.30).
        """
        if needed := _needs(manifest):
            before = chart.resources.apply(lambda made: _pick(made, needed))
            own = cast("Ready", pulumi.Output.from_input(opts.depends_on or []))
            opts.depends_on = all_ready(own, before)

    options = _options(args)
    options.transformations = [
        lambda manifest, _opts: string_maps.refuse_others(manifest, args.values, args.setting),
        leave_out_deletion_hooks,
        wait_for_address_only,
        gate_on_injector,
        fail_closed,
        leave_out_empty_ca,
        put_in_order,
        lambda manifest, opts: scale(manifest, opts, args.scaled_to_zero),
        lambda manifest, _opts: early_deployments.await_pods(manifest),
    ]
    if apis.minor(args.kube_version) < NO_TOKEN_SECRETS:
        options.transformations.append(never_wait_for_token)
    chart = Chart(name, options, opts)
    return chart


def deletion_hooks(
    name: str, args: ChartArgs, opts: pulumi.InvokeOptions
) -> pulumi.Output[list[dict[str, Any]]]:
    """Render what helm creates when the release is deleted: `make` leaves it out."""
    options = _options(args)
    vars(options)["release_name"] = name  # as the SDK's Chart does

    async def render(options: str) -> list[dict[str, Any]]:
        answer = await pulumi.runtime.invoke_async(
            "kubernetes:helm:template", {"jsonOpts": options}, opts
        )
        return [manifest for manifest in answer["result"] if _is_deletion_hook(manifest)]

    return options.to_json().apply(render)


def _options(args: ChartArgs) -> LocalChartOpts:
    return LocalChartOpts(
        path=str(args.path),
        namespace=args.namespace,
        values=dict(args.values),
        # Else a preview without a cluster renders for Kubernetes 1.20.
        kube_version=args.kube_version,
        # IstioCRDs owns them; the charts that ship them in templates/ get values for that.
        skip_crd_rendering=True,
    )


Needed = Callable[[str, str], bool]
"""Tells by an API group and a kind whether something comes after all such objects."""


def _needs(manifest: Mapping[str, Any]) -> Needed | None:
    """Tell what of the same chart an object comes after; None is nothing.

    What configures the mesh waits for the workloads, as one of them checks it. A helm hook that
    runs after the installation waits for everything.
    """
    group, kind = manifest["apiVersion"].rpartition("/")[0], manifest["kind"]
    if kind in WORKLOADS:
        return lambda _, other: other in READ_AT_START
    if kind == JOB:
        return lambda _, other: other != JOB
    if group.endswith(ISTIO):
        return lambda other_group, other: not other_group.endswith(ISTIO) and other != JOB
    return None


def _pick(resources: Mapping[str, pulumi.Resource], needed: Needed) -> list[pulumi.Resource]:
    """Pick from a chart's resources, by keys such as apps/v1/Deployment:istio-system/istiod."""
    picked = []
    for key, resource in resources.items():
        version, _, kind = key.partition(":")[0].rpartition("/")
        if needed(version.rpartition("/")[0], kind):
            picked.append(resource)
    return picked


def _is_deletion_hook(manifest: Mapping[str, Any]) -> bool:
    metadata = manifest.get("metadata") or {}  # a List has none
    hooks = (metadata.get("annotations") or {}).get(HOOK, "").split(",")
    return any(hook.strip() in DELETION for hook in hooks)


def leave_out_deletion_hooks(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Make none of what helm creates at a deletion only: an installation isn't one."""
    if _is_deletion_hook(manifest):
        manifest.clear()
        # How the SDK wants it said that there is no object.
        manifest |= {"apiVersion": "v1", "kind": "List", "items": [], "metadata": {}}


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


def scale(
    manifest: dict[str, Any], opts: pulumi.ResourceOptions, scaled_to_zero: Mapping[str, int]
) -> None:
    """Leave the replicas to the autoscaler, but start what it never touches again: a 0."""
    if manifest["kind"] != "Deployment" or "replicas" in manifest["spec"]:
        return
    metadata = manifest["metadata"]
    if generation := scaled_to_zero.get(metadata["name"]):
        manifest["spec"]["replicas"] = 1
        # Without it there would be nothing to do, as far as the stack's state knows: there an
        # earlier update's replica still is (provider/pkg/provider/provider.go, Diff).
        metadata["labels"] = {**(metadata.get("labels") or {}), STARTED: str(generation)}
    else:
        # What an earlier update started stays as the autoscaler has it.
        opts.ignore_changes = ["spec.replicas", f'metadata.labels["{STARTED}"]']


def never_wait_for_token(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Leave a ServiceAccount's Secret to Kubernetes, which takes milliseconds.

    Pulumi waits for one more than the account has: a changed one would wait for ever
    (provider/pkg/await/awaiters.go, untilCoreV1ServiceAccountInitialized).
    """
    if manifest["kind"] == "ServiceAccount":
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


def leave_out_empty_ca(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Leave the field to the injector, which writes it: an update would empty it again."""
    if manifest["kind"].endswith("WebhookConfiguration"):
        for webhook in manifest["webhooks"]:
            if webhook.get("clientConfig", {}).get("caBundle") == "":
                del webhook["clientConfig"]["caBundle"]


def _annotate(manifest: dict[str, Any], key: str, value: str) -> None:
    metadata = manifest["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), key: value}
