"""Obstacles to gateways in the cluster: namespace labels, and CRDs of the Gateway API."""

from collections.abc import Iterator, Mapping

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import Namespace

from mesh.istio import versions
from mesh.istio.control_planes import ControlPlanes
from mesh.istio.gateway_api_crds import CHANNEL, KNOWN_BY, VERSION, Bundle
from mesh.settings.labels import INJECTION
from mesh.settings.schema import Settings

NEEDS_NEWER_CRDS = (1, 30)
"""First Istio minor that reads TLSRoutes and ReferenceGrants in the API's version v1 only."""
OLDEST_CRDS = (1, 5)
"""First Gateway API release that has both in v1."""
Notes = Mapping[str, str]
"""Annotations of the CRDs of the Gateway API: their version and channel."""
REMEDY = "leave it to the cluster: pulumi config set gatewayApiCrds cluster"


def obstacles(
    client: Client, settings: Settings, bundle: Bundle | None, notes: Notes | None
) -> Iterator[str]:
    """List the obstacles with their remedies.

    `bundle` has the CRDs that the stack will create, `notes` are of those that the cluster has.
    """
    for namespace in client.list(Namespace, labels={INJECTION: "disabled"}):
        name = namespace.metadata.name if namespace.metadata else None
        if name in settings.gateway_namespaces and settings.routing_api == "istio":
            yield (
                f"Namespace {name} is labelled {INJECTION}=disabled, and a gateway's proxy is "
                f"injected: kubectl label namespace {name} {INJECTION}-"
            )
    if settings.needs_gateway_api:
        yield from _gateway_api(bundle, notes)


def outdated_crds(
    planes: ControlPlanes, bundle: Bundle | None, notes: Notes | None
) -> Iterator[str]:
    """List warnings about Gateway API CRDs that are too old for an Istio of the stack."""
    found = versions.parse((notes or {}).get(VERSION, "")) or ()
    brought = versions.parse(bundle.version) if bundle else None
    for istio in planes.releases:
        if (versions.parse(istio.version) or ())[:2] < NEEDS_NEWER_CRDS:
            continue
        if found and max(found, brought or ()) < OLDEST_CRDS:
            yield (
                f"the cluster's CRDs of the Gateway API are {'.'.join(map(str, found))}, and Istio "
                f"{istio.version} reads TLSRoutes and ReferenceGrants from 1.5 on only (upgrade "
                "notes of 1.30): gateways would lose those; install the CRDs of 1.5 or newer first"
            )


def crd_notes(client: Client) -> Notes | None:
    """Return the annotations of the cluster's CRDs of the Gateway API; None without CRDs."""
    try:
        crd = client.get(CustomResourceDefinition, KNOWN_BY)
    except ApiError as error:
        if error.status.code != 404:
            raise
        return None
    return (crd.metadata.annotations if crd.metadata else None) or {}


def _gateway_api(bundle: Bundle | None, notes: Notes | None) -> Iterator[str]:
    if notes is None and bundle is None:
        yield (
            f"there is no CRD {KNOWN_BY}, and gatewayApiCrds leaves it to the cluster: "
            "pulumi config set gatewayApiCrds stack"
        )
    if notes is None or bundle is None:
        return
    version, channel = notes.get(VERSION, "unknown"), notes.get(CHANNEL, "unknown")
    if channel != "standard":
        yield (
            f"CRD {KNOWN_BY} is of the {channel} channel, and the standard one, which this stack "
            f"would bring, lacks fields that others may use; {REMEDY}"
        )
    elif (versions.parse(version) or ()) > (versions.parse(bundle.version) or ()):
        yield f"CRD {KNOWN_BY} is {version}, newer than this stack's v{bundle.version}; {REMEDY}"
