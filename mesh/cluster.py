"""The stack's cluster: the one its config names, or the sandbox. Never whatever is current."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from mesh import kubernetes_apis
from mesh.release import PROJECT

SANDBOX = "MESH_SANDBOX_KUBECONFIG"  # set by `make env`: the path of the sandbox's kubeconfig
SERVER_SIDE_APPLY = (1, 18)
"""The first Kubernetes that keeps, unasked, who set which field of every object."""
RENDER = "MESH_RENDER"  # set by `make render`, to its folder: no cluster is asked or changed


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A kubeconfig file and a context in it."""

    kubeconfig: Path
    context: str
    rendered_to: Path | None = None
    """A folder in its place: the stack is only rendered."""

    @property
    def is_there(self) -> bool:
        """Whether it can be asked."""
        return self.rendered_to is None

    def __str__(self) -> str:
        """Say which it is."""
        return f"cluster of context {self.context!r} ({self.kubeconfig})"


def choose(context: str | None, kubeconfig: Path | None) -> Cluster:
    """Find the cluster, or say how to name one."""
    if folder := os.environ.get(RENDER):
        return Cluster(
            kubeconfig=Path(os.devnull), context=context or "none", rendered_to=Path(folder)
        )
    sandbox = os.environ.get(SANDBOX)
    if context and sandbox:
        raise pulumi.RunError(
            f"two clusters are named: context {context!r} by the stack's config, and the sandbox "
            f"by {SANDBOX}={sandbox}; drop one: `pulumi config rm context` or `unset {SANDBOX}`"
        )
    if context:
        return named(context, kubeconfig)
    if sandbox:
        return _sandbox(Path(sandbox))
    raise pulumi.RunError(
        f"stack {pulumi.get_stack()} names no cluster, and the kubeconfig's current one is never "
        "used unasked; name a context with `pulumi config set context NAME`, "
        'or use the sandbox with `eval "$(make -s env)"`'
    )


def provider(
    name: str, cluster: Cluster, *, kube_version: str, upsert_existing_objects: bool = False
) -> kubernetes.Provider:
    """Make the provider that every resource gets handed down."""
    if cluster.rendered_to is not None:
        return kubernetes.Provider(name, render_yaml_to_directory=str(cluster.rendered_to))
    return kubernetes.Provider(
        name,
        kubeconfig=str(cluster.kubeconfig),
        context=cluster.context,
        # Else a kubeconfig that moves or changes replaces every resource of the stack.
        cluster_identifier=cluster.context,
        # Else a change of meshConfig deletes the ConfigMap and makes it anew, and in between
        # istiod falls back to its built-in mesh config.
        enable_config_map_mutable=True,
        # The charts' hooks are tests, which Pulumi doesn't run.
        suppress_helm_hook_warnings=True,
        # Which API versions its objects have is the release's choice, for any Kubernetes that
        # serves them: the plugin would warn of each object of an old one, to no avail.
        suppress_deprecation_warnings=True,
        # Else a field that another tool once set can't be changed: the update ends in a conflict.
        enable_patch_force=True,
        enable_server_side_apply=None if applies_server_side(kube_version) else False,
        upsert_existing_objects=upsert_existing_objects,
    )


def applies_server_side(kube_version: str) -> bool:
    """Tell whether objects are made, and taken over, by server-side apply."""
    return kubernetes_apis.minor(kube_version) >= SERVER_SIDE_APPLY


def _sandbox(kubeconfig: Path) -> Cluster:
    if not kubeconfig.is_file():
        raise pulumi.RunError(
            f"{SANDBOX} names {kubeconfig}, which is no file; start the sandbox with `make env`, "
            f"or `unset {SANDBOX}`"
        )
    context = _load(kubeconfig).get("current-context")
    if not context:
        raise pulumi.RunError(f"{SANDBOX} names {kubeconfig}, which has no current-context")
    return Cluster(kubeconfig=kubeconfig, context=context)


def _candidates(kubeconfig: Path | None) -> list[Path]:
    """List the files to look for a context in, as kubectl would."""
    if kubeconfig:
        return [PROJECT / kubeconfig.expanduser()]
    if listed := [
        Path(file) for file in os.environ.get("KUBECONFIG", "").split(os.pathsep) if file
    ]:
        return listed
    return [Path.home() / ".kube" / "config"]


def named(context: str, kubeconfig: Path | None) -> Cluster:
    """Look for a context as kubectl would, in the file that the stack names, if it does."""
    files = _candidates(kubeconfig)
    known: dict[str, Path] = {}
    for file in files:
        if file.is_file():
            for entry in _load(file).get("contexts") or []:
                known.setdefault(entry["name"], file)
    if context not in known:
        raise pulumi.RunError(
            f"no context {context!r} in {', '.join(map(str, files))}, which has "
            f"{', '.join(sorted(known)) or 'none'}; choose one with `pulumi config set context "
            "NAME`, or another file with `pulumi config set kubeconfig FILE`"
        )
    return Cluster(kubeconfig=known[context], context=context)


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise pulumi.RunError(f"{file} is no kubeconfig, not even YAML: {error}") from error
    if not isinstance(content, dict):
        raise pulumi.RunError(f"{file} is no kubeconfig: it holds no mapping")
    return content
