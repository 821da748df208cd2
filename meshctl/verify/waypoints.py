"""Checks of the stack's waypoints: pods that are ready, and services that use them."""

from collections.abc import Iterator
from dataclasses import replace

from mesh.bookinfo.services import versions_of
from mesh.preflight import remedies
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import Manifest, key
from meshctl.verify.snapshot import Finding, Snapshot, rollout

BOUND = "istio.io/WaypointBound"
"""Condition by which istiod tells whether a Service uses its waypoint."""


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Check that each waypoint has all of its pods, and that its services use it."""
    namespace = settings.bookinfo_namespace
    deployments = {key(each): each for each in snapshot.deployments}
    services = {key(each): each for each in snapshot.services}
    for waypoint in settings.waypoints:
        subject = f"{namespace}/{waypoint.name}"
        describe = (
            f"kubectl describe gateways.gateway.networking.k8s.io {waypoint.name} -n {namespace}"
        )
        users = [
            service
            for service in versions_of(settings)
            if settings.waypoint_of(service) == waypoint
        ]
        unbound = [
            f"{service}: {why}"
            for service in users
            if (why := _why_unbound(services.get(f"{namespace}/{service}"), subject))
        ]
        finding = Finding(
            check="waypoint",
            subject=subject,
            status="wrong",
            found="istiod hasn't created its Deployment",
            remedy=f"{remedies.bring_back()}; {describe}",
        )
        if subject in deployments:
            finding = rollout("waypoint", subject, deployments[subject], remedies.bring_back())
        if finding.status == "ok" and unbound:
            finding = replace(
                finding,
                status="wrong",
                found=f"isn't used by {'; '.join(unbound)}",
                remedy=f"{remedies.bring_back()}; {describe}",
            )
        elif finding.status == "ok" and users:
            finding = replace(finding, found=f"{finding.found}, for {', '.join(users)}")
        yield finding


def _why_unbound(service: Manifest | None, waypoint: str) -> str:
    """Return why a Service doesn't use a waypoint, in istiod's words; empty if it does."""
    if service is None:
        return "there is no such Service"
    conditions = service.get("status", {}).get("conditions") or ()
    bound = next((each for each in conditions if each["type"] == BOUND), None)
    if bound is None:
        return "istiod knows of no waypoint for it"
    if bound["status"] != "True" or not bound["message"].partition(". ")[0].endswith(waypoint):
        return bound["message"]
    return ""
