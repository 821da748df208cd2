"""Checks of Bookinfo's Deployments."""

from collections.abc import Iterator

from mesh.bookinfo.services import versions_of
from mesh.preflight import remedies
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import key
from meshctl.verify.snapshot import Finding, Snapshot, rollout


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Check that each version of Bookinfo's services has a Deployment with all pods ready."""
    namespace = settings.bookinfo_namespace
    if namespace not in settings.namespaces:
        return
    there = {key(deployment): deployment for deployment in snapshot.deployments}
    names = [
        f"{service}-{version}"
        for service, versions in versions_of(settings).items()
        for version in versions
    ]
    if missing := [name for name in names if f"{namespace}/{name}" not in there]:
        yield Finding(
            check="bookinfo",
            subject=namespace,
            status="wrong",
            found=f"no Deployment {', '.join(missing)}",
            remedy=remedies.bring_back(),
        )
    rollouts = [
        rollout("bookinfo", each, there[each], remedies.bring_back())
        for name in names
        if (each := f"{namespace}/{name}") in there
    ]
    wrong = [finding for finding in rollouts if finding.status == "wrong"]
    yield from wrong
    if not missing and not wrong:
        yield Finding(
            check="bookinfo",
            subject=namespace,
            status="ok",
            found=f"{len(names)} of {len(names)} Deployments ready",
        )
