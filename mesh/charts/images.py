"""Istio's images, pinned by the stack's imageDigests: their whole names, as values of the charts.

The charts, and the templates of istiod's proxies, take an image with a "/" as it is: without hub,
tag and variant.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.charts.presets import variant
from mesh.istio.control_planes import ControlPlane, ControlPlanes, Proxies
from mesh.settings.data_plane import NodeAgent
from mesh.settings.schema import Settings

ISTIOD, PROXY = "pilot", "proxyv2"
NODE_AGENTS: Mapping[NodeAgent, str] = {"istio-cni": "install-cni", "ztunnel": "ztunnel"}
"""The image of each node agent."""
PROXY_IMAGE = "sidecar.istio.io/proxyImage"
"""Annotation by which a pod asks istiod for an image of its proxy."""


def of_istiod(settings: Settings, plane: ControlPlane) -> dict[str, Any]:
    """Return the values that pin istiod and its proxies: sidecars, gateways and waypoints."""
    if not settings.image_digests:
        return {}
    proxy = {"image": _whole(settings, plane, PROXY)}
    return {
        "pilot": {"image": _whole(settings, plane, ISTIOD)},
        "global": {"proxy": proxy, "proxy_init": proxy},
    }


def of_node_agent(settings: Settings, agent: NodeAgent, plane: ControlPlane) -> dict[str, Any]:
    """Return the values that pin a node agent."""
    if not settings.image_digests:
        return {}
    image = {"image": _whole(settings, plane, NODE_AGENTS[agent])}
    return {"cni": image} if agent == "istio-cni" else image


def of_gateway(settings: Settings, proxies: Proxies) -> dict[str, Any]:
    """Return the values that pin a gateway, and restart it when the digest changes.

    Its pods ask istiod for an image, so their template shows none.
    """
    if not settings.image_digests or settings.remote_control_plane:
        return {}
    return {"podAnnotations": {PROXY_IMAGE: _whole(settings, proxies, PROXY)}}


def istiod_image(settings: Settings, plane: ControlPlane) -> str:
    """Return the image of a control plane's istiod, as NAME:TAG."""
    return f"{ISTIOD}:{_tag(settings, plane)}"


def tag_of_proxies(settings: Settings, proxies: Proxies) -> str:
    """Return the tag of the proxies' images, with the digest if they are pinned."""
    if not settings.image_digests:
        return proxies.tag
    return _whole(settings, proxies, PROXY).removeprefix(f"{settings.hub}/{PROXY}:")


def of_istio(settings: Settings, planes: ControlPlanes) -> Iterator[str]:
    """List the images of Istio that a stack deploys, as NAME:TAG."""
    for plane in () if settings.remote_control_plane else planes.all:
        for name in (ISTIOD, PROXY):
            yield f"{name}:{_tag(settings, plane)}"
    for agent in settings.data_plane.node_agents:
        yield f"{NODE_AGENTS[agent]}:{_tag(settings, planes.own)}"


def _whole(settings: Settings, plane: ControlPlane | Proxies, name: str) -> str:
    return settings.pinned(settings.hub, f"{name}:{_tag(settings, plane)}")


def _tag(settings: Settings, plane: ControlPlane | Proxies) -> str:
    """Return the tag of a control plane's images, with the variant that the profile chooses."""
    chosen = variant(settings, plane.release.istiod_chart)
    return f"{plane.tag}-{chosen}" if chosen else plane.tag
