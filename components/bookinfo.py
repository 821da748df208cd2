"""Bookinfo, Istio's sample application: four services, one of them in three versions.

A stack may add the sample's variants: ratings from a database, and another version of details.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes import apps, extensions
from pulumi_kubernetes.core.v1 import Secret, Service, ServiceAccount

from mesh import pod_security, secrets
from mesh.bookinfo import DEFAULT_ACCOUNT, HEALTH, MICROSERVICES, Microservice, row
from mesh.manual_injection import Injector
from mesh.ordering import Ready
from mesh.release import Release
from mesh.settings import Settings

PROBES = ("readinessProbe", "livenessProbe")
DEPLOYMENTS = {"apps/v1": apps.v1, "extensions/v1beta1": extensions.v1beta1}


@dataclass(frozen=True, kw_only=True)
class BookinfoArgs:
    """What a stack decides about Bookinfo."""

    stack: Settings
    release: Release
    """Whose sample it is."""
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

        sample = args.release.layout.sample
        services = [
            service for service in MICROSERVICES if service.name in args.stack.bookinfo_versions
        ]
        deployment = _bare_deployment if sample.is_bare else _deployment
        manifests = {
            f"{service.name}-{version}": deployment(args, row(service, version), version)
            for service in services
            for version in args.stack.bookinfo_versions[service.name]
        }
        wanted = (
            args.injector.inject(manifests)
            if args.stack.data_plane.injection == "manual"
            else manifests
        )

        child = pulumi.ResourceOptions(parent=self)
        passwords: list[pulumi.Resource] = []
        if args.stack.mysql_secret is not None:
            passwords = [
                Secret(
                    f"{name}-{secrets.MYSQL_SECRET}",
                    metadata={
                        "name": secrets.MYSQL_SECRET,
                        "namespace": args.stack.bookinfo_namespace,
                    },
                    type="Opaque",
                    data=args.stack.mysql_secret,
                    opts=child,
                )
            ]
        deployments = []
        for service in services:
            Service(
                f"{name}-{service.name}",
                metadata={
                    "name": service.name,
                    "namespace": args.stack.bookinfo_namespace,
                    "labels": {
                        "app": service.name,
                        **({} if sample.is_bare else {"service": service.name}),
                    },
                    # A Service's wait costs 10 s, and its Deployment's says as much.
                    "annotations": {"pulumi.com/skipAwait": "true"},
                },
                spec={
                    "ports": [{"port": service.port, "name": service.protocol}],
                    "selector": {"app": service.name},
                },
                opts=child,
            )
            rows = {
                version: row(service, version)
                for version in args.stack.bookinfo_versions[service.name]
            }
            # Versions share an account; the namespace's own is there.
            owners = {} if sample.is_bare else {each.account: each for each in rows.values()}
            owners.pop(DEFAULT_ACCOUNT, None)
            accounts = {
                account: ServiceAccount(
                    f"{name}-{account.removeprefix('bookinfo-')}",
                    metadata={
                        "name": account,
                        "namespace": args.stack.bookinfo_namespace,
                        "labels": owner.account_labels,
                    },
                    opts=child,
                )
                for account, owner in owners.items()
            }
            deployments += [
                DEPLOYMENTS[sample.deployments].Deployment(
                    f"{name}-{service.name}-{version}",
                    metadata=wanted[f"{service.name}-{version}"]["metadata"],
                    spec=wanted[f"{service.name}-{version}"]["spec"],
                    opts=pulumi.ResourceOptions(
                        parent=self,
                        # A pod is refused, and retried ever later, until its account exists.
                        depends_on=[
                            *([accounts[each.account]] if each.account in accounts else ()),
                            *(passwords if each.password else ()),
                        ],
                    ),
                )
                for version, each in rows.items()
            ]

        self.ready = pulumi.Output.from_input(deployments)
        self.register_outputs({"namespace": args.stack.bookinfo_namespace})


def _deployment(args: BookinfoArgs, service: Microservice, version: str) -> dict[str, Any]:
    labels = {"app": service.name, "version": version}
    mark = args.revision_mark if args.stack.data_plane.has_sidecars else {}
    annotations = {**service.annotations, **args.stack.data_plane.pod_annotations, **mark}
    env: list[dict[str, Any]] = [{"name": key, "value": text} for key, text in service.env.items()]
    if service.password:
        key = {"name": secrets.MYSQL_SECRET, "key": secrets.MYSQL_KEY}
        env.append({"name": service.password, "valueFrom": {"secretKeyRef": key}})
    probe = _probe(service) if args.stack.bookinfo_probes else None
    user = {"runAsUser": service.user} if service.user else {}
    container = {
        "name": service.name,
        "image": _image(args, service, version),
        "imagePullPolicy": "IfNotPresent",
        "args": list(service.args) or None,
        "env": env or None,
        "ports": [{"containerPort": service.port}],
        "resources": args.stack.bookinfo_resources.model_dump(exclude_defaults=True) or None,
        **dict.fromkeys(PROBES, probe),
        "securityContext": {**pod_security.RESTRICTED_CONTAINER, **user},
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
            "namespace": args.stack.bookinfo_namespace,
            "labels": labels,
        },
        "spec": {
            "replicas": 1 if service.is_database else args.stack.bookinfo_replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": {**labels, **args.stack.data_plane.pod_labels},
                    "annotations": annotations or None,
                },
                "spec": {
                    "serviceAccountName": (
                        None if service.account == DEFAULT_ACCOUNT else service.account
                    ),
                    "containers": [container],
                    "volumes": [{"name": volume, "emptyDir": {}} for volume in service.scratch]
                    or None,
                },
            },
        },
    }


def _bare_deployment(args: BookinfoArgs, service: Microservice, version: str) -> dict[str, Any]:
    """Return no more than the sample of that time says, and what the stack's settings do."""
    whole = _deployment(args, service, version)
    (container,) = whole["spec"]["template"]["spec"]["containers"]
    kept = ("name", "image", "imagePullPolicy", "ports", "resources", *PROBES)
    return {
        "apiVersion": args.release.layout.sample.deployments,
        "kind": whole["kind"],
        "metadata": {key: whole["metadata"][key] for key in ("name", "namespace")},
        "spec": {
            "replicas": whole["spec"]["replicas"],
            "template": {
                # Its selector is made of them once, so nothing that changes may be among them; and
                # the injector of that time reads no labels of pods.
                "metadata": {"labels": whole["spec"]["selector"]["matchLabels"]},
                "spec": {"containers": [{key: container[key] for key in kept}]},
            },
        },
    }


def _image(args: BookinfoArgs, service: Microservice, version: str) -> str:
    sample = args.release.layout.sample
    hub, tag = args.stack.bookinfo_hub or sample.hub, args.stack.bookinfo_tag or sample.tag
    return f"{hub}/examples-bookinfo-{service.image_name(version)}:{tag}"


def _probe(service: Microservice) -> dict[str, Any]:
    if service.is_database:
        return {"tcpSocket": {"port": service.port}}
    return {"httpGet": {"path": HEALTH, "port": service.port}}
