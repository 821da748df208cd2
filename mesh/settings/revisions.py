"""Revisions of Istio's control plane, and the tags that name them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

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
