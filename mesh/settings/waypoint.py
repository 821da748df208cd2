"""Waypoints in a stack's config: proxies that handle requests between pods in ambient mode."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mesh.settings.bookinfo_service import ServiceName
from mesh.settings.fields import Model, Replicas
from mesh.settings.gateway import NAME

WAYPOINT_CLASS = "istio-waypoint"
"""GatewayClass of waypoints: istiod deploys their proxies."""
Traffic = Literal["service", "workload", "all"]
"""Traffic that a waypoint handles, as in `istioctl waypoint apply --for`."""


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            "a waypoint's name is 1 to 53 lower-case letters, digits and '-', starts with a letter "
            "and ends with a letter or digit"
        )
    return value


class Waypoint(Model):
    """Waypoint of Bookinfo's namespace, or of some of its services only."""

    name: Annotated[str, AfterValidator(_name)] = "waypoint"
    """Name of its Gateway, Deployment, Service and ServiceAccount."""
    traffic: Annotated[Traffic, Field(alias="for")] = "service"
    services: tuple[ServiceName, ...] = ()
    """Services of Bookinfo that use it; none = all of the namespace."""
    replicas: Replicas | None = None
    """Pods of its Deployment; None = istiod's default, 1."""

    @property
    def handles_services(self) -> bool:
        """Whether it handles requests to services: routes and policies of services apply there."""
        return self.traffic in ("service", "all")

    @property
    def handles_workloads(self) -> bool:
        """Whether it handles requests to the address of a pod."""
        return self.traffic in ("workload", "all")


def serving(waypoints: Sequence[Waypoint], service: str) -> Waypoint | None:
    """Return the waypoint that handles requests to a service: its own, or its namespace's."""
    own = [each for each in waypoints if service in each.services]
    shared = [each for each in waypoints if not each.services]
    return next((each for each in (*own, *shared) if each.handles_services), None)
