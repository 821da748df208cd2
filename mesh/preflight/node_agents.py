"""CNI plugins in a folder where the cluster's nodes wouldn't find them."""

from collections.abc import Iterator

from mesh.charts.values import GKE, is_gke, sets_cni_bin_dir
from mesh.settings.schema import Settings


def misplaced(kubernetes: str, settings: Settings) -> Iterator[str]:
    """Report a GKE cluster if the stack isn't set up for GKE; `kubernetes` is its version.

    GKE's nodes look for CNI plugins in another folder: without the plugin no pod there would get
    its network (istio.io, Platform-Specific Prerequisites).
    """
    needs_cni = "istio-cni" in settings.data_plane.node_agents
    if needs_cni and GKE in kubernetes and not is_gke(settings) and not sets_cni_bin_dir(settings):
        yield (
            f"it is Google's, Kubernetes {kubernetes.removeprefix('v')}: `pulumi config set "
            "platform gke`, or set values.cni.cniBinDir"
        )
