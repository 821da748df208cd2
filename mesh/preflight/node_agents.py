"""CNI plugins in a folder where the cluster's nodes wouldn't find them."""

from collections.abc import Iterator

from mesh.charts.values import GKE, is_gke, sets_cni
from mesh.settings.schema import Settings

K3S = "+k3s"
"""Suffix in the version of k3s, such as v1.34.1+k3s1; k3d runs it in containers."""
OF_K3S = ("k3s", "k3d")
CONF_DIR = "cniConfDir"


def misplaced(kubernetes: str, settings: Settings) -> Iterator[str]:
    """Report GKE and k3s if the stack isn't set up for them; `kubernetes` is the cluster's version.

    Their nodes look for CNI plugins in other folders: on GKE no pod would get its network, on k3s
    istio-cni would wait for a config forever (istio.io, Platform-Specific Prerequisites).
    """
    if "istio-cni" not in settings.data_plane.node_agents:
        return
    version = kubernetes.removeprefix("v")
    if K3S in kubernetes and settings.platform not in OF_K3S and not sets_cni(settings, CONF_DIR):
        yield (
            f"it is k3s, Kubernetes {version}: `pulumi config set platform k3s`, or k3d in "
            f"containers, or set values.cni.{CONF_DIR}"
        )
    if GKE in kubernetes and not is_gke(settings) and not sets_cni(settings, "cniBinDir"):
        yield (
            f"it is Google's, Kubernetes {version}: `pulumi config set "
            "platform gke`, or set values.cni.cniBinDir"
        )
