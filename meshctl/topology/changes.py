"""Changes between two pictures: the parts of each that the other one has not, or not the same."""

from meshctl.topology.picture import Picture

Key = tuple[str, ...]
"""What a part is, and the names that identify it."""
OUTSIDE: Key = ("outside",)
"""The one part with all hosts outside the mesh."""


Side = tuple[str, Picture, frozenset[Key]]
"""A picture with its caption, and the parts to mark in it."""


def sides(picture: Picture, after: Picture | None) -> list[Side]:
    """Return one picture as it is, or two with the parts that differ; an empty one is left out."""
    if after is None:
        return [("", picture, frozenset())]
    found = [
        ("before", picture, changed(picture, after)),
        ("after", after, changed(after, picture)),
    ]
    return [side for side in found if side[1].has_parts]


def changed(picture: Picture, other: Picture) -> frozenset[Key]:
    """Return the parts of a picture that another one hasn't, or has in another form."""
    there = _parts(other)
    return frozenset(key for key, part in _parts(picture).items() if there.get(key) != part)


def _parts(picture: Picture) -> dict[Key, object]:
    found: dict[Key, object] = {}
    for gateway in picture.gateways:
        found["gateway", gateway.full_name] = gateway
    for plane in picture.control_planes:
        found["control plane", plane.full_name] = plane
    if picture.outside:
        found[OUTSIDE] = picture.outside
    for call in picture.calls:
        found["call", call.caller, call.version, call.service] = call
    for service in picture.services:
        found["service", service.name] = (
            service.mtls,
            service.waypoint,
            service.is_closed,
            service.problems,
        )
        for version in service.versions:
            found["version", service.name, version.name] = version
            # Copies are a route of their own: both are on one arrow.
            found["routes", service.name, version.name] = [
                route for route in service.routes if route.version == version.name
            ]
    return found
