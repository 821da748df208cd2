"""Backends: a namespace's Services, each with the Deployments whose pods answer for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshctl.manifests.hosts import service_of
from meshctl.manifests.manifest import Manifest, name_of
from meshctl.manifests.selection import selects
from meshctl.topology import gateways, outside, routes, workloads
from meshctl.topology.objects import Objects

VERSION = "version"
"""Label of a pod: the version of its service."""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A Service with its Deployments by version."""

    service: Manifest
    deployments: Mapping[str, Manifest]

    @property
    def name(self) -> str:
        """The Service's name."""
        return name_of(self.service)

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels of the Service's pods."""
        return self.service["spec"]["selector"]


@dataclass(frozen=True, kw_only=True)
class Backends:
    """The Services of a namespace that aren't those of gateways."""

    objects: Objects
    namespace: str
    by_name: Mapping[str, Backend]

    @classmethod
    def read(cls, objects: Objects, namespace: str) -> "Backends":
        """Find the Deployments of each Service by their pods' labels."""
        found = {}
        deployments = objects.of("Deployment", namespace)
        for service in objects.of("Service", namespace) if namespace else ():
            selector = service["spec"].get("selector")
            if not selector or gateways.OF_GATEWAY in selector:
                continue
            chosen = [each for each in deployments if selects(selector, workloads.labels(each))]
            if not any(map(gateways.is_gateway, chosen)):
                found[name_of(service)] = Backend(service=service, deployments=_by_version(chosen))
        return cls(objects=objects, namespace=namespace, by_name=dict(sorted(found.items())))

    def own(self) -> list[Backend]:
        """List the Services that aren't for one version of another Service only."""
        return [each for each in self.by_name.values() if self._whole(each) is each]

    def owner(self, host: str) -> str:
        """Return the Service that a full host belongs to; empty if it is none of this namespace."""
        found = self._named(host)
        return self._whole(found).name if found else ""

    def parts(self, backend: Backend) -> list[str]:
        """List the names of a service's own Service and of those for one of its versions."""
        return [name for name, each in self.by_name.items() if self._whole(each) is backend]

    def versions(self, backend: Backend, host: str, subset: str) -> Sequence[str]:
        """List a service's versions that a route's destination stands for."""
        named = self._named(host)
        chosen = {name_of(each) for each in named.deployments.values()} if named else set()
        labels = routes.subset(self.objects, self.namespace, host, subset) if subset else {}
        return [
            version
            for version, each in backend.deployments.items()
            if name_of(each) in chosen
            and labels is not None
            and selects(labels, workloads.labels(each))
        ]

    def lacks(self, host: str, subset: str) -> bool:
        """Return whether a route's destination has no pods, as far as the objects tell."""
        if named := self._named(host):
            return not self.versions(named, host, subset)
        namespace, _ = service_of(host, self.objects.domain) or ("", "")
        # Only a cluster has the objects of all namespaces.
        has_all = self.objects.is_live or namespace == self.namespace
        return has_all and not outside.is_known(self.objects, host)

    def _named(self, host: str) -> Backend | None:
        namespace, name = service_of(host, self.objects.domain) or ("", "")
        return self.by_name.get(name) if namespace == self.namespace else None

    def _whole(self, backend: Backend) -> Backend:
        """Return the Service of all versions that a Service of one version is a part of."""
        wider = (
            each
            for each in self.by_name.values()
            if each.selector.items() < backend.selector.items()
        )
        return min(wider, key=lambda each: len(each.selector), default=backend)


def _by_version(deployments: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return Deployments by their pods' version, or by name where that isn't unique."""
    labels = [workloads.labels(each).get(VERSION, "") for each in deployments]
    named = {
        version if version and labels.count(version) == 1 else name_of(each): each
        for version, each in zip(labels, deployments, strict=True)
    }
    return dict(sorted(named.items()))
