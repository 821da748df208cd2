"""Whether istiod's webhooks answer: asked through the API server, which stores nothing of it.

A webhook that has a caBundle and a ready pod behind it may still not be reached from the API
server: a firewall that lacks the rule for its port is the common case.
"""

from typing import Literal

import httpx2
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from mesh.kubernetes import pod_security
from mesh.settings.revisions import DEFAULT

Answer = tuple[Literal["ok", "warning", "wrong"], str]
ANSWERS: Answer = ("ok", "answers")
LET_IN: Answer = (
    "wrong",
    "an invalid VirtualService is let in: no ValidatingWebhookConfiguration asks istiod about it",
)
NAME = "mesh-verify"
VIRTUAL_SERVICE = create_namespaced_resource(
    "networking.istio.io", "v1", "VirtualService", "virtualservices"
)


def inject(client: Client, namespace: str, revision: str) -> Answer:
    """Ask a revision's or tag's injector for a proxy."""
    labels = {"sidecar.istio.io/inject": "true", **_revision(revision)}
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
    return {} if name == DEFAULT else {"istio.io/rev": name}


def _failure(error: ApiError | httpx2.TimeoutException) -> Answer:
    if isinstance(error, ApiError) and "cannot create resource" in str(error):
        return "warning", f"not tried, for want of rights: {error}"
    return "wrong", str(error) or "no answer in time"
