"""What a sidecar adds to a Deployment: the plain and the injected one, line by line and in sum."""

import difflib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mesh import (
    bookinfo_deployment,
    control_planes,
    core_values,
    injected_pod,
    manual_injection,
    sidecar_additions,
    stack_settings,
)
from mesh.bookinfo import FRONT, MICROSERVICES, row
from mesh.control_planes import ControlPlane
from mesh.manual_injection import Config, Manifest
from mesh.release import Release
from mesh.settings import Settings
from mesh.workspace import Workspace
from sandbox import toolchain
from sandbox.programs import HELM, ISTIO_MINOR, ISTIOCTL

WIDTH_WITHOUT_TERMINAL = 120  # of the summary's table
LIVE = "look at a pod as the cluster's injector made it: --live"
STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An object without and with its sidecar."""

    title: str
    plain: Manifest
    injected: Manifest


def show(workspace: Workspace, name: str = "", *, live: bool = False) -> None:
    """Print the difference and its summary for one Deployment of Bookinfo.

    Args:
        workspace: Whose stack it is.
        name: The Deployment's, or its service's; empty = the service that the world sees.
        live: Whether to look at a pod in the cluster, in place of asking istioctl.

    Raises:
        pulumi.RunError: The stack has no such Deployment, or no sidecar can be had.

    """
    stack = stack_settings.read(workspace)
    service, version = _choose(stack, name)
    compared = (
        _live(workspace, stack, f"{service}-{version}")
        if live
        else _rendered(workspace, stack, service, version)
    )
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    for line in _lines(compared):
        console.print(Text(line, style=STYLES.get(line[0], "")), soft_wrap=True)
    console.print()
    console.print(_table(compared))


def _choose(stack: Settings, name: str) -> tuple[str, str]:
    """Find a service and its version by the Deployment's name, or by the service's alone."""
    name = name or FRONT
    versions = stack.bookinfo_versions
    known = {f"{service}-{v}": (service, v) for service, all_ in versions.items() for v in all_}
    if name in versions:
        return name, versions[name][0]
    if name not in known:
        raise pulumi.RunError(f"no Deployment {name} in Bookinfo, which has {', '.join(known)}")
    return known[name]


def _rendered(workspace: Workspace, stack: Settings, service: str, version: str) -> Comparison:
    """Let istioctl do to the stack's Deployment what istiod would do to its pods."""
    if not stack.data_plane.has_sidecars:
        stack = stack.model_copy(update={"injection": "auto"})  # what one would add
    planes = control_planes.find(stack)
    proxies = planes.proxies(stack.bookinfo_revision)
    plane = planes.names[proxies.revision]
    istioctl = _istioctl(workspace, plane.release)
    microservice = next(each for each in MICROSERVICES if each.name == service)
    deployment = bookinfo_deployment.make(stack, row(microservice, version), version, proxies.mark)
    injected = manual_injection.kube_inject(
        istioctl,
        _config(stack, plane),
        {service: deployment},
        revision=plane.chart_value or None,
        kube_version=stack.kube_version,
    )
    plain = manual_injection.as_admitted(deployment)
    return Comparison(
        title=f"Deployment {service}-{version}, injected by istioctl of Istio "
        f"{plane.release.version}",
        plain=manual_injection.without_nulls(plain),
        injected=manual_injection.without_nulls(injected[service]),
    )


def _istioctl(workspace: Workspace, release: Release) -> Path:
    """Find the release's istioctl; a sandbox builds one where the release can't have another."""
    path = None
    is_of_branch = release.version.startswith(f"{ISTIO_MINOR}.")
    if workspace.sandbox is not None and is_of_branch and not release.istioctl.is_file():
        folder = toolchain.ensure((ISTIOCTL,))["istioctl"].parent
        path = os.pathsep.join([os.environ["PATH"], str(folder)])
    return manual_injection.find_istioctl(
        release,
        path=path,
        who="sidecar-diff",
        instead=LIVE,
    )


def _config(stack: Settings, plane: ControlPlane) -> Config:
    """Render the istiod chart as the program does, and take what istiod injects by."""
    if not plane.release.layout.istiod:
        raise pulumi.RunError(
            f"sidecar-diff renders the injector's config by the istiod chart, and Istio "
            f"{plane.release.version} has none: {LIVE}"
        )
    helm = toolchain.ensure((HELM,))["helm"]
    chart = plane.release.istiod_chart
    options = ["--namespace", stack.istio_namespace, "--kube-version", stack.kube_version]
    answer = subprocess.run(
        [helm, "template", plane.release_name, chart, *options, "--values", "-"],
        input=json.dumps(core_values.of_istiod(stack, plane)),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise pulumi.RunError(f"helm can't render {chart}: {answer.stderr.strip()}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data = {
        manifest["metadata"]["name"]: manifest["data"]
        for manifest in yaml.load_all(answer.stdout, loader)
        if manifest and manifest["kind"] == "ConfigMap"
    }
    suffix = f"-{plane.chart_value}" if plane.chart_value else ""
    return Config.of(data[f"istio{suffix}"], data[f"istio-sidecar-injector{suffix}"])


def _live(workspace: Workspace, stack: Settings, name: str) -> Comparison:
    plain, injected = injected_pod.read(workspace.cluster, stack.bookinfo_namespace, name)
    return Comparison(
        title=f"Pod {injected['metadata']['name']}, as it runs",
        plain=plain,
        injected=injected,
    )


def _lines(compared: Comparison) -> Iterator[str]:
    """Write the difference of the two as YAML, in the unified form."""
    before, after = (
        yaml.dump(_name_first(each), Dumper=_Dumper, sort_keys=False, width=1000).splitlines()
        for each in (compared.plain, compared.injected)
    )
    yield from difflib.unified_diff(before, after, "plain", "injected", lineterm="")


def _name_first(value: Any) -> Any:
    """Order keys as kubectl does, but for a list's items: one knows them by their names."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (key != "name", key))
        return {key: _name_first(value[key]) for key in keys}
    if isinstance(value, list):
        return [_name_first(item) for item in value]
    return value


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write what is there twice twice, as kubectl does."""
        return True


def _table(compared: Comparison) -> Table:
    plain, injected = (_pod(each) for each in (compared.plain, compared.injected))
    table = Table("ADDED", "COUNT", "WHAT", box=None, title=compared.title, pad_edge=False)
    table.title_justify = "left"
    table.columns[0].no_wrap = True
    for addition in sidecar_additions.summarize(plain, injected):
        table.add_row(addition.what, str(len(addition.names)), addition.text)
    return table


def _pod(manifest: Manifest) -> Manifest:
    return manifest["spec"].get("template", manifest)
