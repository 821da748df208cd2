"""Conflicts between control planes, their revision tags, and the settings that choose one."""

from collections.abc import Iterator

from mesh.istio import versions
from mesh.settings import revisions
from mesh.settings.labels import REVISION
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts between revisions, tags and their users."""
    own, canary = settings.revision or revisions.DEFAULT, settings.canary
    if canary and canary.revision == own:
        yield Mistake(("canary", "revision"), "must differ from mesh:revision", own)
        return
    planes, tags = {own: settings.istio_version}, settings.revision_tags
    if canary:
        planes[canary.revision] = canary.istio_version
    if platform := settings.platform_contract:
        planes, tags = dict(platform.versions), dict(platform.revision_tags)
    known = f"the control planes are of revision {' and '.join(planes)}"
    for tag, tagged in tags.items():
        if tag in planes:
            yield Mistake(
                ("revisionTags", tag),
                "is the revision of a control plane, and can't be a tag too: pulumi config rm "
                f"--path 'revisionTags.{tag}'. To move namespaces to another revision, label "
                f"them {REVISION}=REVISION; when nothing uses {tag} any more, set mesh:revision to "
                "the other one, and then this tag (docs/canary.md)",
                tagged,
            )
        if tagged not in planes:
            yield Mistake(("revisionTags", tag), f"must be a revision; {known}", tagged)
    uses: dict[tuple[str, ...], str | None] = {
        ("gatewayRevision",): settings.gateway_revision,
        ("bookinfoRevision",): settings.bookinfo_revision,
    }
    for name, wanted in settings.mesh_namespaces.items():
        uses["meshNamespaces", name, "revision"] = wanted.revision
    for path, used in uses.items():
        if used is not None and used not in planes and used not in tags:
            others = f", the tags are {', '.join(tags)}" if tags else ""
            yield Mistake(path, f"must be a revision or a tag; {known}{others}", used)
    version, *others = planes.values()
    for other in others:
        if rule := versions.side_by_side(version, other):
            yield Mistake(("canary", "istioVersion"), f"{rule}, beside {version}", other)
