"""What a stack needs of Kubernetes: the APIs of all that it makes, and who serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.charts import umbrella
from mesh.kubernetes import apis
from mesh.validation.messages import wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh.istio.release import Release
    from mesh.kubernetes.apis import Api
    from mesh.settings.schema import Settings


def mistakes(prefix: str, settings: Settings, istio: Release) -> list[str]:
    """List what the Kubernetes that the stack's charts are rendered for doesn't serve."""
    lacking = unserved(settings, istio, settings.kube_version)
    if not lacking:
        return []
    rule = f"must serve what Istio {istio.version} is made of"
    reasons = "".join(f"\n      {reason}" for reason in lacking)
    return [wrong(f"{prefix}kubeVersion", rule, settings.kube_version) + reasons]


def unserved(settings: Settings, istio: Release, version: str) -> list[str]:
    """Name each API that a Kubernetes lacks with its objects, and at last what to do."""
    needs = list(_needs(settings, istio))
    lacking = apis.unserved(needs, version)
    if not lacking:
        return []
    newest = apis.newest(needs)
    which = f"of Kubernetes {newest} or older" if newest else "of a newer Kubernetes"
    other = "a newer Istio" if newest else "an older Istio"
    return [*lacking, f"use a cluster {which}, or {other}: pulumi config set istioVersion VERSION"]


def _needs(settings: Settings, istio: Release) -> Iterator[tuple[Api, str]]:
    for crd in istio.crds:
        yield (crd["apiVersion"], crd["kind"]), crd["metadata"]["name"]
    yield (istio.layout.sample.deployments, "Deployment"), "Bookinfo's"
    for chart in umbrella.enabled(settings, istio) if istio.is_umbrella else istio.charts:
        yield from apis.read_templates(chart)
