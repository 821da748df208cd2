"""The database of Bookinfo's ratings outside of the stack: variables and ServiceEntry."""

from collections.abc import Mapping

from mesh.bookinfo.services import Microservice
from mesh.istio.api.networking import Port, ServiceEntry, ServiceEntrySpec
from mesh.settings.bookinfo_database import Database
from mesh.settings.labels import NO_WAYPOINT, USE_WAYPOINT
from mesh.settings.schema import Settings

PROTOCOLS: Mapping[Database, tuple[str, str]] = {
    "mongodb": ("mongo", "MONGO"),
    "mysql": ("tcp-mysql", "TCP"),
}
"""Name and protocol of the port in the mesh; Istio's own protocol for MySQL is switched off."""
URL = "MONGO_DB_URL"


def variables(settings: Settings, service: Microservice) -> dict[str, str]:
    """Return a service's variables, with the address of a database outside the stack."""
    database, found = settings.bookinfo_database, dict(service.env)
    if database is None:
        return found
    if URL in found and settings.bookinfo_mongodb_password is None:
        found[URL] = database.mongodb_url(None)
    elif URL in found:
        del found[URL]  # it is in the Secret
    if "MYSQL_DB_HOST" in found:
        found["MYSQL_DB_HOST"] = database.host
        found["MYSQL_DB_PORT"] = str(database.port_of("mysql"))
        found["MYSQL_DB_USER"] = database.user or found["MYSQL_DB_USER"]
    return found


def secret_variable(settings: Settings, service: Microservice) -> str:
    """Return the variable that a service gets from the database's Secret; empty = none."""
    has_url = URL in service.env and settings.bookinfo_mongodb_password is not None
    return URL if has_url else service.password


def service_entry(settings: Settings) -> ServiceEntry | None:
    """Return the ServiceEntry of a database outside the cluster: REGISTRY_ONLY lets it through."""
    database, kind = settings.bookinfo_database, settings.bookinfo_ratings
    if database is None or kind is None or database.is_in_cluster:
        return None
    name, protocol = PROTOCOLS[kind]
    return ServiceEntry(
        name="ratings-database",
        namespace=settings.bookinfo_namespace,
        # A waypoint of the namespace would deny it by default: it is no service of Bookinfo.
        labels={USE_WAYPOINT: NO_WAYPOINT} if settings.waypoints else {},
        spec=ServiceEntrySpec(
            hosts=[database.host],
            ports=[Port(number=database.port_of(kind), name=name, protocol=protocol)],
            location="MESH_EXTERNAL",
            resolution="DNS",
            export_to=["."],
        ),
    )
