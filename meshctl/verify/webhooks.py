"""Checks of Istio's webhooks: their certificates and Services, and whether they answer.

They are asked through the API server, by dry runs, which it doesn't store.

A webhook that has a caBundle and a ready pod behind it may still not be reached from the API
server: a firewall that lacks the rule for its port is the common case.
"""

from collections.abc import Iterator

import httpx2
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import pod_security
from mesh.preflight import remedies
from mesh.settings.labels import INJECT, REVISION
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings
from meshctl.verify.snapshot import Finding, Snapshot, Status, key

Answer = tuple[Status, str]
ANSWERS: Answer = ("ok", "answers")
LET_IN: Answer = (
    "wrong",
    "an invalid VirtualService is let in: no ValidatingWebhookConfiguration asks istiod about it",
)
UNREACHED = (
    "the API server can't reach istiod: check that its pods are ready, that its Service has "
    "endpoints, and that no firewall blocks port 15017 of the pods"
)
NAME = "mesh-verify"
VIRTUAL_SERVICE = create_namespaced_resource(
    "networking.istio.io", "v1", "VirtualService", "virtualservices"
)


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Each has the certificate that the API server trusts it by, and a Service to call."""
    services = {key(service) for service in snapshot.services}
    for webhook in snapshot.webhooks:
        name = webhook["metadata"]["name"]
        clients = [each["clientConfig"] for each in webhook.get("webhooks", [])]
        gone = {
            f"{service['namespace']}/{service['name']}"
            for client in clients
            if (service := client.get("service"))
        } - services
        lacking = sum(not client.get("caBundle") for client in clients)
        kind = webhook["kind"].lower()
        status: Status = "wrong" if gone or lacking else "ok"
        found, remedy = f"a caBundle in {len(clients)} of {len(clients)}", ""
        if gone:
            found = f"no Service {', '.join(sorted(gone))}: left by an install that is gone"
            remedy = f"kubectl delete {kind} {name}"
        elif lacking:
            found = f"a caBundle in {len(clients) - lacking} of {len(clients)}"
            remedy = "istiod writes it: see why it doesn't: kubectl logs deployment/istiod"
        yield Finding(check="webhook", subject=name, status=status, found=found, remedy=remedy)


def dry_runs(client: Client, settings: Settings, mesh: RunningMesh) -> Iterator[Finding]:
    """Ask each injector of the stack for a proxy, and each validator to refuse something."""
    injectors = {
        part.revision
        for part in mesh.injectors
        if part.control_plane_namespace == settings.istio_namespace
    }
    istiods = {
        part.revision
        for part in mesh.istiods
        if part.control_plane_namespace == settings.istio_namespace
    }
    asked = [
        ("injector", inject, injectors),
        # Objects without a revision are one's, too, whichever it is.
        ("validator", validate, istiods | ({DEFAULT} if istiods else set())),
    ]
    for what, trial, names in asked:
        for name in sorted(filter(None, names)):
            status, found = trial(client, settings.istio_namespace, name)
            remedy = UNREACHED if status == "wrong" else ""
            if (status, found) == LET_IN:
                remedy = remedies.bring_back(remedies.platform_of(settings))
            yield Finding(
                check="webhook",
                subject=f"{what} {name}",
                status=status,
                found=found,
                remedy=remedy,
            )


def inject(client: Client, namespace: str, revision: str) -> Answer:
    """Ask a revision's or tag's injector for a proxy."""
    labels = {INJECT: "true", **_revision(revision)}
    # With what every Pod Security Standard lets in, injected or not.
    context = pod_security.RESTRICTED_CONTAINER
    container = {"name": "istio-proxy", "image": "auto", "securityContext": context}
    pod = Pod.from_dict(
        {
            "metadata": {
                "name": NAME,
                "namespace": namespace,
                "labels": labels,
                "annotations": {"inject.istio.io/templates": "gateway"},
            },
            "spec": {"containers": [container]},
        }
    )
    try:
        injected = client.create(pod, dry_run=True).to_dict()
    except (ApiError, httpx2.TimeoutException) as error:
        # Raw values may make of it what a standard forbids; that is said after the injector.
        return ANSWERS if "violates PodSecurity" in str(error) else _failure(error)
    images = [container["image"] for container in injected["spec"]["containers"]]
    return ("wrong", "no webhook injects what asks for it") if images == ["auto"] else ANSWERS


def validate(client: Client, namespace: str, revision: str) -> Answer:
    """Offer a revision's validator a VirtualService without hosts, which it must refuse."""
    metadata = ObjectMeta(name=NAME, namespace=namespace, labels=_revision(revision))
    try:
        client.create(VIRTUAL_SERVICE(metadata=metadata, spec={"http": []}), dry_run=True)
    except (ApiError, httpx2.TimeoutException) as error:
        return ANSWERS if "denied the request" in str(error) else _failure(error)
    return LET_IN


def _revision(name: str) -> dict[str, str]:
    return {} if name == DEFAULT else {REVISION: name}


def _failure(error: ApiError | httpx2.TimeoutException) -> Answer:
    if isinstance(error, ApiError) and "cannot create resource" in str(error):
        return "warning", f"not tried, for want of rights: {error}"
    return "wrong", str(error) or "no answer in time"
