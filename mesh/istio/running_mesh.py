"""The Istio that a cluster has: its control planes, its injectors, who made them, who uses them."""

from collections.abc import Iterator, Mapping
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
from mesh.kubernetes import apis, ownership
from mesh.settings.revisions import DEFAULT

REVISION, TAG = "istio.io/rev", "istio.io/tag"
INJECTION = "istio-injection"
ISTIOCTL = "istio-operator"
"""The field manager of `istioctl install` (istio's operator/pkg/install/install.go)."""
PULUMI = "pulumi-"
"""How the field managers of Pulumi's plugin begin (provider/pkg/provider/provider.go)."""
# What the charts of a source tree say of themselves, whatever they install.
PLACEHOLDER = "1.0.0"
# What istiod is before 1.5, and its injector, then a program of its own.
ISTIODS = ("istio-pilot", "istiod")
INJECTORS = ("istio-sidecar-injector", "sidecar-injector")
OVER = ("Succeeded", "Failed")
"""The phases of a pod that has ended."""

ADMISSION = "admissionregistration.k8s.io"


class EarlyMutatingWebhookConfiguration(MutatingWebhookConfiguration):
    """An injector, as a Kubernetes before 1.16 has it."""

    _api_info = ApiInfo(
        resource=ResourceDef(ADMISSION, "v1beta1", "MutatingWebhookConfiguration"),
        plural="mutatingwebhookconfigurations",
        verbs=["list"],
    )


class EarlyValidatingWebhookConfiguration(ValidatingWebhookConfiguration):
    """A validator, as a Kubernetes before 1.16 has it."""

    _api_info = ApiInfo(
        resource=ResourceDef(ADMISSION, "v1beta1", "ValidatingWebhookConfiguration"),
        plural="validatingwebhookconfigurations",
        verbs=["list"],
    )


Webhooks = tuple[type[MutatingWebhookConfiguration], type[ValidatingWebhookConfiguration]]


def webhooks(kubernetes: str) -> Webhooks:
    """Return the two kinds of webhook configurations, as a Kubernetes has them."""
    if apis.serves(kubernetes, (f"{ADMISSION}/v1", "MutatingWebhookConfiguration")):
        return MutatingWebhookConfiguration, ValidatingWebhookConfiguration
    return EarlyMutatingWebhookConfiguration, EarlyValidatingWebhookConfiguration


@dataclass(frozen=True, kw_only=True)
class Part:
    """A namespace, an istiod or an injector."""

    kind: str
    name: str
    namespace: str | None
    """Its own; None where the object is the cluster's."""
    home: str | None
    """The namespace whose owner speaks for it: an injector's is where its istiod runs."""
    managers: tuple[str, ...]
    """The tools that made it, as the API server knows them."""
    answers_to: str | None = None
    """The revision or tag that pods ask for to get to it."""
    version: str | None = None
    """An istiod's, where it can be told."""

    def __str__(self) -> str:
        """Say what it is, where, and by whom."""
        place = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.kind} {self.name}{place}, by {' and '.join(self.managers) or 'unknown'}"


@dataclass(frozen=True, kw_only=True)
class RunningMesh:
    """All of it, as one look found it."""

    namespaces: dict[str, Part]
    owners: dict[str, str | None]
    """The stack that each namespace bears the mark of."""
    contexts: dict[str, str]
    """The context by which each namespace's stack knows the cluster, where it has named one."""
    hosts: dict[str, str]
    """The host that each app stack's namespace says it answers to."""
    asked_for: dict[str, str]
    """The revision or tag that each namespace is labelled with."""
    labelled_by_others: dict[str, str]
    """What the label istio-injection says of a namespace where not Pulumi set it."""
    istiods: tuple[Part, ...]
    injectors: tuple[Part, ...]
    stopped: Mapping[tuple[str, str], int]
    """The Deployments that somebody scaled to nothing, by namespace and name: their generation."""

    @classmethod
    def read(cls, client: Client, kubernetes: str) -> "RunningMesh":
        """Look, by the APIs of a Kubernetes. CRDs alone are no mesh: a destroy keeps them."""
        injector, _ = webhooks(kubernetes)
        namespaces = {n.name: n for n in map(_metadata, client.list(Namespace)) if n.name}
        return cls(
            namespaces={name: _part("Namespace", live, name) for name, live in namespaces.items()},
            owners={
                name: (live.annotations or {}).get(ownership.ANNOTATION)
                for name, live in namespaces.items()
            },
            contexts=_noted(namespaces, ownership.CONTEXT),
            hosts=_noted(namespaces, ownership.HOST),
            asked_for={
                name: asked for name, live in namespaces.items() if (asked := _asked_for(live))
            },
            labelled_by_others={
                name: label
                for name, live in namespaces.items()
                if (label := _injection_by_others(live))
            },
            istiods=tuple(
                map(_istiod, client.list(Deployment, namespace="*", labels={"app": ISTIODS}))
            ),
            injectors=tuple(map(_injector, client.list(injector, labels={"app": INJECTORS}))),
            # The charts' istiods and gateways both have it.
            stopped={
                (str(found.namespace), str(found.name)): found.generation or 1
                for live in client.list(Deployment, namespace="*", labels={"istio": exists()})
                if live.spec and live.spec.replicas == 0 and (found := _metadata(live))
            },
        )

    def owner(self, part: Part) -> str | None:
        """Name the stack that a part belongs to."""
        return self.owners.get(part.home or "")


def injected_pods(client: Client) -> Iterator[tuple[str, str]]:
    """List the pods with a proxy: the revision that injected each, and its namespace and name."""
    # The injector's mark is an annotation, which an API server can't select by.
    for pod in client.list(Pod, namespace="*"):
        live = _metadata(pod)
        revision = (live.annotations or {}).get(REVISION)
        is_over = pod.status is not None and pod.status.phase in OVER
        if revision and not is_over:
            yield revision, f"{live.namespace}/{live.name}"


def _istiod(live: Deployment) -> Part:
    metadata = _metadata(live)
    return replace(_part("Deployment", metadata, metadata.namespace), version=_version(live))


def _injector(live: MutatingWebhookConfiguration) -> Part:
    services = [webhook.clientConfig.service for webhook in live.webhooks or []]
    # Without a Service its istiod is outside the cluster, and no namespace speaks for it.
    home = next((service.namespace for service in services if service), None)
    return _part("MutatingWebhookConfiguration", _metadata(live), home)


def _part(kind: str, live: ObjectMeta, home: str | None) -> Part:
    labels = live.labels or {}
    managers = {
        entry.manager
        for entry in live.managedFields or []
        if entry.manager and entry.subresource != "status"
    }
    return Part(
        kind=kind,
        name=live.name or "",
        namespace=live.namespace,
        home=home,
        managers=tuple(sorted(managers)),
        answers_to=labels.get(TAG) or labels.get(REVISION) or DEFAULT,
    )


def _version(istiod: Deployment) -> str | None:
    """Read an istiod's version: from its image's tag, else from the label of a released chart."""
    spec = istiod.spec.template.spec if istiod.spec else None
    images = [c.image or "" for c in (spec.containers if spec else []) if c.name == "discovery"]
    label = (_metadata(istiod).labels or {}).get("app.kubernetes.io/version", PLACEHOLDER)
    told = [*map(versions.tag_of, images), *(() if label == PLACEHOLDER else (label,))]
    return next((version for version in told if versions.parse(version)), None)


def _noted(namespaces: dict[str, ObjectMeta], annotation: str) -> dict[str, str]:
    notes = {name: (live.annotations or {}).get(annotation) for name, live in namespaces.items()}
    return {name: note for name, note in notes.items() if note}


def _asked_for(namespace: ObjectMeta) -> str | None:
    """Name the revision or tag that a namespace's pods get their proxies from."""
    labels = namespace.labels or {}
    if INJECTION in labels:  # beats the other
        return DEFAULT if labels[INJECTION] == "enabled" else None
    return labels.get(REVISION)


def _injection_by_others(namespace: ObjectMeta) -> str | None:
    """Return what the label for injection says, if a manager of its fields isn't Pulumi."""
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
