"""What a cluster has that gateways would fail on."""

from collections.abc import Iterator

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import Namespace

from mesh.istio import versions
from mesh.istio.gateway_api_crds import CHANNEL, KNOWN_BY, VERSION, Bundle
from mesh.settings.labels import INJECTION
from mesh.settings.schema import Settings

REMEDY = "let the cluster bring it: pulumi config set gatewayApiCrds cluster"


def obstacles(client: Client, settings: Settings, bundle: Bundle | None) -> Iterator[str]:
    """Name each with its remedy; `bundle` is the one that the stack is about to bring."""
    for namespace in client.list(Namespace, labels={INJECTION: "disabled"}):
        name = namespace.metadata.name if namespace.metadata else None
        if name in settings.gateway_namespaces and settings.routing_api == "istio":
            yield (
                f"Namespace {name} is labelled {INJECTION}=disabled, and a gateway's proxy is "
                f"injected: kubectl label namespace {name} {INJECTION}-"
            )
    if settings.routing_api == "gateway-api":
        yield from _gateway_api(client, bundle)


def _gateway_api(client: Client, bundle: Bundle | None) -> Iterator[str]:
    try:
        crd = client.get(CustomResourceDefinition, KNOWN_BY)
    except ApiError as error:
        if error.status.code != 404:
            raise
        if bundle is None:
            yield (
                f"there is no CRD {KNOWN_BY}, and gatewayApiCrds leaves it to the cluster: "
                "pulumi config set gatewayApiCrds stack"
            )
        return
    if bundle is None:
        return
    notes = (crd.metadata.annotations if crd.metadata else None) or {}
    version, channel = notes.get(VERSION, "unknown"), notes.get(CHANNEL, "unknown")
    if channel != "standard":
        yield (
            f"CRD {KNOWN_BY} is of the {channel} channel, and the standard one, which this stack "
            f"would bring, lacks fields that others may use; {REMEDY}"
        )
    elif (versions.parse(version) or ()) > (versions.parse(bundle.version) or ()):
        yield f"CRD {KNOWN_BY} is {version}, newer than this stack's v{bundle.version}; {REMEDY}"
