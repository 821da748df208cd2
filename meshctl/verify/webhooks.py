"""Checks of Istio's webhooks: their certificates and Services, and whether they answer.

They are called through the API server, by dry runs, which it doesn't store.

The API server may fail to reach even a webhook with a caBundle and a ready pod: the common case
is a firewall that lacks the rule for its port.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from mesh.istio.certificates import fingerprints, roots_of
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import pod_security
from mesh.settings.labels import INJECT, REVISION
from mesh.settings.revisions import DEFAULT
from meshctl.manifests import istiod
from meshctl.manifests.manifest import key, namespace_of
from meshctl.verify.snapshot import Finding, Snapshot, Status

Answer = tuple[Status, str]
ANSWERS: Answer = ("ok", "answers")
LET_IN: Answer = (
    "wrong",
    "an invalid VirtualService is accepted: no ValidatingWebhookConfiguration has istiod check it",
)
UNREACHED = (
    "the API server can't reach istiod: check that its pods are ready, that its Service has "
    "endpoints, and that no firewall blocks port 15017 of the pods"
)
UNTRUSTED = (
    "the API server doesn't trust istiod's certificate: its caBundle isn't of the CA that istiod "
    "has now; istiod writes it when it restarts: kubectl rollout restart deployment -l app=istiod "
    "-n "
)
PROVIDER = "PILOT_CERT_PROVIDER"
"""A variable of istiod: the CA of its own certificate, `istiod` unless somebody set another."""
INJECTOR = "MutatingWebhookConfiguration"
NAME = "mesh-verify"
VIRTUAL_SERVICES = [
    create_namespaced_resource("networking.istio.io", version, "VirtualService", "virtualservices")
    for version in ("v1", "v1alpha3")
]
"""VirtualServices by their API version; Istio before 1.22 has the second one only."""
NOT_FOUND = 404


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that each webhook has a caBundle, by which it is trusted, and an existing Service."""
    services = {key(service) for service in snapshot.services}
    for webhook in snapshot.webhooks:
        name = webhook["metadata"]["name"]
        clients = [each["clientConfig"] for each in webhook.get("webhooks", [])]
        gone = {
            f"{service['namespace']}/{service['name']}"
            for client in clients
            if (service := client.get("service"))
        } - services
        bundles = sum(bool(client.get("caBundle")) for client in clients)
        # By a URL the API server may call one that any public CA signed.
        lacking = any(client.get("service") and not client.get("caBundle") for client in clients)
        strange = [
            client
            for client in clients
            if client.get("service") and not _is_trusted(client, snapshot)
        ]
        kind = webhook["kind"].lower()
        lenient = sum(
            each.get("failurePolicy") == "Ignore"
            for each in webhook.get("webhooks", [])
            if webhook["kind"] == INJECTOR
        )
        status: Status = "wrong" if gone or lacking or strange else "ok"
        found, remedy = f"{bundles} of {len(clients)} webhooks have a caBundle", ""
        if bundles < len(clients) and not lacking:
            found += "; the others are called by their URL"
        if gone:
            found = f"no Service {', '.join(sorted(gone))}: left by an earlier installation"
            remedy = f"kubectl delete {kind} {name}"
        elif lacking:
            service = next((each["service"] for each in clients if each.get("service")), {})
            remedy = (
                "istiod writes the caBundle; read why it doesn't: kubectl logs "
                f"-n {service.get('namespace')} deployment/{service.get('name')}"
            )
        elif strange:
            found = (
                f"{len(strange)} of {len(clients)} webhooks have a caBundle that isn't the mesh's "
                "root certificate: the API server doesn't trust istiod"
            )
            service = strange[0]["service"]
            remedy = (
                "istiod writes the caBundle of its own revision: kubectl rollout restart "
                f"-n {service['namespace']} deployment/{service['name']}; if it stays, nothing "
                f"owns it: kubectl delete {kind} {name}"
            )
        elif lenient:
            status = "warning"
            found = (
                f"failurePolicy Ignore in {lenient} of {len(clients)} webhooks: while istiod "
                "is down, pods start without a sidecar"
            )
            remedy = f"set failurePolicy to Fail: kubectl edit {kind} {name}"
        yield Finding(check="webhook", subject=name, status=status, found=found, remedy=remedy)


def dry_runs(
    client: Client, namespace: str, mesh: RunningMesh, bring_back: str
) -> Iterator[Finding]:
    """Test a namespace's injectors with a pod, and its validators with an invalid object.

    `bring_back` is the remedy for a validator that is gone.
    """
    injectors = {
        part.revision for part in mesh.injectors if part.control_plane_namespace == namespace
    }
    istiods = {part.revision for part in mesh.istiods if part.control_plane_namespace == namespace}
    asked = [
        ("injector", inject, injectors),
        # Objects without a revision are validated, too, by one of the istiods.
        ("validator", validate, istiods | ({DEFAULT} if istiods else set())),
    ]
    for what, trial, names in asked:
        for name in sorted(filter(None, names)):
            status, found = trial(client, namespace, name)
            remedy = UNREACHED if status == "wrong" else ""
            if (status, found) == LET_IN:
                remedy = bring_back
            elif status == "wrong" and "x509" in found:
                remedy = UNTRUSTED + namespace
            yield Finding(
                check="webhook",
                subject=f"{what} {name}",
                status=status,
                found=found,
                remedy=remedy,
            )


def inject(client: Client, namespace: str, revision: str) -> Answer:
    """Test the injector of a revision or tag with a pod that asks for a proxy."""
    labels = {INJECT: "true", **_revision(revision)}
    # Every Pod Security Standard allows this context, injected or not.
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
        # Raw chart values may make the injected pod violate a standard; the injector answered.
        return ANSWERS if "violates PodSecurity" in str(error) else _failure(error)
    images = [container["image"] for container in injected["spec"]["containers"]]
    return ("wrong", "no webhook injects pods that ask for it") if images == ["auto"] else ANSWERS


def validate(client: Client, namespace: str, revision: str) -> Answer:
    """Test a revision's validator with a VirtualService without hosts, which it must refuse."""
    metadata = ObjectMeta(name=NAME, namespace=namespace, labels=_revision(revision))
    for virtual_service in VIRTUAL_SERVICES:
        try:
            client.create(virtual_service(metadata=metadata, spec={"http": []}), dry_run=True)
        except (ApiError, httpx2.TimeoutException) as error:
            return ANSWERS if "denied the request" in str(error) else _failure(error)
        except httpx2.HTTPStatusError as error:  # a path that isn't served has no ApiError
            if error.response.status_code != NOT_FOUND:
                raise
        else:
            return LET_IN
    return "warning", "not tested, because the cluster doesn't serve VirtualServices"


def _is_trusted(client: Mapping[str, Any], snapshot: Snapshot) -> bool:
    """Return whether a caBundle has one of the mesh's roots; True where that can't be told."""
    # Another mesh in the same cluster has roots of its own.
    roots = roots_of(snapshot.root_certificates.get(client["service"]["namespace"]))
    if not roots or not client.get("caBundle") or not _signs_for_itself(client, snapshot):
        return True
    try:
        bundle = base64.b64decode(client["caBundle"]).decode(errors="replace")
    except binascii.Error:
        return False
    return bool(set(fingerprints(bundle)) & set(roots))


def _signs_for_itself(client: Mapping[str, Any], snapshot: Snapshot) -> bool:
    """Return whether the istiod of a webhook has its certificate of its own CA, not another's."""
    home = client["service"]["namespace"]
    deployments = [each for each in snapshot.deployments if namespace_of(each) == home]
    providers = {istiod.variable(each, PROVIDER) for each in istiod.containers(deployments)}
    return providers == {"istiod"}


def _revision(name: str) -> dict[str, str]:
    return {} if name == DEFAULT else {REVISION: name}


def _failure(error: ApiError | httpx2.TimeoutException) -> Answer:
    if isinstance(error, ApiError) and "cannot create resource" in str(error):
        return "warning", f"not tested, because this user may not create it: {error}"
    return "wrong", str(error) or "no answer in time"
