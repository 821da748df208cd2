"""The stack's control planes: its own and, beside it, a canary of another revision."""

from dataclasses import dataclass
from typing import Any

from mesh.istio import release, versions
from mesh.istio.release import Release
from mesh.settings import revisions
from mesh.settings.revisions import DEFAULT, Choice
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """One istiod: the release it is of, and the revision that names its objects."""

    release: Release
    revision: str
    tag: str
    """Of its images."""
    tags: tuple[str, ...]
    """Other names by which namespaces and pods ask for it."""

    @property
    def chart_value(self) -> str:
        """The revision as the charts want it."""
        return "" if self.revision == DEFAULT else self.revision

    @property
    def release_name(self) -> str:
        """The helm release that its chart is; it stays when a canary becomes the stack's own."""
        return "istiod" if self.revision == DEFAULT else f"istiod-{self.revision}"


@dataclass(frozen=True, kw_only=True)
class Proxies(Choice):
    """Who gives pods their proxies, how the pods ask for it, and what the proxies are."""

    release: Release
    """The release that the proxies are of."""
    tag: str
    """Of their images."""

    @property
    def gateway_values(self) -> dict[str, Any]:
        """The same as values of a gateway's chart."""
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
        """The release of each."""
        return tuple(plane.release for plane in self.all)

    @property
    def newest(self) -> Release:
        """The release that the cluster-wide parts are of: CRDs serve older istiods too."""
        return max(self.releases, key=lambda istio: versions.parse(istio.version) or ())

    @property
    def names(self) -> dict[str, ControlPlane]:
        """The control planes by every name that pods may ask for them by."""
        return {name: plane for plane in self.all for name in (plane.revision, *plane.tags)}

    def proxies(self, name: str | None) -> Proxies:
        """Choose by a revision's name or a tag; None = the stack's own control plane."""
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
    """Find the release of each control plane that the stack wants."""

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
