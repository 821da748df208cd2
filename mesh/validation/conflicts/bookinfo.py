"""Conflicts between the settings of Bookinfo, and with those of the mesh."""

from collections.abc import Iterator

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
    ratings, password = settings.bookinfo_ratings, settings.bookinfo_mysql_password
    if ratings == "mysql" and password is None:
        yield Mistake(
            ("bookinfoMysqlPassword",),
            "must be set for mesh:bookinfoRatings mysql: "
            "pulumi config set --secret bookinfoMysqlPassword",
        )
    if ratings != "mysql" and password is not None:
        yield Mistake(
            ("bookinfoMysqlPassword",),
            f"needs mesh:bookinfoRatings mysql, which is {ratings or 'not set'}",
        )
