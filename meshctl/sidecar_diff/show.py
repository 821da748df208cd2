"""The diff of a Deployment without and with its sidecar, and a table that sums it up."""

import difflib
from collections.abc import Iterator
from typing import Any

import pulumi
import yaml
from rich.table import Table
from rich.text import Text

import console
from mesh import fast_yaml
from mesh.bookinfo.services import FRONT, versions_of
from mesh.injection.kube_inject import Manifest
from mesh.settings.schema import Settings
from meshctl.sidecar_diff import additions, live_pod, rendered_pod
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace

STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show(workspace: Workspace, name: str = "", *, live: bool = False) -> None:
    """Print the difference and its summary for one Deployment of Bookinfo.

    Args:
        workspace: The stack's workspace.
        name: The name of a Deployment or of a service; empty = the service seen from outside.
        live: Whether to show a running pod of the cluster instead of injecting with istioctl.

    Raises:
        pulumi.RunError: The stack has no such Deployment, or no sidecar can be shown.

    """
    settings = read_settings(workspace)
    service, version = _choose(settings, name)
    name = f"{service}-{version}"
    if live:
        plain, injected = live_pod.read(workspace.cluster, settings.bookinfo_namespace, name)
        title = f"Pod {injected['metadata']['name']}, as it runs"
    else:
        plain, injected = rendered_pod.render(workspace, settings, service, version)
        title = f"Deployment {name}, as istioctl injects it"
    out = console.output()
    for line in _lines(plain, injected):
        out.print(Text(line, style=STYLES.get(line[0], "")), soft_wrap=True)
    out.print()
    out.print(_table(title, plain, injected))


def _choose(settings: Settings, name: str) -> tuple[str, str]:
    """Return a service and its version by a Deployment's name, or by the service's name alone."""
    name = name or FRONT
    versions = versions_of(settings)
    known = {f"{service}-{v}": (service, v) for service, all_ in versions.items() for v in all_}
    if name in versions:
        return name, versions[name][0]
    if name not in known:
        raise pulumi.RunError(
            f"Bookinfo has no Deployment {name}: choose one of {', '.join(known)}"
        )
    return known[name]


def _lines(plain: Manifest, injected: Manifest) -> Iterator[str]:
    """Yield the unified diff of the two, as YAML."""
    before, after = (
        yaml.dump(
            _name_first(each), Dumper=fast_yaml.Dumper, sort_keys=False, width=1000
        ).splitlines()
        for each in (plain, injected)
    )
    yield from difflib.unified_diff(before, after, "plain", "injected", lineterm="")


def _name_first(value: Any) -> Any:
    """Sort keys as kubectl does, but put `name` first: it identifies the items of a list."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (key != "name", key))
        return {key: _name_first(value[key]) for key in keys}
    if isinstance(value, list):
        return [_name_first(item) for item in value]
    return value


def _table(title: str, plain: Manifest, injected: Manifest) -> Table:
    table = Table("ADDED", "COUNT", "WHAT", box=None, title=title, pad_edge=False)
    table.title_justify = "left"
    table.columns[0].no_wrap = True
    for addition in additions.summarize(_pod(plain), _pod(injected)):
        table.add_row(addition.what, str(len(addition.names)), addition.text)
    return table


def _pod(manifest: Manifest) -> Manifest:
    return manifest["spec"].get("template", manifest)
