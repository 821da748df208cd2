"""Existing objects that the stack would create, but that another tool made.

A newer Kubernetes plugin fails to create such an object, in the middle of the update. Version 4.25
silently takes it over, and a destroy would then delete it. So the preview refuses it, whatever the
plugin's version.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2
import msgspec
import pulumi

from mesh.istio.running_mesh import PULUMI
from mesh.kubernetes import ownership
from mesh.kubernetes.client import ask, plain
from mesh.kubernetes.cluster import Cluster

RBAC, ISTIO = "rbac.authorization.k8s.io", "istio.io"
IN_NAMESPACES = (
    ("core/v1", "ConfigMap", "configmaps"),
    ("core/v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("core/v1", "Secret", "secrets"),
    ("core/v1", "Service", "services"),
    ("core/v1", "ServiceAccount", "serviceaccounts"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    (f"{RBAC}/v1", "Role", "roles"),
    (f"{RBAC}/v1", "RoleBinding", "rolebindings"),
    (f"security.{ISTIO}/v1", "AuthorizationPolicy", "authorizationpolicies"),
    (f"security.{ISTIO}/v1", "PeerAuthentication", "peerauthentications"),
    (f"networking.{ISTIO}/v1", "DestinationRule", "destinationrules"),
    (f"networking.{ISTIO}/v1", "Gateway", "gateways"),
    (f"networking.{ISTIO}/v1", "ServiceEntry", "serviceentries"),
    (f"networking.{ISTIO}/v1", "VirtualService", "virtualservices"),
    ("cert-manager.io/v1", "Certificate", "certificates"),
    (f"telemetry.{ISTIO}/v1", "Telemetry", "telemetries"),
)
"""Kinds of objects that stacks create in namespaces: API, kind, and plural."""
OF_GATEWAY_API = (
    ("gateway.networking.k8s.io/v1", "Gateway", "gateways"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
)
"""The same for stacks that need the Kubernetes Gateway API."""
OF_THE_CLUSTER = (
    (f"{RBAC}/v1", "ClusterRole", "clusterroles"),
    (f"{RBAC}/v1", "ClusterRoleBinding", "clusterrolebindings"),
)
ONLY_METADATA = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
AT_ONCE = 8

Key = tuple[str, str, str | None, str]
"""An object's API group, kind, namespace if it has one, and name."""
Managers = tuple[str, ...]


@dataclass(frozen=True)
class Foreign:
    """Objects that no Pulumi stack manages, each with the tools that manage it."""

    managers: dict[Key, Managers]

    def refuse(self) -> None:
        """Raise pulumi.RunError as soon as the program registers one of these objects."""
        if self.managers:
            pulumi.runtime.register_stack_transformation(self._refuse)

    def _refuse(self, args: pulumi.ResourceTransformationArgs) -> None:
        metadata = args.props.get("metadata")
        if not args.type_.startswith("kubernetes:") or not isinstance(metadata, dict):
            return
        _, api, kind = args.type_.split(":")
        name = str(metadata.get("name"))
        for namespace in (metadata.get("namespace"), None):  # charts set one on ClusterRoles too
            key = (_group(api), kind, namespace, name)
            if key in self.managers:
                raise pulumi.RunError(_message(key, self.managers[key]))


def find(cluster: Cluster, namespaces: Iterable[str], *, gateway_api: bool = False) -> Foreign:
    """List objects that other tools made, in existing namespaces of the stack and cluster-wide.

    Requests only the objects' metadata. Raises the client's errors: call it inside a block of
    `mesh.kubernetes.client.connect`, which handles them.
    """
    kinds = (*IN_NAMESPACES, *(OF_GATEWAY_API if gateway_api else ()))
    asked = [
        *((api, kind, plural, None) for api, kind, plural in OF_THE_CLUSTER),
        *((*each, namespace) for namespace in namespaces for each in kinds),
    ]
    with plain(cluster) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda each: ask(client, _path(*each), ONLY_METADATA), asked))
    # Here, and not in the threads: msgspec crashes when two of them decode a type for the first
    # time.
    return Foreign(
        {
            key: managers
            for (api, kind, _, namespace), answer in zip(asked, answers, strict=True)
            for key, managers in _foreign(answer, _group(api), kind, namespace)
        }
    )


def _path(api: str, _: str, plural: str, namespace: str | None) -> str:
    root = api.replace("core/", "/api/") if api.startswith("core/") else f"/apis/{api}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{place}/{plural}"


def _foreign(
    answer: httpx2.Response, group: str, kind: str, namespace: str | None
) -> Iterator[tuple[Key, Managers]]:
    if answer.is_error:  # the cluster lacks the kind, or forbids listing it
        return
    for found in msgspec.json.decode(answer.content, type=_List).items or ():
        managers = tuple(dict.fromkeys(each.manager for each in found.metadata.managedFields))
        # An object without any set field, such as a bare ServiceAccount, has no managers: it may
        # be the stack's own.
        if managers and not any(manager.startswith(PULUMI) for manager in managers):
            yield (group, kind, namespace, found.metadata.name), managers


def _group(api: str) -> str:
    return api.partition("/")[0]


def _message(key: Key, managers: Managers) -> str:
    _, kind, namespace, name = key
    place = f" in namespace {namespace}" if namespace else ""
    by = " and ".join(managers)
    return (
        f"the cluster has a {kind} {name}{place}, made by {by}, and stack {ownership.stack()} "
        "would create one: remove it, or let the stack take over what exists of all that it would "
        "create: pulumi config set adopt true"
    )


class _Entry(msgspec.Struct):
    manager: str = ""


class _Metadata(msgspec.Struct):
    name: str
    managedFields: list[_Entry] = []  # noqa: N815 - Kubernetes' spelling


class _Object(msgspec.Struct):
    metadata: _Metadata


class _List(msgspec.Struct):
    items: list[_Object] | None = None
