"""Bookinfo, Istio's sample application: four services, one of them in three versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import Service, ServiceAccount

from mesh import pod_security
from mesh.bookinfo import PORT, VERSIONS
from mesh.data_plane import DataPlane
from mesh.manual_injection import Injector
from mesh.ordering import Ready

IMAGES = "registry.istio.io/release/examples-bookinfo"
IMAGES_VERSION = "1.20.3"


@dataclass(frozen=True, kw_only=True)
class Microservice:
    """One row: a Service, its ServiceAccount, and a Deployment for each version."""

    name: str
    env: Mapping[str, str] = field(default_factory=dict)
    scratch: Mapping[str, str] = field(default_factory=dict)
    """Empty volumes by name, and where each is mounted."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the pods."""
    calls: tuple[str, ...] = ()
    """The other services that it asks."""
    methods: tuple[str, ...] = ("GET",)
    """The HTTP methods that it is asked with."""

    @property
    def account(self) -> str:
        """The name of its ServiceAccount: its identity in the mesh."""
        return f"bookinfo-{self.name}"


MICROSERVICES = (
    Microservice(name="details"),
    Microservice(name="ratings"),
    Microservice(
        name="reviews",
        env={"LOG_DIR": "/tmp/logs"},  # noqa: S108 - a path in the container
        scratch={"tmp": "/tmp", "wlp-output": "/opt/ibm/wlp/output"},  # noqa: S108
        calls=("ratings",),
    ),
    Microservice(
        name="productpage",
        scratch={"tmp": "/tmp"},  # noqa: S108
        annotations={
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(PORT),
            "prometheus.io/path": "/metrics",
        },
        calls=("details", "reviews"),
        methods=("GET", "POST"),  # POST signs in
    ),
)


@dataclass(frozen=True, kw_only=True)
class BookinfoArgs:
    """What a stack decides about Bookinfo."""

    namespace: str
    """An existing namespace, injected or not."""
    data_plane: DataPlane
    injector: Injector
    """What renders the sidecars where the data plane wants them in the Deployments."""
    revision_mark: Mapping[str, str]
    """An annotation of pods with a sidecar: they are made anew when it is another istiod's."""


class Bookinfo(pulumi.ComponentResource):
    """The application as the release's own sample has it, every pod running."""

    ready: Ready
    """Every Deployment."""

    def __init__(
        self, name: str, args: BookinfoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Bookinfo", name, None, opts)

        manifests = {
            f"{service.name}-{version}": _deployment(args, service, version)
            for service in MICROSERVICES
            for version in VERSIONS[service.name]
        }
        wanted = (
            args.injector.inject(manifests) if args.data_plane.injection == "manual" else manifests
        )

        child = pulumi.ResourceOptions(parent=self)
        deployments = []
        for service in MICROSERVICES:
            Service(
                f"{name}-{service.name}",
                metadata={
                    "name": service.name,
                    "namespace": args.namespace,
                    "labels": {"app": service.name, "service": service.name},
                    # A Service's wait costs 10 s, and its Deployment's says as much.
                    "annotations": {"pulumi.com/skipAwait": "true"},
                },
                spec={
                    "ports": [{"port": PORT, "name": "http"}],
                    "selector": {"app": service.name},
                },
                opts=child,
            )
            account = ServiceAccount(
                f"{name}-{service.name}",
                metadata={
                    "name": service.account,
                    "namespace": args.namespace,
                    "labels": {"account": service.name},
                },
                opts=child,
            )
            deployments += [
                Deployment(
                    f"{name}-{service.name}-{version}",
                    metadata=wanted[f"{service.name}-{version}"]["metadata"],
                    spec=wanted[f"{service.name}-{version}"]["spec"],
                    # A pod is refused, and retried ever later, until its account exists.
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[account]),
                )
                for version in VERSIONS[service.name]
            ]

        self.ready = pulumi.Output.from_input(deployments)
        self.register_outputs({"namespace": args.namespace})


def _deployment(args: BookinfoArgs, service: Microservice, version: str) -> dict[str, Any]:
    labels = {"app": service.name, "version": version}
    mark = args.revision_mark if args.data_plane.has_sidecars else {}
    annotations = {**service.annotations, **args.data_plane.pod_annotations, **mark}
    container = {
        "name": service.name,
        "image": f"{IMAGES}-{service.name}-{version}:{IMAGES_VERSION}",
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": value} for key, value in service.env.items()] or None,
        "ports": [{"containerPort": PORT}],
        "securityContext": pod_security.RESTRICTED_CONTAINER,
        "volumeMounts": [
            {"name": volume, "mountPath": path} for volume, path in service.scratch.items()
        ]
        or None,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"{service.name}-{version}",
            "namespace": args.namespace,
            "labels": labels,
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": {**labels, **args.data_plane.pod_labels},
                    "annotations": annotations or None,
                },
                "spec": {
                    "serviceAccountName": service.account,
                    "containers": [container],
                    "volumes": [{"name": volume, "emptyDir": {}} for volume in service.scratch]
                    or None,
                },
            },
        },
    }
