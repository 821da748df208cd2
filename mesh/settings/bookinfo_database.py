"""A database for Bookinfo's ratings that exists already, outside the mesh."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator

from mesh.settings.fields import Model, is_host
from mesh.settings.gateway import PortNumber

Database = Literal["mongodb", "mysql"]
PORTS: Mapping[Database, int] = {"mongodb": 27017, "mysql": 3306}
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


def _host(value: str) -> str:
    if is_host(value):
        return value
    raise ValueError(
        "must be a full DNS name in lower case, such as mongo.example.com: the mesh knows a "
        "database by its name"
    )


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("is up to 63 letters, digits, '_', '.' and '-'")
    return value


class BookinfoDatabase(Model):
    """Address and account of a database; its password is a setting of its own, which is secret."""

    host: Annotated[str, AfterValidator(_host)]
    port: PortNumber | None = None
    """Port; None = 27017 for MongoDB, 3306 for MySQL."""
    user: Annotated[str, AfterValidator(_name)] | None = None
    """Account; None = none for MongoDB, root for MySQL."""
    name: Annotated[str, AfterValidator(_name)] = "test"
    """Name of MongoDB's database; MySQL's is always test."""

    def port_of(self, kind: Database) -> int:
        """Return its port: its own, or the usual one."""
        return self.port or PORTS[kind]

    def mongodb_url(self, password: str | None) -> str:
        """Return the URL by which ratings finds MongoDB."""
        secret = f":{quote(password, safe='')}" if password else ""
        account = f"{quote(self.user, safe='')}{secret}@" if self.user else ""
        return f"mongodb://{account}{self.host}:{self.port_of('mongodb')}/{self.name}"

    @property
    def is_in_cluster(self) -> bool:
        """Whether it is a Service of the cluster, which the mesh knows already."""
        return self.host.endswith((".svc", ".svc.cluster.local"))
