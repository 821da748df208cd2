"""Conflicts between the way pods join the mesh and the settings that depend on it."""

from collections.abc import Iterator

from mesh.bookinfo.services import FRONT
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts with injection, cni and podSecurity."""
    if settings.node_agents_namespace in (
        settings.istio_namespace,
        *settings.gateway_namespaces,
        settings.bookinfo_namespace,
    ):
        yield Mistake(
            ("nodeAgentsNamespace",),
            "must not be used by anything else: its pods run privileged",
            settings.node_agents_namespace,
        )
    data_plane = settings.data_plane
    platform = settings.platform_contract
    if data_plane.is_ambient and platform and "ztunnel" not in platform.node_agents:
        yield Mistake(
            ("injection",),
            "can be ambient only on a platform in ambient mode: this platform's nodes run no "
            "ztunnel",
            settings.injection,
        )
    if data_plane.is_ambient and settings.profile not in (None, "ambient"):
        yield Mistake(
            ("profile",),
            "must be ambient, or not set, with mesh:injection ambient",
            settings.profile,
        )
    if settings.pod_security and data_plane.changes_network_in_pods:
        yield Mistake(
            ("podSecurity",),
            "needs mesh:cni true, or mesh:injection ambient or off: else an init container "
            "of each pod changes its network, which every standard forbids",
            settings.pod_security,
        )
    if settings.pod_security == "restricted" and settings.addons:
        yield Mistake(
            ("addons",),
            "the releases' samples meet baseline only: set mesh:podSecurity to baseline, or drop "
            "the add-ons",
            sorted(settings.addons),
        )
    if settings.injection == "off":
        yield from _outside_the_mesh(settings)


def _outside_the_mesh(settings: Settings) -> Iterator[Mistake]:
    """List settings that have no effect on pods outside the mesh."""
    need = "needs mesh:injection auto or manual, or ambient with mesh:waypoints"
    if settings.deny_by_default:
        yield Mistake(
            ("denyByDefault",),
            f"{need}: pods outside the mesh accept every request",
            settings.deny_by_default,
        )
    own = settings.mtls_by_namespace.get(settings.bookinfo_namespace)
    if own == "strict":
        yield Mistake(
            ("mtlsByNamespace", settings.bookinfo_namespace),
            "needs mesh:injection other than off: a pod without a proxy accepts plain text",
            own,
        )
    for service in [each for each in settings.traffic_plan if each != FRONT]:
        yield Mistake(
            ("trafficPlan", service),
            f"{need}: the caller's sidecar or a waypoint routes requests between Bookinfo's "
            f"services; without them only requests to {FRONT} are routed, by the ingress gateway",
            settings.injection,
        )
