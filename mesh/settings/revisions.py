"""Revisions of Istio's control plane, and the tags that point to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT = "default"
"""Istio's word for the revision without a name."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
ROLLED_BY = "mesh.pulumi.com/revision"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Control plane that gives pods their proxies, and the label by which pods choose it."""

    revision: str
    label: str | None
    """Revision or tag in the label istio.io/rev; None = the default revision."""
    mark: dict[str, str]
    """Annotation that changes with the revision that a tag points to, and so recreates pods."""


def choose(known: Mapping[str, str], own: str, name: str | None) -> Choice:
    """Choose a revision by its name or by a tag; None = the stack's own."""
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
