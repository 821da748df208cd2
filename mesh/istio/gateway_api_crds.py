"""The CRDs of the Kubernetes Gateway API on disk, in the version that an Istio is built with."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pulumi

from mesh import fast_yaml
from mesh.istio import versions
from mesh.project import PROJECT
from mesh.settings.schema import Settings

MODULE = "sigs.k8s.io/gateway-api"
RELEASES = "https://github.com/kubernetes-sigs/gateway-api/releases/download"
KNOWN_BY = "gateways.gateway.networking.k8s.io"
"""A CRD that every bundle contains."""
VERSION = "gateway.networking.k8s.io/bundle-version"
CHANNEL = "gateway.networking.k8s.io/channel"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle: a release of the Gateway API's CRDs, of the standard channel."""

    version: str
    checksum: str
    """Checksum of the Go module, as in go.sum: a module is immutable, a release page isn't."""

    @property
    def folder(self) -> Path:
        """The bundle's folder on disk, which may not exist yet."""
        return PROJECT / "releases" / f"gateway-api-{self.version}"

    @property
    def address(self) -> str:
        """The address of its file for kubectl."""
        return f"{RELEASES}/v{self.version}/standard-install.yaml"

    @cached_property
    def crds(self) -> list[dict[str, Any]]:
        """The CRDs, without the policies that v1.5 ships in addition.

        Those forbid older versions in the whole cluster, which one stack must not decide.
        """
        return [
            document
            for file in sorted(self.folder.glob("*.yaml"))
            for document in fast_yaml.load_all(file.read_bytes())
            if document and document["kind"] == "CustomResourceDefinition"
        ]


# By Istio's minor version: the newest patch of the Gateway API that its go.mod requires.
BUNDLES = {
    "1.29": Bundle(version="1.4.1", checksum="h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8="),
    "1.30": Bundle(version="1.5.1", checksum="h1:RqVRIlkhLhUO8wOHKTLnTJA6o/1un4po4/6M1nRzdd0="),
    "1.31": Bundle(version="1.6.3", checksum="h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc="),
    # Istio's main branch required 1.6.0 in August 2026; 1.7.0 is younger than Istio 1.32.0.
    "1.32": Bundle(version="1.6.3", checksum="h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc="),
}


def of(istio_version: str) -> Bundle | None:
    """Return the bundle that an Istio version is built with; None if it is unknown."""
    major, minor, _ = versions.parse(istio_version) or (0, 0, 0)
    return BUNDLES.get(f"{major}.{minor}")


def find(settings: Settings) -> Bundle | None:
    """Find the stack's bundle on disk; None for a stack that installs none.

    Raises pulumi.RunError when it isn't on disk.
    """
    if not settings.brings_gateway_api:
        return None
    bundle = of(settings.istio_version)
    if bundle is None:
        raise pulumi.RunError(
            f"the Gateway API that routingApi gateway-api and waypoints need is known of Istio "
            f"{', '.join(BUNDLES)}, not of {settings.istio_version}: leave its CRDs to the "
            "cluster, pulumi config set gatewayApiCrds cluster, or do without it"
        )
    if not bundle.folder.is_dir():
        raise pulumi.RunError(
            f"the Gateway API {bundle.version} is not on disk: no folder {bundle.folder}; get it "
            f"with `make release STACK={pulumi.get_stack()}`, or put the standard-install.yaml of "
            f"v{bundle.version} there"
        )
    if KNOWN_BY not in (crd["metadata"]["name"] for crd in bundle.crds):
        raise pulumi.RunError(
            f"{bundle.folder} has no CRD {KNOWN_BY}: delete the folder, then run `make release "
            f"STACK={pulumi.get_stack()}`"
        )
    return bundle
