"""A reader of the cluster's objects, which notes the rights that its user lacks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from mesh.kubernetes.client import ask, checked

PAGE = 500  # objects of one answer, as kubectl asks for them
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""The form of an answer without the object's content."""
FORBIDDEN, NOT_FOUND = 403, 404


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of objects: the API group, empty for Kubernetes' core, and the plural."""

    group: str = ""
    plural: str

    def __str__(self) -> str:
        """Return its name as in `kubectl get`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, kw_only=True)
class Right:
    """A right that RBAC gives: a verb, a kind, and a namespace, empty for all of them."""

    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    """The only object that it is needed for; empty for all."""
    needed_by: str = field(default="", compare=False)
    """The checks that read this object only."""

    def __str__(self) -> str:
        """Return it as a text for messages."""
        place = f"in namespace {self.namespace}" if self.namespace else "in all namespaces"
        return f"{self.verb} {self.kind} {self.name}".rstrip() + f" {place}"


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads lists and single objects; what the user may not read is noted and left out."""

    client: httpx2.Client = field(repr=False)
    lacking: set[Right] = field(default_factory=set)
    discovered: dict[str, list[str]] = field(default_factory=dict)
    """The versions of each API group that was asked for."""

    def every(self, kind: Kind) -> list[dict[str, Any]] | None:
        """List the objects of all namespaces; None if the user may not.

        A kind that the cluster doesn't serve has no objects. A group's versions needn't have the
        same kinds: CRDs may be of different releases.
        """
        for base in self._bases(kind):
            try:
                return list(self._pages(f"{base}/{kind.plural}"))
            except httpx2.HTTPStatusError as error:
                if error.response.status_code == FORBIDDEN:
                    self.lacking.add(Right(verb="list", kind=kind))
                    return None
                if error.response.status_code != NOT_FOUND:
                    raise
        return []

    def one(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        needed_by: str,
        accept: str = "application/json",
    ) -> dict[str, Any] | None:
        """Return an object; None if there is none or the user may not read it.

        `needed_by` names the checks that need it.
        """
        base, *_ = self._bases(kind)
        answer = ask(
            self.client,
            f"{base}/namespaces/{namespace}/{kind.plural}/{name}",
            {"Accept": accept},
        )
        if answer.status_code == FORBIDDEN:
            right = Right(
                verb="get", kind=kind, namespace=namespace, name=name, needed_by=needed_by
            )
            self.lacking.add(right)
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        return checked(answer).json()

    def served(self, group: str) -> frozenset[str]:
        """Return the kinds of an API group that the cluster serves, as PLURAL.GROUP/VERSION."""
        return frozenset(
            f"{each['name']}.{group}/{version}"
            for version in self._versions(group)
            for each in self._json(f"/apis/{group}/{version}").get("resources", ())
            if "/" not in each["name"]
        )

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        query = f"?limit={PAGE}"
        while query:
            answer = ask(self.client, path + query, {})
            if answer.status_code == NOT_FOUND:
                answer.raise_for_status()  # a path that isn't served is answered by plain text
            page = checked(answer).json()
            yield from page.get("items") or ()
            rest = page.get("metadata", {}).get("continue")
            query = f"?limit={PAGE}&continue={rest}" if rest else ""

    def _bases(self, kind: Kind) -> list[str]:
        """Return the paths of the API versions that a kind may have, the preferred one first."""
        if not kind.group:
            return ["/api/v1"]
        return [f"/apis/{kind.group}/{version}" for version in self._versions(kind.group)]

    def _versions(self, group: str) -> list[str]:
        """Return the versions that the cluster serves of an API group, the preferred one first."""
        if group not in self.discovered:
            found = self._json(f"/apis/{group}")
            versions = [each["version"] for each in found.get("versions", ())]
            preferred = found.get("preferredVersion", {}).get("version")
            self.discovered[group] = sorted(versions, key=lambda version: version != preferred)
        return self.discovered[group]

    def _json(self, path: str) -> Mapping[str, Any]:
        answer = ask(self.client, path, {})
        return {} if answer.status_code == NOT_FOUND else checked(answer).json()
