"""Conflicts between waypoints, and with what they are asked to do in ambient mode."""

from collections import Counter
from collections.abc import Iterator

from mesh.bookinfo.gateway_api_routes import version_service
from mesh.bookinfo.services import FRONT, MICROSERVICES, VARIANTS, VERSIONS, versions_of
from mesh.istio import versions as istio_versions
from mesh.settings.schema import Settings
from mesh.settings.traffic_plan import EVERY
from mesh.validation.mistake import Mistake

FAULTS = ("delay", "abort")
REPLICAS = (1, 26)
"""First minor in which a Gateway can change its Deployment (its release notes)."""


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts of all waypoints, and what needs one and has none."""
    for mistake in _all(settings):
        yield mistake.below("waypoints")
    if settings.data_plane.is_ambient:
        yield from _plan(settings)
        yield from _policies(settings)


def _all(settings: Settings) -> Iterator[Mistake]:
    if settings.waypoints and not settings.data_plane.is_ambient:
        yield Mistake((), "needs mesh:injection ambient: sidecars do the same", settings.injection)
    versions = versions_of(settings)
    taken = {
        *versions,
        *(each.account for each in (*MICROSERVICES, *VARIANTS.values())),
        *(version_service(each, version) for each in versions for version in versions[each]),
    }
    minor = (istio_versions.parse(settings.istio_version) or REPLICAS)[:2]
    names, users = Counter[str](), Counter[str]()
    shared = 0
    for index, waypoint in enumerate(settings.waypoints):
        names[waypoint.name] += 1
        if names[waypoint.name] > 1:
            yield Mistake((index, "name"), "must differ from every other's", waypoint.name)
        if waypoint.name in taken:
            rule = (
                "is the name of a Service, Deployment or ServiceAccount of Bookinfo, and istiod "
                "makes all three for a waypoint"
            )
            yield Mistake((index, "name"), rule, waypoint.name)
        if waypoint.replicas is not None and minor < REPLICAS:
            rule = f"needs Istio 1.26 or newer, and this is {settings.istio_version}: drop it"
            yield Mistake((index, "replicas"), rule, waypoint.replicas)
        shared += not waypoint.services
        if shared > 1 and not waypoint.services:
            rule = "must name services: a namespace uses one waypoint, and an earlier one is that"
            yield Mistake((index, "services"), rule, [])
        for number, service in enumerate(waypoint.services):
            users[service] += 1
            path = (index, "services", number)
            if service not in versions:
                rule = f"isn't deployed; the stack has {', '.join(versions)}"
                yield Mistake(path, rule, service)
            elif users[service] > 1:
                yield Mistake(path, "can use one waypoint only, and uses an earlier one", service)


def _plan(settings: Settings) -> Iterator[Mistake]:
    """List plans that no waypoint carries out, and faults, which none can inject."""
    by_istio = settings.routing_api == "istio"  # else the API itself is refused, by traffic_plan.py
    for service, plan in settings.traffic_plan.items():
        planned = [each for each in VERSIONS if service in (each, EVERY) and each != FRONT]
        lacking = [each for each in planned if settings.waypoint_of(each) is None]
        if lacking:
            yield Mistake(
                ("trafficPlan", service),
                f"needs a waypoint for {', '.join(lacking)}, or sidecars: {_remedy(settings)}",
            )
        levels = ((), plan), *((("when", n), case) for n, case in enumerate(plan.when))
        for path, level in levels:
            for fault in FAULTS:
                if by_istio and planned and not lacking and getattr(level, fault) is not None:
                    yield Mistake(
                        ("trafficPlan", service, *path, fault),
                        "can't be injected by a waypoint, whose Gateway API has no faults: drop "
                        "it, or use sidecars: pulumi config set injection auto",
                    )


def _policies(settings: Settings) -> Iterator[Mistake]:
    """List services without a waypoint, which denyByDefault needs to check methods."""
    if not settings.deny_by_default:
        return
    served = [each.name for each in MICROSERVICES if not each.is_database]
    lacking = [each for each in served if settings.waypoint_of(each) is None]
    if lacking:
        yield Mistake(
            ("denyByDefault",),
            f"needs a waypoint for {', '.join(lacking)}, or sidecars: ztunnel can't tell "
            f"requests apart by their methods: {_remedy(settings)}",
            settings.deny_by_default,
        )


def _remedy(settings: Settings) -> str:
    if settings.waypoints:
        return "add them to the services of a waypoint for service or all"
    return "pulumi config set --path 'waypoints[0].name' waypoint"
