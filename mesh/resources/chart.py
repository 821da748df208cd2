"""Helm charts: the only place that creates a helm.v3.Chart, with its transformations."""

import asyncio
import os
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
"""Label of a Deployment that was scaled up from 0 replicas: the generation that it had then."""
PATIENCE = 120.0  # seconds; a chart of Istio takes one
NO_TOKEN_SECRETS = (1, 24)
"""First Kubernetes version that creates no token Secret for a ServiceAccount."""


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
    """Generation of each Deployment that somebody scaled to 0 replicas, by its name."""
    awaits_injector: bool = True
    """Whether to wait for the istiod of the chart to answer as injector."""


def make(name: str, args: ChartArgs, opts: pulumi.ResourceOptions) -> Chart:
    """Render a chart from disk under its helm release name; wait for it with `.ready`."""

    def put_in_order(manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        """Create an object after the objects that it needs; nothing else orders a v3 Chart.

        istiod looks for its injection template once: if it starts before the ConfigMap exists, it
        never injects, and never writes the caBundle that its webhook waits for (seen with 1.30).
        """
        if needed := _needs(manifest):
            before = chart.resources.apply(lambda made: _pick(made, needed))
            own = cast("Ready", pulumi.Output.from_input(opts.depends_on or []))
            opts.depends_on = all_ready(own, before)

    options = _options(args)
    options.transformations = [
        lambda manifest, _opts: string_maps.refuse_other_than_text(
            manifest, args.values, args.setting
        ),
        leave_out_deletion_hooks,
        wait_for_address_only,
        *([gate_on_injector] if args.awaits_injector else ()),
        fail_closed,
        leave_out_empty_ca,
        put_in_order,
        lambda manifest, opts: scale(manifest, opts, args.scaled_to_zero),
        lambda manifest, _opts: early_deployments.await_pods(manifest),
    ]
    if apis.minor(args.kube_version) < NO_TOKEN_SECRETS:
        options.transformations.append(never_wait_for_token)
    chart = Chart(name, options, opts)
    limit = asyncio.get_event_loop().call_later(PATIENCE, _give_up, name, args.path)
    chart.resources.apply(lambda _made: limit.cancel())
    return chart


def _give_up(name: str, path: Path) -> None:
    pulumi.log.error(
        f"the chart {name} in {path} isn't rendered after {PATIENCE:.0f} s, and helm has no limit: "
        "a template of it may never end. If the folder isn't an unchanged release of Istio, get "
        f"one by `make release STACK={pulumi.get_stack()}`"
    )
    # The thread that waits for helm never ends, and Python's own end waits for all threads.
    asyncio.get_running_loop().call_later(1, os._exit, 1)  # once the engine has the message


def deletion_hooks(
    name: str, args: ChartArgs, opts: pulumi.InvokeOptions
) -> pulumi.Output[list[dict[str, Any]]]:
    """Render the chart's `pre-delete` and `post-delete` hooks, which `make` leaves out."""
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
        # Without it, a preview without a cluster renders for Kubernetes 1.20.
        kube_version=args.kube_version,
        # IstioCRDs creates them; charts with CRDs in templates/ get values that omit them.
        skip_crd_rendering=True,
    )


Needed = Callable[[str, str], bool]
"""Predicate on (API group, kind): whether the object must wait for objects of that kind."""


def _needs(manifest: Mapping[str, Any]) -> Needed | None:
    """Return which kinds of the same chart an object must wait for; None = it waits for nothing.

    Objects that configure the mesh wait for the workloads, since one of those validates them. A
    helm hook that runs after the installation waits for everything.
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
    """Return the needed resources of a chart; keys are like apps/v1/Deployment:NAMESPACE/istiod."""
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
    """Drop `pre-delete` and `post-delete` hooks; `DeletionHooks` runs them on destroy."""
    if _is_deletion_hook(manifest):
        manifest.clear()
        # An empty List stands for no object in the SDK.
        manifest |= {"apiVersion": "v1", "kind": "List", "items": [], "metadata": {}}


def wait_for_address_only(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Wait for the address of a LoadBalancer Service, and for no other Service.

    Pulumi's own wait for a Service sleeps 10 s; the wait for its Deployment is enough.
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
    """Leave the replicas to the autoscaler, but set 1 in place of 0, which it never changes."""
    if manifest["kind"] != "Deployment" or "replicas" in manifest["spec"]:
        return
    metadata = manifest["metadata"]
    if generation := scaled_to_zero.get(metadata["name"]):
        manifest["spec"]["replicas"] = 1
        # Without the label Pulumi would see no change: the stack's state still has the replica of
        # an earlier update (provider/pkg/provider/provider.go, Diff).
        metadata["labels"] = {**(metadata.get("labels") or {}), STARTED: str(generation)}
    else:
        # A Deployment that an earlier update started keeps its label and the current replicas.
        opts.ignore_changes = ["spec.replicas", f'metadata.labels["{STARTED}"]']


def never_wait_for_token(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Skip the wait for a ServiceAccount's Secret, which Kubernetes creates in milliseconds.

    Pulumi waits for one more Secret than the account has, so the update of an account would never
    end (provider/pkg/await/awaiters.go, untilCoreV1ServiceAccountInitialized).
    """
    if manifest["kind"] == "ServiceAccount":
        _annotate(manifest, "pulumi.com/skipAwait", "true")


def gate_on_injector(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Wait until istiod has written the injector's caBundle: until then pods get no sidecar."""
    if manifest["kind"] == "MutatingWebhookConfiguration":
        _annotate(
            manifest,
            "pulumi.com/waitFor",
            "jsonpath={.webhooks[0].clientConfig.caBundle}",
        )


def fail_closed(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Render the failurePolicy that istiod sets on its validators, so that the two never conflict.

    Charts since 1.28.6 and 1.29.2 have a value for that; older ones don't.
    """
    if manifest["kind"] == "ValidatingWebhookConfiguration":
        for webhook in manifest["webhooks"]:
            webhook["failurePolicy"] = "Fail"


def leave_out_empty_ca(manifest: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
    """Leave out an empty caBundle, which the injector fills: an update would empty it again."""
    if manifest["kind"].endswith("WebhookConfiguration"):
        for webhook in manifest["webhooks"]:
            if webhook.get("clientConfig", {}).get("caBundle") == "":
                del webhook["clientConfig"]["caBundle"]


def _annotate(manifest: dict[str, Any], key: str, value: str) -> None:
    metadata = manifest["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), key: value}
