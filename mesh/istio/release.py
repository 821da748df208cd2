"""An Istio release on disk: its layout, its charts, its CRDs, its samples."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pulumi

from mesh import fast_yaml
from mesh.project import PROJECT

SOURCE = "SOURCE"  # one line, written by the downloader: where the release came from
Generation = Literal["istiod", "umbrella"]
"""Generation of releases: `istiod` since Istio 1.5, `umbrella` (a single chart) for 1.0 to 1.4."""
ISTIOCTL = Path("bin", "istioctl")  # only the official archive holds it


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Layout of a generation of releases: the paths of its parts in the release's folder.

    It also holds the generation's other differences, such as API versions and istioctl's options.
    """

    generation: Generation
    crds: str
    """A file of CRDs in plain YAML."""
    base: str | None = None
    """The chart of the objects that a cluster has once."""
    istiod: str | None = None
    """The chart of one istiod, of one revision."""
    gateway: str | None = None
    """The chart of one gateway."""
    umbrella: str | None = None
    """The umbrella chart of a whole mesh, instead of the three above."""
    networking: str = "networking.istio.io/v1"
    """The API version of its routes."""
    istioctl_version: tuple[str, ...] = ("version", "--remote=false", "--short")
    """Arguments that make istioctl print its own version, without asking a cluster."""
    addons: str = "samples/addons"
    """Folder of the telemetry add-ons, one file each; missing from a folder with charts only."""
    node_agents: Mapping[str, str] = field(default_factory=dict)
    """Charts of the node agents, by Helm release name; early releases lack some."""

    def missing_from(self, folder: Path) -> list[str]:
        """List the files that a folder lacks to be a release of this layout."""
        charts = [
            f"{chart}/Chart.yaml"
            for chart in (self.base, self.istiod, self.gateway, self.umbrella)
            if chart
        ]
        return [part for part in (self.crds, *charts) if not (folder / part).is_file()]


TODAY = Layout(
    generation="istiod",
    crds="manifests/charts/base/files/crd-all.gen.yaml",
    base="manifests/charts/base",
    istiod="manifests/charts/istio-control/istio-discovery",
    gateway="manifests/charts/gateway",
    node_agents={
        "istio-cni": "manifests/charts/istio-cni",
        "ztunnel": "manifests/charts/ztunnel",
    },
)
LAYOUTS = (
    TODAY,
    # 1.0 to 1.4
    Layout(
        generation="umbrella",
        crds="install/kubernetes/helm/istio/templates/crds.yaml",
        umbrella="install/kubernetes/helm/istio",
        networking="networking.istio.io/v1alpha3",
        istioctl_version=("version", "--short"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release with a known layout; components get the paths of its parts from here only."""

    version: str
    folder: Path
    layout: Layout

    @property
    def base_chart(self) -> Path:
        """The chart of the objects that a cluster has once."""
        return self._part(self.layout.base)

    @property
    def istiod_chart(self) -> Path:
        """The chart of one istiod."""
        return self._part(self.layout.istiod)

    @property
    def gateway_chart(self) -> Path:
        """The chart of one gateway."""
        return self._part(self.layout.gateway)

    @property
    def is_umbrella(self) -> bool:
        """Whether a single chart holds the whole mesh, instead of one chart for each part."""
        return self.layout.generation == "umbrella"

    @property
    def umbrella_chart(self) -> Path:
        """The umbrella chart of the whole mesh."""
        return self._part(self.layout.umbrella)

    @property
    def charts(self) -> tuple[Path, ...]:
        """The charts of the parts that every stack has."""
        return self.base_chart, self.istiod_chart, self.gateway_chart

    def _part(self, path: str | None) -> Path:
        assert path is not None  # noqa: S101 - callers know the layout
        return self.folder / path

    def node_agent_chart(self, name: str) -> Path:
        """Return the chart of a node agent; a release on disk may lack it."""
        return self.folder / self.layout.node_agents.get(name, f"a chart of {name}")

    @property
    def istioctl(self) -> Path:
        """The release's own istioctl; its file may be missing."""
        return self.folder / ISTIOCTL

    def addon(self, name: str) -> Path:
        """Return the file of a telemetry add-on."""
        return self.folder / self.layout.addons / f"{name}.yaml"

    @property
    def source(self) -> str:
        """The origin of the release, as a text for people."""
        note = self.folder / SOURCE
        return note.read_text().strip() if note.is_file() else f"the folder {self.folder}"

    @property
    def crds(self) -> list[dict[str, Any]]:
        """The CustomResourceDefinitions as the release ships them."""
        return _read_all(self.folder / self.layout.crds)

    @property
    def crd_names(self) -> list[str]:
        """The CRDs' names, such as virtualservices.networking.istio.io."""
        return [crd["metadata"]["name"] for crd in self.crds]


def has_chart(folder: Path) -> bool:
    """Return whether a folder holds a chart."""
    return (folder / "Chart.yaml").is_file()


def folder_of(version: str, release_dir: Path | None = None) -> Path:
    """Return a release's folder, which may not exist yet: the stack's own, or a downloaded one."""
    return PROJECT / (release_dir.expanduser() if release_dir else Path("releases", version))


def find(
    version: str, release_dir: Path | None, *, addons: AbstractSet[str] = frozenset()
) -> Release:
    """Find the release in the folder that the stack sets, else among the downloaded ones.

    `addons` are the telemetry add-ons that the stack deploys.
    """
    folder = folder_of(version, release_dir)
    if release_dir:
        remedy = "name a folder that holds a release: pulumi config set releaseDir FOLDER"
    else:
        remedy = (
            f"get it with `make release STACK={pulumi.get_stack()}`, or name a folder: pulumi "
            "config set releaseDir FOLDER"
        )
    if not folder.is_dir():
        raise pulumi.RunError(f"Istio {version} is not on disk: no folder {folder}; {remedy}")
    for layout in LAYOUTS:
        if not layout.missing_from(folder):
            release = Release(version=version, folder=folder, layout=layout)
            _insist_on(release, addons)
            return release
    lacks = "; or ".join(", ".join(layout.missing_from(folder)) for layout in LAYOUTS)
    raise pulumi.RunError(f"{folder} has no Istio charts: it lacks {lacks}; {remedy}")


def _insist_on(release: Release, addons: AbstractSet[str]) -> None:
    """Refuse a release that lacks files of the add-ons that the stack deploys."""
    missing = [name for name in sorted(addons) if not release.addon(name).is_file()]
    if missing and not release.is_umbrella:  # mesh.charts.umbrella says where its add-ons are
        folder = release.folder / release.layout.addons
        raise pulumi.RunError(
            f"Istio {release.version} is on disk without the add-ons that the stack deploys: "
            f"{folder} lacks {', '.join(f'{name}.yaml' for name in missing)}; put the whole "
            "release there, or drop them: pulumi config rm addons"
        )


@cache  # the checks read it, and then the components
def _read_all(file: Path) -> list[dict[str, Any]]:
    return [document for document in fast_yaml.load_all(file.read_bytes()) if document]
