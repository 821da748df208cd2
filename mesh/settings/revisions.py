"""Revisions and their tags: how they are spelled, and what must hold between them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mesh.istio import versions as skew

DEFAULT = "default"
"""What Istio calls the revision that has no name."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
ROLLED_BY = "mesh.pulumi.com/revision"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The istiod that gives pods their proxies, and how the pods ask for it."""

    revision: str
    label: str | None
    """The revision or tag that they ask for by name; None = the default revision."""
    mark: dict[str, str]
    """An annotation that changes with the revision behind a tag, so that pods are made anew."""


def choose(known: Mapping[str, str], own: str, name: str | None) -> Choice:
    """Choose among the revisions by their names and tags; None = the stack's own."""
    name = name or own
    revision = known[name]
    return Choice(
        revision=revision,
        label=None if name == DEFAULT else name,
        mark={} if revision == DEFAULT else {ROLLED_BY: revision},
    )


def name(value: str) -> str:
    """Check the name of a revision or of a tag."""
    if not NAME.fullmatch(value):
        raise ValueError(
            "a revision or tag is 1 to 40 lower-case letters, digits and '-', and starts and ends "
            "with a letter or digit, such as 1-30-3"
        )
    return value


def revision(value: str) -> str:
    """Check the name of a control plane's revision."""
    if value == DEFAULT:
        raise ValueError(f"{DEFAULT!r} is the revision without a name: leave the key out")
    return name(value)


def contradictions(
    versions: Mapping[str, str], tags: Mapping[str, str], uses: Mapping[str, str | None]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Name the values that are fine alone and wrong together: place, rule and value.

    `versions` are those of the control planes by revision, the canary's last; `uses` are the
    settings that choose a revision or a tag.
    """
    known = f"the control planes are of revision {' and '.join(versions)}"
    for tag, tagged in tags.items():
        if tag in versions:
            yield ("revisionTags", tag), "is a revision already, which needs no tag", tagged
        if tagged not in versions:
            yield ("revisionTags", tag), f"must be a revision; {known}", tagged
    for key, used in uses.items():
        if used is not None and used not in versions and used not in tags:
            others = f", the tags are {', '.join(tags)}" if tags else ""
            yield (key,), f"must be a revision or a tag; {known}{others}", used
    own, *others = versions.values()
    for other in others:
        if rule := skew.side_by_side(own, other):
            yield ("canary", "istioVersion"), f"{rule}, beside {own}", other
