"""The stack's cluster: the context in its config, or the sandbox; never the current context."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from lightkube.core.exceptions import ConfigError

from mesh.kubernetes import apis
from mesh.kubernetes import kubeconfig as kubeconfigs

SANDBOX = "MESH_SANDBOX_KUBECONFIG"  # set by `make env`: the path of the sandbox's kubeconfig
SERVER_SIDE_APPLY = (1, 18)
"""The first Kubernetes version that records the managers of all objects' fields by default."""
PLUGIN_VERSION = "MESH_KUBERNETES_PLUGIN"  # set by `make env`, where it isn't the SDK's version
RENDER = "MESH_RENDER"  # set by `make render`, to its folder: no cluster is asked or changed


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A kubeconfig context, and the file to find it in."""

    context: str
    kubeconfig: Path | None = None
    """The kubeconfig file as in the stack's config; None = the files that kubectl reads."""
    rendered_to: Path | None = None
    """The folder for manifests of a stack that is only rendered, without a cluster."""

    @property
    def is_there(self) -> bool:
        """Whether there is a cluster: not when the stack is only rendered."""
        return self.rendered_to is None

    @property
    def reference(self) -> dict[str, str]:
        """Inputs by which a dynamic resource finds the cluster again, with `referenced`."""
        return {
            "kubeconfig": str(self.kubeconfig or ""),
            "context": self.context if self.is_there else "",
        }

    @property
    def files(self) -> list[Path]:
        """The kubeconfig files to find the context in."""
        return kubeconfigs.files(self.kubeconfig)

    @property
    def server(self) -> str:
        """The API server's address in the kubeconfig. Raises pulumi.RunError without one."""
        try:
            return kubeconfigs.read(self.files).server(self.context)["server"]
        except (ConfigError, KeyError) as error:
            raise pulumi.RunError(f"{self} can't be used: it names no API server") from error

    def __str__(self) -> str:
        """Return its context and its files, for messages."""
        return f"cluster of context {self.context!r} ({', '.join(map(str, self.files))})"


def referenced(inputs: Mapping[str, Any]) -> Cluster | None:
    """Return the cluster of a dynamic resource's inputs; None if the stack was only rendered."""
    if not inputs["context"]:
        return None
    file = inputs["kubeconfig"]
    return Cluster(kubeconfig=Path(file) if file else None, context=inputs["context"])


def choose(context: str | None, kubeconfig: Path | None) -> Cluster:
    """Find the cluster. Raises pulumi.RunError, with a remedy, when none or two are set."""
    if folder := os.environ.get(RENDER):
        return Cluster(context=context or "none", rendered_to=Path(folder))
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
    """Create the provider that every resource inherits."""
    if cluster.rendered_to is not None:
        # Empty, not unset: the SDK would take $KUBECONFIG, which the plugin refuses with a folder.
        return kubernetes.Provider(
            name,
            kubeconfig="",
            render_yaml_to_directory=str(cluster.rendered_to),
            opts=pulumi.ResourceOptions(version=os.environ.get(PLUGIN_VERSION)),
        )
    return kubernetes.Provider(
        name,
        # As in the stack's config; if that sets no file, it is empty and the plugin reads the files
        # that kubectl reads. A path of this machine would stay in the state, and other machines
        # couldn't read the file, neither to compare it (provider/pkg/provider/provider.go,
        # DiffConfig) nor to destroy the stack.
        kubeconfig=str(cluster.kubeconfig or ""),
        context=cluster.context,
        # Without it, a kubeconfig that moves or changes replaces every resource of the stack.
        cluster_identifier=cluster.context,
        # Without it, a change of meshConfig deletes the ConfigMap and creates it again, and in
        # between istiod falls back to its built-in mesh config.
        enable_config_map_mutable=True,
        # The same for cacerts: an istiod that starts without it signs with a self-generated root.
        enable_secret_mutable=True,
        # The charts' hooks are tests, which Pulumi doesn't run.
        suppress_helm_hook_warnings=True,
        # The release chooses the API versions of its objects, for any Kubernetes that serves them:
        # the plugin's warning for each old one doesn't help the user.
        suppress_deprecation_warnings=True,
        enable_server_side_apply=None if applies_server_side(kube_version) else False,
        upsert_existing_objects=upsert_existing_objects,
        # Pulumi asks for the SDK's own version, and warns when it gets an older one.
        opts=pulumi.ResourceOptions(version=os.environ.get(PLUGIN_VERSION)),
    )


def applies_server_side(kube_version: str) -> bool:
    """Return whether objects are created and adopted by server-side apply."""
    return apis.minor(kube_version) >= SERVER_SIDE_APPLY


def _sandbox(kubeconfig: Path) -> Cluster:
    if not kubeconfig.is_file():
        raise pulumi.RunError(
            f"{SANDBOX} names {kubeconfig}, which is no file; start the sandbox with `make env`, "
            f"or `unset {SANDBOX}`"
        )
    context = kubeconfigs.load(kubeconfig).get("current-context")
    if not context:
        raise pulumi.RunError(f"{SANDBOX} names {kubeconfig}, which has no current-context")
    return Cluster(kubeconfig=kubeconfig, context=context)


def named(context: str, kubeconfig: Path | None) -> Cluster:
    """Find a context as kubectl does, in the file from the stack's config if that sets one."""
    target = Cluster(context=context, kubeconfig=kubeconfig)
    known = kubeconfigs.read(target.files).contexts
    if context not in known:
        raise pulumi.RunError(
            f"no context {context!r} in {', '.join(map(str, target.files))}, which has "
            f"{', '.join(sorted(known)) or 'none'}; choose one with `pulumi config set context "
            "NAME`, or another file with `pulumi config set kubeconfig FILE`"
        )
    if kubeconfig and (relative := kubeconfigs.relative_paths(target.files[0], context)):
        raise pulumi.RunError(
            f"{kubeconfig} has relative paths for context {context!r}, {', '.join(relative)}: "
            "kubectl reads them relative to the file, Pulumi's plugin relative to the project. "
            "Write a kubeconfig without paths into a file that only you can read, and set "
            f"kubeconfig to that: kubectl --kubeconfig {shlex.quote(str(kubeconfig))} config view "
            "--raw --flatten"
        )
    return target
