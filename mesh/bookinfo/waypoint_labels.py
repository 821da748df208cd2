"""Labels by which Bookinfo's Services and pods use a waypoint of their own."""

from mesh.bookinfo.services import FRONT
from mesh.settings.labels import INGRESS_USE_WAYPOINT, USE_WAYPOINT
from mesh.settings.schema import Settings


def of_service(settings: Settings, service: str) -> dict[str, str]:
    """Return the labels of a Service; without one, its namespace's label decides."""
    waypoint = settings.waypoint_of(service)
    labels = {USE_WAYPOINT: waypoint.name} if waypoint and waypoint.services else {}
    if waypoint and service == FRONT and settings.deny_by_default:
        # Otherwise ingress gateways connect to the pods: no waypoint would see the methods.
        labels[INGRESS_USE_WAYPOINT] = "true"
    return labels


def of_pods(settings: Settings, service: str) -> dict[str, str]:
    """Return the labels of a service's pods, for requests to the address of a pod."""
    own = (each for each in settings.waypoints if service in each.services)
    waypoint = next((each for each in own if each.handles_workloads), None)
    return {USE_WAYPOINT: waypoint.name} if waypoint else {}
