"""Which kinds an API server serves, and under which paths."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .errors import ApiError, NoMatchError
from .objects import Gvk

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)


@dataclass(frozen=True)
class Mapping:
    """Where the objects of a kind are found."""

    plural: str
    namespaced: bool


class Discovery:
    """The server's kinds, asked for once, and again when a kind is missing."""

    def __init__(self, get: Callable[[str, str], Any]) -> None:
        self._get = get
        self._lock = threading.Lock()
        self._kinds: dict[Gvk, Mapping] | None = None
        self._versions: list[str] = []

    def invalidate(self) -> None:
        """Forget what was read."""
        with self._lock:
            self._kinds = None

    def forget(self, group: str, kind: str) -> None:
        """Forget one kind: its CRD was created or deleted. Who asks for it reads anew."""
        with self._lock:
            self._kinds = self._kinds and {
                gvk: mapping
                for gvk, mapping in self._kinds.items()
                if (gvk.group, gvk.kind) != (group, kind)
            }

    def kinds(self) -> dict[Gvk, Mapping]:
        """Give every kind that can be read or written."""
        with self._lock:
            if self._kinds is None:
                self._kinds = self._read()
            return self._kinds

    def find(self, gvk: Gvk) -> Mapping | None:
        """Look a kind up among those known; None for an unknown one."""
        return self.kinds().get(gvk)

    def mapping(self, gvk: Gvk) -> Mapping:
        """Look a kind up, reading anew when it isn't known.

        Raises:
            NoMatchError: The server doesn't serve it.

        """
        found = self.find(gvk)
        if found is None:
            self.invalidate()
            found = self.find(gvk)
        if found is None:
            raise NoMatchError(gvk.kind, gvk.api_version)
        return found

    def helm_api_versions(self) -> list[str]:
        """List versions and kinds as charts ask for them in `.Capabilities.APIVersions`."""
        kinds = self.kinds()
        return sorted(
            {f"{gvk.api_version}/{gvk.kind}" for gvk in kinds}
            | {gvk.api_version for gvk in kinds}
            | set(self._versions)
        )

    def _read(self) -> dict[Gvk, Mapping]:
        with ThreadPoolExecutor(2) as pool:
            documents = list(pool.map(lambda path: self._get(path, _AGGREGATED), ("/api", "/apis")))
        if all(document.get("kind") == "APIGroupDiscoveryList" for document in documents):
            return self._from_aggregated(documents)
        return self._from_groups(documents[1])

    def _from_aggregated(self, documents: list[Any]) -> dict[Gvk, Mapping]:
        kinds: dict[Gvk, Mapping] = {}
        self._versions = []
        for document in documents:
            for group in document.get("items") or []:
                name = group.get("metadata", {}).get("name", "")
                for version in group.get("versions") or []:
                    self._versions.append(Gvk(name, version["version"], "").api_version)
                    for resource in version.get("resources") or []:
                        kind = (resource.get("responseKind") or {}).get("kind")
                        if kind:
                            kinds[Gvk(name, version["version"], kind)] = Mapping(
                                resource["resource"], resource.get("scope") == "Namespaced"
                            )
        return kinds

    def _from_groups(self, groups: Any) -> dict[Gvk, Mapping]:
        # Before Kubernetes 1.26 every group and version is a document of its own.
        versions = ["v1"] + [
            version["groupVersion"]
            for group in groups.get("groups") or []
            for version in group.get("versions") or []
        ]
        with ThreadPoolExecutor(8) as pool:
            lists = list(pool.map(self._resources_of, versions))
        self._versions = versions
        kinds: dict[Gvk, Mapping] = {}
        for version, resources in zip(versions, lists, strict=True):
            group, _, number = version.rpartition("/")
            for resource in resources:
                if "/" not in resource["name"]:
                    kinds[Gvk(group, number, resource["kind"])] = Mapping(
                        resource["name"], bool(resource.get("namespaced"))
                    )
        return kinds

    def _resources_of(self, version: str) -> list[Any]:
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            return self._get(path, "application/json").get("resources") or []
        except ApiError:
            # An aggregated API without a backend must not hide the others.
            return []
