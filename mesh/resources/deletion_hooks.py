"""Helm's deletion hooks, run after all other objects of the release are deleted."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from mesh.kubernetes.cluster import Cluster, referenced


class DeletionHooksProvider(ResourceProvider):
    """Provider that keeps the hooks' manifests in the state, and runs the hooks on delete."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Keep the manifests."""
        return CreateResult("deletion-hooks", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Report an update, never a replacement, which would run the hooks before a destroy."""
        keys = ("kubeconfig", "context", "manifests")
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in keys))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep the new manifests."""
        return UpdateResult(_news)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Run the hooks, unless they were rendered without a cluster."""
        cluster = referenced(_props)
        if cluster is None:
            return
        from mesh.resources import hook_run  # noqa: PLC0415 - a client that only a destroy needs

        hook_run.run(cluster, _props["manifests"])


class DeletionHooks(Resource, module="mesh", name="DeletionHooks"):
    """Deletion hooks of a chart, created before it, so that Pulumi deletes them after it."""

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
            {**cluster.reference, "manifests": manifests},
            opts,
        )
