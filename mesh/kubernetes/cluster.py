"""The stack's cluster: the one its config names, or the sandbox. Never whatever is current."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.kubernetes import apis
from mesh.kubernetes import kubeconfig as kubeconfigs

SANDBOX = "MESH_SANDBOX_KUBECONFIG"  # set by `make env`: the path of the sandbox's kubeconfig
SERVER_SIDE_APPLY = (1, 18)
"""The first Kubernetes that keeps, unasked, who set which field of every object."""
PLUGIN_VERSION = "MESH_KUBERNETES_PLUGIN"  # set by `make env`, where it isn't the SDK's version
RENDER = "MESH_RENDER"  # set by `make render`, to its folder: no cluster is asked or changed


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A context, and where it is looked for."""

    context: str
    kubeconfig: Path | None = None
    """The file as the stack names it; None = where kubectl looks."""
    rendered_to: Path | None = None
    """A folder in its place: the stack is only rendered."""

    @property
    def is_there(self) -> bool:
        """Whether it can be asked."""
        return self.rendered_to is None

    @property
    def files(self) -> list[Path]:
        """The files that the context is looked for in."""
        return kubeconfigs.files(self.kubeconfig)

    def __str__(self) -> str:
        """Say which it is."""
        return f"cluster of context {self.context!r} ({', '.join(map(str, self.files))})"


def choose(context: str | None, kubeconfig: Path | None) -> Cluster:
    """Find the cluster, or say how to name one."""
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
    """Make the provider that every resource gets handed down."""
    if cluster.rendered_to is not None:
        # Empty, or the SDK would take $KUBECONFIG, which the plugin refuses beside the folder.
        return kubernetes.Provider(
            name,
            kubeconfig="",
            render_yaml_to_directory=str(cluster.rendered_to),
            opts=pulumi.ResourceOptions(version=os.environ.get(PLUGIN_VERSION)),
        )
    return kubernetes.Provider(
        name,
        # As the stack says it, and empty where it names no file: the plugin looks where kubectl
        # does. A path of this machine would stay in the state, and no other one could read it:
        # neither to compare it (provider/pkg/provider/provider.go, DiffConfig) nor to destroy.
        kubeconfig=str(cluster.kubeconfig or ""),
        context=cluster.context,
        # Else a kubeconfig that moves or changes replaces every resource of the stack.
        cluster_identifier=cluster.context,
        # Else a change of meshConfig deletes the ConfigMap and makes it anew, and in between
        # istiod falls back to its built-in mesh config.
        enable_config_map_mutable=True,
        # Likewise cacerts: an istiod that starts without it signs with a root of its own making.
        enable_secret_mutable=True,
        # The charts' hooks are tests, which Pulumi doesn't run.
        suppress_helm_hook_warnings=True,
        # Which API versions its objects have is the release's choice, for any Kubernetes that
        # serves them: the plugin would warn of each object of an old one, to no avail.
        suppress_deprecation_warnings=True,
        enable_server_side_apply=None if applies_server_side(kube_version) else False,
        upsert_existing_objects=upsert_existing_objects,
        # Pulumi asks for the SDK's own version, and warns when it gets an older one.
        opts=pulumi.ResourceOptions(version=os.environ.get(PLUGIN_VERSION)),
    )


def applies_server_side(kube_version: str) -> bool:
    """Tell whether objects are made, and taken over, by server-side apply."""
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
    """Look for a context as kubectl would, in the file that the stack names, if it does."""
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
            f"{kubeconfig} says for context {context!r} where something is by relative paths, "
            f"{', '.join(relative)}: Pulumi's plugin takes them for the project's, kubectl for the "
            f"file's. Make a file that needs no other and name that: kubectl --kubeconfig "
            f"{shlex.quote(str(kubeconfig))} config view --raw --flatten"
        )
    return target
