"""A pod with the sidecar that istiod would inject, rendered by istioctl without a cluster."""

import json
import os
from pathlib import Path

import pulumi

from mesh.bookinfo import deployment as bookinfo_deployment
from mesh.bookinfo.services import MICROSERVICES, SAMPLES, row
from mesh.charts.values import istiod_values
from mesh.injection import kube_inject
from mesh.injection.kube_inject import Config, Manifest
from mesh.istio import control_planes
from mesh.istio.control_planes import ControlPlane
from mesh.istio.release import Release
from mesh.settings.schema import Settings
from meshctl.workspace.stack import Workspace
from sandbox import kubernetes_plugin, plugin_process, toolchain
from sandbox.plugin_process import PluginError
from sandbox.programs import ISTIO, ISTIO_MINOR

LIVE = "show a running pod of the cluster: --live"


def render(
    workspace: Workspace, settings: Settings, service: str, version: str
) -> tuple[Manifest, Manifest]:
    """Inject a Deployment of the stack with istioctl, as istiod would inject its pods.

    Returns it plain and injected. Raises pulumi.RunError when the release has no istioctl.
    """
    if not settings.data_plane.has_sidecars:
        settings = settings.model_copy(update={"injection": "auto"})  # as if it had sidecars
    planes = control_planes.find(settings)
    proxies = planes.proxies(settings.bookinfo_revision)
    plane = planes.names[proxies.revision]
    istioctl = _istioctl(workspace, plane.release)
    microservice = next(each for each in MICROSERVICES if each.name == service)
    sample = SAMPLES[plane.release.layout.generation]
    deployment = bookinfo_deployment.make(
        settings, sample, row(microservice, version), version, proxies.mark
    )
    injected = kube_inject.kube_inject(
        istioctl,
        _config(settings, plane),
        {service: deployment},
        revision=plane.chart_value or None,
        kube_version=settings.kube_version,
    )
    plain = kube_inject.as_admitted(deployment)
    return (
        kube_inject.without_nulls(plain),
        kube_inject.without_nulls(injected[service]),
    )


def _istioctl(workspace: Workspace, release: Release) -> Path:
    """Return the release's istioctl; for a sandbox, build one if the release lacks it."""
    path = None
    is_of_branch = release.version.startswith(f"{ISTIO_MINOR}.")
    if workspace.sandbox is not None and is_of_branch and not release.istioctl.is_file():
        folder = toolchain.ensure((ISTIO,))["istioctl"].parent
        path = os.pathsep.join([os.environ["PATH"], str(folder)])
    return kube_inject.find_istioctl(
        release,
        path=path,
        who="sidecar-diff",
        instead=LIVE,
    )


def _config(settings: Settings, plane: ControlPlane) -> Config:
    """Render the istiod chart as the program does, and return its config for injection."""
    if not plane.release.layout.istiod:
        raise pulumi.RunError(
            f"sidecar-diff renders the injector's config with the istiod chart, and Istio "
            f"{plane.release.version} has no such chart: {LIVE}"
        )
    options = {
        "path": str(plane.release.istiod_chart),
        "release_name": plane.release_name,
        "namespace": settings.istio_namespace,
        "kube_version": settings.kube_version,
        "values": istiod_values(settings, plane),
    }
    plugin, _ = kubernetes_plugin.find()
    try:
        with plugin_process.run(plugin.program) as process:
            rendered = process.render(json.dumps(options))
    except PluginError as error:
        raise pulumi.RunError(str(error)) from error
    data = {
        manifest["metadata"]["name"]: manifest["data"]
        for manifest in rendered
        if manifest["kind"] == "ConfigMap"
    }
    suffix = f"-{plane.chart_value}" if plane.chart_value else ""
    return Config.of(data[f"istio{suffix}"], data[f"istio-sidecar-injector{suffix}"])
