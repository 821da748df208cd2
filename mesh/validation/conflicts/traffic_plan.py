"""Conflicts between a traffic plan, the deployed versions of Bookinfo, and the routing API."""

from collections.abc import Iterator

from mesh.bookinfo.services import VERSIONS, Versions, versions_of
from mesh.settings.schema import Settings
from mesh.settings.traffic_plan import EVERY, Handling, Plan, rules
from mesh.validation.mistake import Mistake, unknown


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List unknown services and versions, and faults that the routing API can't inject."""
    versions = versions_of(settings)
    faults = settings.routing_api == "istio"
    for service, part in settings.traffic_plan.items():
        path = ("trafficPlan", service)
        if service not in VERSIONS and service != EVERY:
            got = part.model_dump(by_alias=True, exclude_unset=True)
            yield unknown(path, service, [*VERSIONS, EVERY], got, what="service")
            continue
        services = VERSIONS if service == EVERY else (service,)
        deployed = {each: versions[each] for each in services}
        for mistake in _handling(part, deployed, faults=faults):
            yield mistake.below(*path)
        for number, case in enumerate(part.when):
            for mistake in _handling(case, deployed, faults=faults):
                yield mistake.below(*path, "when", number)
        yield from _mirrored_to_itself(settings.traffic_plan, service)


def _mirrored_to_itself(plan: Plan, service: str) -> Iterator[Mistake]:
    """List mirrors to the version that already answers all of the same requests."""
    if not (planned := rules(plan, service)):  # a part that says nothing
        return
    *cases, otherwise = planned
    places = [("trafficPlan", service, "when", number) for number in range(len(cases))]
    levels = zip((*plan[service].when, plan[service]), (*cases, otherwise), strict=True)
    for path, (level, rule) in zip((*places, ("trafficPlan", service)), levels, strict=True):
        if level.mirror and rule.to == {level.mirror.to: 100}:
            yield Mistake(
                (*path, "mirror", "to"),
                "is the version that answers all of these requests, and would get them twice: "
                "name another version, or drop the mirror",
                level.mirror.to,
            )


def _handling(handling: Handling, deployed: Versions, *, faults: bool) -> Iterator[Mistake]:
    asked: list[tuple[tuple[str, ...], str]] = [(("to",), version) for version in handling.to or ()]
    if handling.mirror:
        asked.append((("mirror", "to"), handling.mirror.to))
    for path, version in asked:
        for service, versions in deployed.items():
            if version not in versions:
                yield Mistake(
                    path,
                    f"{service} has no such version, and its DestinationRule no such subset; "
                    f"deployed: {', '.join(versions)}",
                    version,
                )
    for key, fault in (("delay", handling.delay), ("abort", handling.abort)):
        if fault and not faults:
            yield Mistake(
                (key,),
                "the Gateway API injects no faults; drop it, or use Istio's API: "
                "pulumi config set routingApi istio",
                fault.model_dump(by_alias=True),
            )
