"""The objects of a cluster that the checks need, read into a snapshot."""

from typing import Any

from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace

from mesh.istio import running_mesh
from mesh.istio.certificates import CONFIG_MAP
from mesh.istio.running_mesh import ADMISSION, RunningMesh
from mesh.settings.schema import Settings
from meshctl.manifests import istiod
from meshctl.manifests.manifest import labels_of
from meshctl.manifests.selection import stays
from meshctl.verify import crds, istio_gateways
from meshctl.verify.reader import METADATA, Kind, Reader
from meshctl.verify.snapshot import Snapshot

ISTIO = ("sidecar-injector", "istiod", "istio-sidecar-injector", "galley")
"""Values of the label `app` of Istio's webhook configurations; the last two before 1.5."""
NETWORKING, SECURITY = "networking.istio.io", "security.istio.io"
KINDS: dict[str, tuple[Kind, ...]] = {
    "namespaces": (Kind(plural="namespaces"),),
    "deployments": (Kind(group="apps", plural="deployments"),),
    "services": (Kind(plural="services"),),
    "pods": (Kind(plural="pods"),),
    "webhooks": (
        Kind(group=ADMISSION, plural="mutatingwebhookconfigurations"),
        Kind(group=ADMISSION, plural="validatingwebhookconfigurations"),
    ),
    "network_policies": (Kind(group="networking.k8s.io", plural="networkpolicies"),),
    "resource_quotas": (Kind(plural="resourcequotas"),),
    "virtual_services": (Kind(group=NETWORKING, plural="virtualservices"),),
    "destination_rules": (Kind(group=NETWORKING, plural="destinationrules"),),
    "gateways": (Kind(group=NETWORKING, plural="gateways"),),
    "service_entries": (Kind(group=NETWORKING, plural="serviceentries"),),
    "authorization_policies": (Kind(group=SECURITY, plural="authorizationpolicies"),),
    "peer_authentications": (Kind(group=SECURITY, plural="peerauthentications"),),
}
"""What is read of all namespaces, by the snapshot's field."""
CONFIG_MAPS, SECRETS = Kind(plural="configmaps"), Kind(plural="secrets")


def read(reader: Reader, kubernetes: str, settings: Settings | None) -> Snapshot:
    """Read them by the APIs that the cluster serves; the reader notes what the user may not."""
    lists_of = {name: [reader.every(kind) for kind in kinds] for name, kinds in KINDS.items()}
    unread = {name for name, lists in lists_of.items() if None in lists}
    found: dict[str, list[dict[str, Any]]] = {
        name: [each for one in lists for each in one or ()] for name, lists in lists_of.items()
    }
    for name, kinds in KINDS.items():
        if kinds[0].group == NETWORKING:
            # Only istiod's webhook refuses an object without a spec, and it may be down.
            found[name] = [each for each in found[name] if each.get("spec")]
    injecting, validating = (each or [] for each in lists_of["webhooks"])
    deployments = [Deployment.from_dict(each) for each in found["deployments"]]
    mesh = RunningMesh.of(
        kubernetes,
        namespaces=[Namespace.from_dict(each) for each in found["namespaces"]],
        istiods=[each for each in deployments if _app(each) in running_mesh.ISTIODS],
        injectors=[
            MutatingWebhookConfiguration.from_dict(each)
            for each in injecting
            if labels_of(each).get("app") in running_mesh.INJECTORS
        ],
    )
    found["pods"] = [pod for pod in found["pods"] if stays(pod)]
    found["webhooks"] = [
        {**each, "kind": kind}
        for kind, listed in (
            ("MutatingWebhookConfiguration", injecting),
            ("ValidatingWebhookConfiguration", validating),
        )
        for each in listed
        if labels_of(each).get("app") in ISTIO
    ]
    homes = homes_of(mesh)
    if settings:
        homes = sorted({*homes, settings.istio_namespace})
    roots = {
        home: published
        for home in homes
        if (published := reader.one(CONFIG_MAPS, home, CONFIG_MAP, needed_by="root certificate"))
    }
    secrets = {
        name
        for name in sorted(istio_gateways.named_secrets(found["gateways"], found["pods"]))
        if reader.one(SECRETS, *name.rsplit("/", 1), needed_by="gateway's TLS", accept=METADATA)
    }
    roots_of_policies = {
        _root_namespace(reader, each.namespace, each.revision)
        for each in mesh.istiods
        if each.namespace
    }
    return Snapshot(
        mesh=mesh,
        root_certificates=roots,
        # An istiod in another cluster takes the namespace that it has there.
        root_namespaces=frozenset(roots_of_policies or homes),
        secrets=frozenset(secrets),
        unread_secrets=frozenset(
            f"{right.namespace}/{right.name}" for right in reader.lacking if right.kind == SECRETS
        ),
        istio_apis=frozenset().union(*(reader.served(group) for group in crds.GROUPS)),
        unread=frozenset(unread),
        **found,
    )


def homes_of(mesh: RunningMesh) -> list[str]:
    """List the namespaces that have an istiod."""
    return sorted({each.namespace for each in mesh.istiods if each.namespace})


def _root_namespace(reader: Reader, home: str, revision: str | None) -> str:
    name = istiod.config_map(revision)
    needed_by = "policies of a whole mesh in another namespace than istiod's"
    return istiod.root_namespace(reader.one(CONFIG_MAPS, home, name, needed_by=needed_by), home)


def _app(deployment: Deployment) -> str:
    metadata = deployment.metadata
    return ((metadata.labels if metadata else None) or {}).get("app", "")
