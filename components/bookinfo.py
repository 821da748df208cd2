"""Bookinfo, Istio's sample application: four services, one of them in three versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import Service, ServiceAccount

from mesh.bookinfo import PORT, VERSIONS
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


class Bookinfo(pulumi.ComponentResource):
    """The application as the release's own sample has it, every pod running."""

    ready: Ready
    """Every Deployment."""

    def __init__(
        self, name: str, args: BookinfoArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Bookinfo", name, None, opts)

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
                _deployment(
                    f"{name}-{service.name}-{version}",
                    args.namespace,
                    service,
                    version,
                    # A pod is refused, and retried ever later, until its account exists.
                    pulumi.ResourceOptions(parent=self, depends_on=[account]),
                )
                for version in VERSIONS[service.name]
            ]

        self.ready = pulumi.Output.from_input(deployments)
        self.register_outputs({"namespace": args.namespace})


def _deployment(
    resource_name: str,
    namespace: str,
    service: Microservice,
    version: str,
    opts: pulumi.ResourceOptions,
) -> Deployment:
    labels = {"app": service.name, "version": version}
    return Deployment(
        resource_name,
        metadata={"name": f"{service.name}-{version}", "namespace": namespace, "labels": labels},
        spec={
            "replicas": 1,
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": dict(service.annotations) or None},
                "spec": {
                    "service_account_name": service.account,
                    "containers": [
                        {
                            "name": service.name,
                            "image": f"{IMAGES}-{service.name}-{version}:{IMAGES_VERSION}",
                            "image_pull_policy": "IfNotPresent",
                            "env": [
                                {"name": key, "value": value} for key, value in service.env.items()
                            ]
                            or None,
                            "ports": [{"container_port": PORT}],
                            "volume_mounts": [
                                {"name": volume, "mount_path": path}
                                for volume, path in service.scratch.items()
                            ]
                            or None,
                        }
                    ],
                    "volumes": [{"name": volume, "empty_dir": {}} for volume in service.scratch]
                    or None,
                },
            },
        },
        opts=opts,
    )
