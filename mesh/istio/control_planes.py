"""The stack's control planes: its own, and optionally a canary of another revision."""

from dataclasses import dataclass
from typing import Any

from mesh.istio import release, versions
from mesh.istio.release import Release
from mesh.settings import revisions
from mesh.settings.revisions import DEFAULT, Choice
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """One istiod: its release, and the revision in the names of its objects."""

    release: Release
    revision: str
    tag: str
    """Tag of its images."""
    tags: tuple[str, ...]
    """Revision tags that namespaces and pods can use instead of its revision."""

    @property
    def chart_value(self) -> str:
        """The revision as a chart value: empty for the default one."""
        return "" if self.revision == DEFAULT else self.revision

    @property
    def release_name(self) -> str:
        """The name of its Helm release; it stays when a canary becomes the stack's own."""
        return "istiod" if self.revision == DEFAULT else f"istiod-{self.revision}"


@dataclass(frozen=True, kw_only=True)
class Proxies(Choice):
    """Proxies of pods: the revision that injects them, its label, their release and tag."""

    release: Release
    """The release that the proxies are of."""
    tag: str
    """Tag of their images."""

    @property
    def gateway_values(self) -> dict[str, Any]:
        """The label and the annotation, as values of a gateway's chart."""
        return {"revision": self.label, "podAnnotations": self.mark} if self.label else {}


@dataclass(frozen=True, kw_only=True)
class ControlPlanes:
    """Every istiod that a stack runs."""

    own: ControlPlane
    canary: ControlPlane | None

    @property
    def all(self) -> tuple[ControlPlane, ...]:
        """The stack's own, and the canary if there is one."""
        return (self.own, self.canary) if self.canary else (self.own,)

    @property
    def releases(self) -> tuple[Release, ...]:
        """The release of each control plane."""
        return tuple(plane.release for plane in self.all)

    @property
    def newest(self) -> Release:
        """The newest release, for cluster-wide objects: its CRDs serve older istiods too."""
        return max(self.releases, key=lambda istio: versions.parse(istio.version) or ())

    @property
    def names(self) -> dict[str, ControlPlane]:
        """The control planes by their revisions and tags."""
        return {name: plane for plane in self.all for name in (plane.revision, *plane.tags)}

    def proxies(self, name: str | None) -> Proxies:
        """Return the proxies of a revision or tag; None = the stack's own control plane."""
        known = {each: plane.revision for each, plane in self.names.items()}
        choice = revisions.choose(known, self.own.revision, name)
        return Proxies(
            release=self.names[choice.revision].release,
            tag=self.names[choice.revision].tag,
            revision=choice.revision,
            label=choice.label,
            mark=choice.mark,
        )


def find(settings: Settings) -> ControlPlanes:
    """Find the stack's control planes, each with its release on disk."""

    def make(revision: str, istio: Release, image_tag: str | None) -> ControlPlane:
        tags = tuple(tag for tag, tagged in settings.revision_tags.items() if tagged == revision)
        return ControlPlane(
            release=istio, revision=revision, tag=image_tag or istio.version, tags=tags
        )

    istio = release.find(settings.istio_version, settings.release_dir, addons=settings.addons)
    own = make(settings.revision or DEFAULT, istio, settings.tag)
    if settings.canary is None:
        return ControlPlanes(own=own, canary=None)
    beside = release.find(settings.canary.istio_version, settings.canary.release_dir)
    return ControlPlanes(
        own=own, canary=make(settings.canary.revision, beside, settings.canary.tag)
    )
