"""Helm's hooks for a deletion, run where helm would: when all of the release is gone."""

from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from mesh.kubernetes.cluster import Cluster


class DeletionHooksProvider(ResourceProvider):
    """Keeps the hooks' manifests while the release is there; deleting them is running them."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Keep them."""
        return CreateResult("deletion-hooks", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Never replace: that would run them while the release is there."""
        keys = ("kubeconfig", "context", "manifests")
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in keys))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep the new ones."""
        return UpdateResult(_news)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Run them, unless they were made for no cluster."""
        if not _props["context"]:
            return
        from mesh.resources import hook_run  # noqa: PLC0415 - a client that only a destroy needs

        file = _props["kubeconfig"]
        at = Cluster(kubeconfig=Path(file) if file else None, context=_props["context"])
        hook_run.run(at, _props["manifests"])


class DeletionHooks(Resource, module="mesh", name="DeletionHooks"):
    """Comes before what they clean up after, and so goes after it."""

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        manifests: pulumi.Output[list[dict[str, Any]]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(
            DeletionHooksProvider(),
            name,
            {
                "kubeconfig": str(cluster.kubeconfig or ""),
                "context": cluster.context if cluster.is_there else "",
                "manifests": manifests,
            },
            opts,
        )
