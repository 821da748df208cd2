"""The Istio that runs in a cluster: its control planes and injectors, their owners and users."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lightkube import Client
from lightkube.core.resource import ApiInfo, ResourceDef
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.operators import exists
from lightkube.resources.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Pod

from mesh.istio import versions
from mesh.istio.certificates import ROOTS
from mesh.kubernetes import apis, ownership
from mesh.kubernetes.client import connect, kubernetes_version
from mesh.kubernetes.cluster import Cluster, applies_server_side
from mesh.settings.data_plane import DataPlane
from mesh.settings.labels import AMBIENT, DATAPLANE_MODE, INJECTION, REVISION, TAG
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings

ISTIOCTL = "istio-operator"
"""The field manager of `istioctl install` (istio's operator/pkg/install/install.go)."""
PULUMI = "pulumi-"
"""Prefix of the field managers of Pulumi's plugin (provider/pkg/provider/provider.go)."""
# The version label in the charts of a source tree, whichever version they install.
PLACEHOLDER = "1.0.0"
# Values of the label `app`. Before 1.5 istiod is istio-pilot; its injector is another program.
ISTIODS = ("istio-pilot", "istiod")
INJECTORS = ("istio-sidecar-injector", "sidecar-injector")
OVER = ("Succeeded", "Failed")
"""The phases of a pod that has ended."""

ADMISSION = "admissionregistration.k8s.io"


class EarlyMutatingWebhookConfiguration(MutatingWebhookConfiguration):
    """An injector's configuration in Kubernetes before 1.16."""

    _api_info = ApiInfo(
        resource=ResourceDef(ADMISSION, "v1beta1", "MutatingWebhookConfiguration"),
        plural="mutatingwebhookconfigurations",
        verbs=["list"],
    )


class EarlyValidatingWebhookConfiguration(ValidatingWebhookConfiguration):
    """A validator's configuration in Kubernetes before 1.16."""

    _api_info = ApiInfo(
        resource=ResourceDef(ADMISSION, "v1beta1", "ValidatingWebhookConfiguration"),
        plural="validatingwebhookconfigurations",
        verbs=["list"],
    )


Webhooks = tuple[type[MutatingWebhookConfiguration], type[ValidatingWebhookConfiguration]]


def webhooks(kubernetes: str) -> Webhooks:
    """Return both kinds of webhook configurations, in the API that a Kubernetes version serves."""
    if apis.serves(kubernetes, (f"{ADMISSION}/v1", "MutatingWebhookConfiguration")):
        return MutatingWebhookConfiguration, ValidatingWebhookConfiguration
    return EarlyMutatingWebhookConfiguration, EarlyValidatingWebhookConfiguration


@dataclass(frozen=True, kw_only=True)
class IstioObject:
    """A namespace, an istiod or an injector."""

    kind: str
    name: str
    namespace: str | None
    """Its own namespace; None if it is cluster-scoped."""
    control_plane_namespace: str | None
    """The namespace of the istiod that it belongs to; for a namespace, its own name."""
    managers: tuple[str, ...]
    """The tools that made it, by their names as field managers."""
    revision: str | None = None
    """The revision or tag that it serves."""
    version: str | None = None
    """Version of an istiod, if it can be determined."""
    image: str = ""
    """Image of an istiod."""
    roots: tuple[str, ...] = ()
    """The fingerprints of the root certificates that the stack gave an istiod."""

    @property
    def is_pulumis(self) -> bool:
        """Whether a Pulumi program made it or set fields of it."""
        return any(manager.startswith(PULUMI) for manager in self.managers)

    def __str__(self) -> str:
        """Return its kind, name, namespace and managers, for messages."""
        place = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.kind} {self.name}{place}, by {' and '.join(self.managers) or 'unknown'}"


@dataclass(frozen=True, kw_only=True)
class RunningMesh:
    """Snapshot of the Istio in a cluster."""

    kubernetes: str
    """The version of the API server, such as v1.36.3."""
    namespaces: dict[str, IstioObject]
    owners: dict[str, str | None]
    """The stack that owns each namespace, by its annotation; None without one."""
    adopted: frozenset[str]
    """Namespaces of a stack that somebody else made."""
    contexts: dict[str, str]
    """The kubeconfig context of each namespace's stack, if its config sets one."""
    hosts: dict[str, str]
    """The host of each app stack, by its namespace."""
    revision_by_namespace: dict[str, str]
    """The revision or tag that injects each namespace's pods."""
    ambient_namespaces: frozenset[str]
    """Namespaces whose pods are in ambient mode."""
    foreign_injection_labels: dict[str, str]
    """Value of the label istio-injection by namespace, where another field manager set it."""
    istiods: tuple[IstioObject, ...]
    injectors: tuple[IstioObject, ...]
    scaled_to_zero: Mapping[tuple[str, str], int]
    """Generations, by namespace and name, of Istio's Deployments with 0 replicas."""

    @classmethod
    def read(cls, client: Client, kubernetes: str) -> "RunningMesh":
        """Read it by the APIs of a Kubernetes version.

        CRDs alone are no mesh: a destroy keeps them.
        """
        injector, _ = webhooks(kubernetes)
        return cls.of(
            kubernetes,
            namespaces=client.list(Namespace),
            istiods=client.list(Deployment, namespace="*", labels={"app": ISTIODS}),
            injectors=client.list(injector, labels={"app": INJECTORS}),
            # The charts' istiods and gateways both have this label.
            labelled=client.list(Deployment, namespace="*", labels={"istio": exists()}),
        )

    @classmethod
    def of(
        cls,
        kubernetes: str,
        *,
        namespaces: Iterable[Namespace],
        istiods: Iterable[Deployment],
        injectors: Iterable[MutatingWebhookConfiguration],
        labelled: Iterable[Deployment] = (),
    ) -> "RunningMesh":
        """Return the mesh of objects that were read before."""
        named = {n.name: n for n in map(_metadata, namespaces) if n.name}
        return cls(
            kubernetes=kubernetes,
            namespaces={name: _part("Namespace", live, name) for name, live in named.items()},
            owners={
                name: (live.annotations or {}).get(ownership.ANNOTATION)
                for name, live in named.items()
            },
            adopted=frozenset(_noted(named, ownership.ADOPTED)),
            contexts=_noted(named, ownership.CONTEXT),
            hosts=_noted(named, ownership.HOST),
            revision_by_namespace={
                name: asked for name, live in named.items() if (asked := _revision_of(live))
            },
            ambient_namespaces=frozenset(
                name
                for name, live in named.items()
                if (live.labels or {}).get(DATAPLANE_MODE) == AMBIENT
            ),
            foreign_injection_labels={
                name: label for name, live in named.items() if (label := _injection_by_others(live))
            },
            istiods=tuple(map(_istiod, istiods)),
            injectors=tuple(map(_injector, injectors)),
            scaled_to_zero={
                (str(found.namespace), str(found.name)): found.generation or 1
                for live in labelled
                if live.spec and live.spec.replicas == 0 and (found := _metadata(live))
            },
        )

    def there_before(self, settings: Settings) -> frozenset[str]:
        """Return the stack's namespaces that somebody else made: a destroy must leave those."""
        if not applies_server_side(self.kubernetes):
            return frozenset()  # what the stack sets there couldn't be taken back
        found = {name: self.namespaces.get(name) for name in settings.namespaces}
        return frozenset(
            name
            for name, part in found.items()
            if name in self.adopted
            or (part and self.owners.get(name) is None and not part.is_pulumis)
        )

    def takes_in(self, namespace: str, data_plane: DataPlane, label: str | None) -> bool:
        """Return whether a namespace's label may be set before istiod is ready.

        It may if there are no pods yet, or if the label leaves pods in the mesh as they are today.
        """
        if namespace not in self.namespaces:
            return True
        is_ambient = namespace in self.ambient_namespaces
        if data_plane.is_ambient or is_ambient:
            return data_plane.is_ambient and is_ambient
        served = {injector.revision for injector in self.injectors}
        if data_plane.injection == "auto":
            return (label or DEFAULT) in served
        return namespace not in self.revision_by_namespace

    def drops_ca(self, settings: Settings) -> bool:
        """Return whether an istiod runs with a CA of the stack's that the settings don't have."""
        return settings.cacerts is None and any(
            istiod.roots and istiod.control_plane_namespace == settings.istio_namespace
            for istiod in self.istiods
        )

    def scaled_to_zero_of(self, settings: Settings) -> dict[str, int]:
        """Return the generations, by name, of the stack's istiods and gateways scaled to 0.

        Only the program can start those again: an autoscaler leaves a 0 alone, and Pulumi's state
        still has the replicas of an earlier update.
        """
        own = {(settings.istio_namespace, istiod.name) for istiod in self.istiods}
        own |= {
            (settings.namespace_of(gateway), gateway.name)
            for gateway in settings.gateways
            if gateway.replicas is None
        }
        return {
            name: generation
            for (namespace, name), generation in self.scaled_to_zero.items()
            if (namespace, name) in own
        }

    def owner(self, part: IstioObject) -> str | None:
        """Return the stack that an object belongs to."""
        return self.owners.get(part.control_plane_namespace or "")


def look(cluster: Cluster) -> RunningMesh | None:
    """Read the mesh of a cluster; None for a stack that is only rendered.

    Raises pulumi.RunError when the cluster can't be asked.
    """
    if not cluster.is_there:
        return None
    with connect(cluster) as client:
        return RunningMesh.read(client, kubernetes_version(cluster))


def injected_pods(client: Client) -> Iterator[tuple[str, str]]:
    """List the pods with a proxy: the revision that injected each, and its namespace and name."""
    # The injector marks pods by an annotation, and an API server can't select by those.
    for pod in client.list(Pod, namespace="*"):
        live = _metadata(pod)
        revision = (live.annotations or {}).get(REVISION)
        is_over = pod.status is not None and pod.status.phase in OVER
        if revision and not is_over:
            yield revision, f"{live.namespace}/{live.name}"


def _istiod(live: Deployment) -> IstioObject:
    metadata = _metadata(live)
    template = live.spec.template.metadata if live.spec else None
    roots = ((template.annotations if template else None) or {}).get(ROOTS, "")
    return replace(
        _part("Deployment", metadata, metadata.namespace),
        version=_version(live),
        image=next(iter(_images(live)), ""),
        roots=tuple(filter(None, roots.split(","))),
    )


def _injector(live: MutatingWebhookConfiguration) -> IstioObject:
    services = [webhook.clientConfig.service for webhook in live.webhooks or []]
    # Without a Service its istiod is outside the cluster, and has no namespace in it.
    home = next((service.namespace for service in services if service), None)
    return _part("MutatingWebhookConfiguration", _metadata(live), home)


def _part(kind: str, live: ObjectMeta, namespace: str | None) -> IstioObject:
    labels = live.labels or {}
    managers = {
        entry.manager
        for entry in live.managedFields or []
        if entry.manager and entry.subresource != "status"
    }
    return IstioObject(
        kind=kind,
        name=live.name or "",
        namespace=live.namespace,
        control_plane_namespace=namespace,
        managers=tuple(sorted(managers)),
        revision=labels.get(TAG) or labels.get(REVISION) or DEFAULT,
    )


def _version(istiod: Deployment) -> str | None:
    """Read an istiod's version: from its image's tag, else from the label of a released chart."""
    label = (_metadata(istiod).labels or {}).get("app.kubernetes.io/version", PLACEHOLDER)
    told = [*map(versions.of_image, _images(istiod)), *(() if label == PLACEHOLDER else (label,))]
    return next((version for version in told if versions.parse(version)), None)


def _images(istiod: Deployment) -> list[str]:
    spec = istiod.spec.template.spec if istiod.spec else None
    return [c.image or "" for c in (spec.containers if spec else []) if c.name == "discovery"]


def _noted(namespaces: dict[str, ObjectMeta], annotation: str) -> dict[str, str]:
    notes = {name: (live.annotations or {}).get(annotation) for name, live in namespaces.items()}
    return {name: note for name, note in notes.items() if note}


def _revision_of(namespace: ObjectMeta) -> str | None:
    """Return the revision or tag that injects a namespace's pods."""
    labels = namespace.labels or {}
    if INJECTION in labels:  # wins over the label of a revision
        return DEFAULT if labels[INJECTION] == "enabled" else None
    return labels.get(REVISION)


def _injection_by_others(namespace: ObjectMeta) -> str | None:
    """Return the injection label's value, if a field manager other than Pulumi set it."""
    holders = {
        entry.manager or ""
        for entry in namespace.managedFields or []
        if f"f:{INJECTION}" in (entry.fieldsV1 or {}).get("f:metadata", {}).get("f:labels", {})
    }
    by_others = [manager for manager in holders if not manager.startswith(PULUMI)]
    return (namespace.labels or {}).get(INJECTION) if by_others else None


def _metadata(live: Namespace | Deployment | MutatingWebhookConfiguration | Pod) -> ObjectMeta:
    assert live.metadata is not None  # noqa: S101 - an API server always sends it
    return live.metadata
