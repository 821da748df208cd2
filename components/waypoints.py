"""Waypoints: proxies that handle requests between Bookinfo's services in ambient mode."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, NamespacePatch

from mesh.kubernetes.cluster import Cluster
from mesh.resources.proxy_rollout import ProxyRollout
from mesh.resources.ready import Ready
from mesh.settings.labels import REVISION, USE_WAYPOINT, WAYPOINT_FOR
from mesh.settings.revisions import Choice
from mesh.settings.schema import Settings
from mesh.settings.waypoint import WAYPOINT_CLASS, Waypoint

LISTENER = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
"""The only listener of a waypoint, on the port for HBONE (istio.io, Configure waypoint proxies)."""


@dataclass(frozen=True, kw_only=True)
class WaypointsArgs:
    """Arguments of Waypoints."""

    settings: Settings
    cluster: Cluster
    proxies: Choice
    """The control plane that deploys the waypoints."""
    version: str
    """The tag of the proxies' image; empty when the stack doesn't decide it."""
    template: str
    """Hash of the values that istiod renders the pod template with; empty as `version`."""


class Waypoints(pulumi.ComponentResource):
    """Every waypoint, and the label by which Bookinfo's namespace uses one of them.

    A label that names a waypoint without pods would stop all requests: the pods come first. The
    labels of single services are set with Bookinfo's Services and Deployments, which come later.
    """

    ready: Ready
    """Every waypoint with all of its pods, and the namespace's label."""

    def __init__(
        self, name: str, args: WaypointsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Waypoints", name, None, opts)

        namespace = args.settings.bookinfo_namespace
        rollouts = {
            waypoint.name: self._deploy(f"{name}-{waypoint.name}", waypoint, args)
            for waypoint in args.settings.waypoints
        }
        labels = [
            NamespacePatch(
                f"{name}-{waypoint.name}-namespace",
                metadata={"name": namespace, "labels": {USE_WAYPOINT: waypoint.name}},
                opts=pulumi.ResourceOptions(parent=self, depends_on=rollouts[waypoint.name]),
            )
            for waypoint in args.settings.waypoints
            if not waypoint.services
        ]

        self.ready = pulumi.Output.from_input([*rollouts.values(), *labels])
        self.register_outputs({"waypoints": list(rollouts)})

    def _deploy(self, name: str, waypoint: Waypoint, args: WaypointsArgs) -> pulumi.Resource:
        """Create a waypoint's Gateway, and wait for the pods that istiod creates for it."""
        namespace = args.settings.bookinfo_namespace
        child = pulumi.ResourceOptions(parent=self)
        infrastructure: dict[str, Any] = {"annotations": {}}
        needed: list[pulumi.Resource] = []
        if waypoint.replicas is not None:
            overlay = json.dumps({"spec": {"replicas": waypoint.replicas}})
            needed = [
                ConfigMap(
                    f"{name}-options",
                    metadata={"name": waypoint.name, "namespace": namespace},
                    data={"deployment": overlay},
                    opts=child,
                )
            ]
            infrastructure["parametersRef"] = {
                "group": "",
                "kind": "ConfigMap",
                "name": waypoint.name,
            }
        revision = {REVISION: args.proxies.label} if args.proxies.label else {}
        gateway = CustomResource(
            name,
            api_version="gateway.networking.k8s.io/v1",
            kind="Gateway",
            metadata={
                "name": waypoint.name,
                "namespace": namespace,
                "labels": {WAYPOINT_FOR: waypoint.traffic, **revision},
                "annotations": {"pulumi.com/waitFor": "condition=Programmed"},
            },
            spec={
                "gatewayClassName": WAYPOINT_CLASS,
                "listeners": [LISTENER],
                # Without these, istiod copies the Gateway's own annotations, Pulumi's too.
                "infrastructure": infrastructure,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        return ProxyRollout(
            f"{name}-rollout",
            args.cluster,
            deployment=waypoint.name,
            namespace=namespace,
            revision=args.proxies.revision,
            version=args.version,
            template=args.template,
            replicas=waypoint.replicas,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )
