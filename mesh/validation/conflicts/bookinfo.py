"""Conflicts between the settings of Bookinfo, and with those of the mesh."""

from collections.abc import Iterator

from mesh.bookinfo.services import variables_of
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts between Bookinfo's namespace and database settings."""
    if settings.bookinfo_namespace == settings.istio_namespace:
        yield Mistake(
            ("bookinfoNamespace",),
            "must differ from mesh:istioNamespace, whose pods get no sidecar",
            settings.bookinfo_namespace,
        )
    databases = {"mongodb": "mongodb", "mysqldb": "mysql"}
    for name, service in settings.bookinfo_services.items():
        database = databases.get(name)
        is_there = settings.bookinfo_ratings == database and settings.bookinfo_database is None
        if database and not is_there:
            rule = (
                f"isn't deployed without mesh:bookinfoRatings {database}, nor with "
                "mesh:bookinfoDatabase"
            )
            yield Mistake(("bookinfoServices", name), rule)
        if database and service.replicas is not None:
            rule = "can't be set for a database: each pod would have data of its own"
            yield Mistake(("bookinfoServices", name, "replicas"), rule, service.replicas)
        for variable in sorted(service.env.keys() & variables_of(name)):
            rule = "is the sample's own: drop it"
            yield Mistake(("bookinfoServices", name, "env", variable), rule)
    ratings, password = settings.bookinfo_ratings, settings.bookinfo_mysql_password
    if ratings == "mysql" and password is None:
        yield Mistake(
            ("bookinfoMysqlPassword",),
            "must be set for mesh:bookinfoRatings mysql: "
            "pulumi config set --secret bookinfoMysqlPassword",
        )
    yield from _database(settings)
    if ratings != "mysql" and password is not None:
        yield Mistake(
            ("bookinfoMysqlPassword",),
            f"needs mesh:bookinfoRatings mysql, which is {ratings or 'not set'}",
        )


def _database(settings: Settings) -> Iterator[Mistake]:
    """List conflicts of a database outside the stack."""
    database, ratings = settings.bookinfo_database, settings.bookinfo_ratings
    if database is not None and ratings is None:
        rule = "needs mesh:bookinfoRatings, mongodb or mysql"
        yield Mistake(("bookinfoDatabase", "host"), rule, database.host)
    password = settings.bookinfo_mongodb_password
    if database is not None and ratings == "mysql" and "name" in database.model_fields_set:
        rule = "can't be set for mysql, whose database is always test"
        yield Mistake(("bookinfoDatabase", "name"), rule, database.name)
    if database is not None and ratings == "mongodb" and database.user and password is None:
        rule = "needs its password: pulumi config set --secret bookinfoMongodbPassword"
        yield Mistake(("bookinfoDatabase", "user"), rule, database.user)
    if password is None:
        return
    if ratings != "mongodb" or database is None or database.user is None:
        yield Mistake(
            ("bookinfoMongodbPassword",),
            "needs mesh:bookinfoRatings mongodb and mesh:bookinfoDatabase with a user: the "
            "sample's own MongoDB has no password",
        )
