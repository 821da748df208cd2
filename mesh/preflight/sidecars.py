"""Changes of the injected configuration, which running sidecars don't pick up."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import ConfigMap

from mesh import fast_yaml
from mesh.injection.kube_inject import Config, Injector
from mesh.istio.control_planes import ControlPlane, ControlPlanes
from mesh.kubernetes.client import connect
from mesh.kubernetes.cluster import Cluster
from mesh.kubernetes.shortened import shortened
from mesh.settings.schema import Settings

SHOWN = 5  # changed fields; an upgrade changes dozens


def announce(
    cluster: Cluster,
    settings: Settings,
    planes: ControlPlanes,
    injectors: Mapping[str, Injector],
) -> None:
    """Warn of changes of the injected configuration, once the charts are rendered.

    Raises pulumi.RunError when the cluster can't be queried.
    """
    if not cluster.is_there or _is_left_out(settings):
        return
    with connect(cluster) as client:
        live = {plane.revision: _live(client, settings, plane) for plane in planes.all}
    for plane in planes.all:
        if before := live[plane.revision]:
            injectors[plane.revision].config().apply(
                lambda after, before=before, plane=plane: _warn(plane, before, after)
            )


def _is_left_out(settings: Settings) -> bool:
    """Return whether the chart leaves out the injector's ConfigMap."""
    common = settings.values.istiod.get("global") or {}
    return bool(settings.remote_control_plane or common.get("omitSidecarInjectorConfigMap"))


def _live(client: Client, settings: Settings, plane: ControlPlane) -> Config | None:
    """Read the live configuration of an injector; None if it isn't there or can't be read."""
    suffix = f"-{plane.chart_value}" if plane.chart_value else ""
    try:
        mesh, injector = (
            client.get(ConfigMap, f"{name}{suffix}", namespace=settings.istio_namespace).data or {}
            for name in ("istio", "istio-sidecar-injector")
        )
        return Config.of(mesh, injector)
    except (ApiError, KeyError):
        return None


def _warn(plane: ControlPlane, before: Config, after: Config) -> None:
    changed = list(_changed(before, after))
    if changed:
        pulumi.log.warn(
            f"sidecars of revision {plane.revision} are injected with other configuration from now "
            f"on ({shortened(changed, SHOWN)}). Sidecars that run keep theirs until their "
            "pods restart: kubectl rollout restart deployment -n NAMESPACE"
        )


def _changed(before: Config, after: Config) -> Iterator[str]:
    """List differences in the proxy's config, in the injector's values, and in the templates."""
    mesh = [fast_yaml.load(config.mesh) or {} for config in (before, after)]
    yield from _paths(*(each.get("defaultConfig") for each in mesh), "meshConfig.defaultConfig")
    yield from _paths(*(json.loads(each.values or "{}") for each in (before, after)), "values")
    if before.templates != after.templates:
        yield "the injection template"


def _paths(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict | None) and isinstance(after, dict | None):
        before, after = before or {}, after or {}
        for key in sorted(before.keys() | after.keys()):
            yield from _paths(before.get(key), after.get(key), f"{path}.{key}")
    elif before != after:
        yield path
