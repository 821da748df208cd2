"""Required APIs: the Kubernetes APIs of a stack's objects, and those that a version lacks."""

from collections.abc import Iterator

from mesh.bookinfo.services import SAMPLES
from mesh.charts import umbrella
from mesh.istio.release import Release
from mesh.kubernetes import apis
from mesh.kubernetes.apis import Api
from mesh.settings.schema import Settings


def unserved(settings: Settings, release: Release, version: str) -> list[str]:
    """List the APIs that a Kubernetes version lacks, each with its objects, and then a remedy."""
    needs = list(_needs(settings, release))
    lacking = apis.unserved(needs, version)
    if not lacking:
        return []
    newest = apis.newest(needs)
    which = f"of Kubernetes {newest} or older" if newest else "of a newer Kubernetes"
    other = "a newer Istio" if newest else "an older Istio"
    return [*lacking, f"use a cluster {which}, or {other}: pulumi config set istioVersion VERSION"]


def _needs(settings: Settings, release: Release) -> Iterator[tuple[Api, str]]:
    for crd in release.crds:
        yield (crd["apiVersion"], crd["kind"]), crd["metadata"]["name"]
    yield (SAMPLES[release.layout.generation].deployments, "Deployment"), "Bookinfo's"
    for chart in umbrella.enabled(settings, release) if release.is_umbrella else release.charts:
        yield from apis.read_templates(chart)
