"""Bookinfo's services and their versions, for its Deployments and its routes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mesh.istio.release import Generation
from mesh.settings.schema import Database, Settings

PORT = 9080
VERSIONS: Mapping[str, tuple[str, ...]] = {
    "details": ("v1",),
    "ratings": ("v1",),
    "reviews": ("v1", "v2", "v3"),
    "productpage": ("v1",),
}
"""The services that routes lead to, each with the versions that every stack deploys."""

DATABASES: Mapping[Database, tuple[str, str]] = {
    "mongodb": ("mongodb", "v2"),
    "mysql": ("mysqldb", "v2-mysql"),
}
"""The service of each database, and the version of ratings that queries it."""

FRONT = "productpage"
"""The service that receives requests from outside."""
PAGES: tuple[tuple[Literal["exact", "prefix"], str], ...] = (
    ("exact", "/productpage"),
    ("prefix", "/static"),
    ("exact", "/login"),
    ("exact", "/logout"),
    ("prefix", "/api/v1/products"),
)
"""The paths that productpage serves to the outside, each with its kind of match."""

Versions = Mapping[str, tuple[str, ...]]
"""The versions of each service that a stack deploys."""

DEFAULT_ACCOUNT = "default"
"""The ServiceAccount that every namespace has."""
DATABASE_USER = 999
"""The ID of the users `mongodb` and `mysql` in the databases' images."""
HEALTH = "/health"
"""The health check's path in every service except databases."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A Bookinfo sample: the differences between those that releases ship."""

    hub: str = "docker.io/istio"
    """Registry of the images, unless the stack sets one."""
    tag: str = "1.20.3"
    """Tag of the images, unless the stack sets one."""
    deployments: str = "apps/v1"
    """The API version of its Deployments."""
    is_bare: bool = False
    """Whether it is minimal: no ServiceAccounts, no restricted security contexts."""


SAMPLES: Mapping[Generation, Sample] = {
    "istiod": Sample(),
    "umbrella": Sample(
        hub="docker.io/istio", tag="1.8.0", deployments="extensions/v1beta1", is_bare=True
    ),
}
"""The sample of each generation of releases."""


@dataclass(frozen=True, kw_only=True)
class Microservice:
    """A service of Bookinfo: a Service, its ServiceAccount, and a Deployment for each version."""

    name: str
    port: int = PORT
    protocol: str = "http"
    """The protocol, which Istio reads from the port's name; a database has its own."""
    image: str = ""
    """The image's name; empty = `<service>-<version>`."""
    account_name: str = ""
    """Its ServiceAccount's name; empty = `bookinfo-<service>`."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    """The user ID that it runs as, where the image would start as root."""
    password: str = ""
    """The environment variable that holds the database's password."""
    scratch: Mapping[str, str] = field(default_factory=dict)
    """Mount paths of its emptyDir volumes, by the volume's name."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the pods."""
    calls: tuple[str, ...] = ()
    """The other services that it calls."""
    methods: tuple[str, ...] = ("GET",)
    """The HTTP methods of the requests that it gets."""

    @property
    def account(self) -> str:
        """The name of its ServiceAccount: its identity in the mesh."""
        return self.account_name or f"bookinfo-{self.name}"

    @property
    def account_labels(self) -> dict[str, str] | None:
        """The labels of its ServiceAccount; in the sample, a variant's account has none."""
        return None if self.account_name else {"account": self.name}

    def image_name(self, version: str) -> str:
        """Return the image's name of a version, without Bookinfo's prefix."""
        return self.image or f"{self.name}-{version}"

    @property
    def is_database(self) -> bool:
        """Whether it is a database; each of its pods has its own data."""
        return self.protocol != "http"


MICROSERVICES = (
    Microservice(name="details"),
    Microservice(name="ratings"),
    Microservice(
        name="reviews",
        env={"LOG_DIR": "/tmp/logs"},  # noqa: S108 - a path in the container
        scratch={"tmp": "/tmp", "wlp-output": "/opt/ibm/wlp/output"},  # noqa: S108
        calls=("ratings",),
    ),
    Microservice(
        name="productpage",
        scratch={"tmp": "/tmp"},  # noqa: S108
        annotations={
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(PORT),
            "prometheus.io/path": "/metrics",
        },
        calls=("details", "reviews"),
        methods=("GET", "POST"),  # POST signs in
    ),
    Microservice(
        name="mongodb",
        port=27017,
        protocol="mongo",
        image="mongodb",
        account_name=DEFAULT_ACCOUNT,
        args=("--ipv6", "--bind_ip_all"),
        user=DATABASE_USER,
        scratch={"data-db": "/data/db"},
    ),
    Microservice(
        name="mysqldb",
        port=3306,
        protocol="tcp",
        image="mysqldb",
        account_name=DEFAULT_ACCOUNT,
        args=("--default-authentication-plugin", "mysql_native_password"),
        password="MYSQL_ROOT_PASSWORD",  # noqa: S106 - the name of a variable
        user=DATABASE_USER,
        scratch={"var-lib-mysql": "/var/lib/mysql"},
    ),
)

VARIANTS: Mapping[tuple[str, str], Microservice] = {
    ("details", "v2"): Microservice(
        name="details", account_name=DEFAULT_ACCOUNT, env={"DO_NOT_ENCRYPT": "true"}
    ),
    ("ratings", "v2"): Microservice(
        name="ratings",
        account_name="bookinfo-ratings-v2",
        env={"MONGO_DB_URL": "mongodb://mongodb:27017/test"},
        calls=("mongodb",),
    ),
    ("ratings", "v2-mysql"): Microservice(
        name="ratings",
        image="ratings-v2",
        account_name=DEFAULT_ACCOUNT,
        env={
            "DB_TYPE": "mysql",
            "MYSQL_DB_HOST": "mysqldb",
            "MYSQL_DB_PORT": "3306",
            "MYSQL_DB_USER": "root",
        },
        password="MYSQL_DB_PASSWORD",  # noqa: S106
        calls=("mysqldb",),
    ),
}
"""Versions that differ from the others of their service, by service and version."""


def row(service: Microservice, version: str) -> Microservice:
    """Return the Microservice of a version: its variant, or else the service's own."""
    return VARIANTS.get((service.name, version), service)


def variables_of(name: str) -> frozenset[str]:
    """Return the environment variables that the sample sets, in any version of a service."""
    rows = [*MICROSERVICES, *VARIANTS.values()]
    return frozenset(
        variable
        for each in rows
        if each.name == name
        for variable in (*each.env, each.password)
        if variable
    )


def versions_of(settings: Settings) -> Versions:
    """List the versions that a stack deploys: the sample's own, and those that the stack adds."""
    found = dict(VERSIONS)
    if settings.bookinfo_details_v2:
        found["details"] += ("v2",)
    if settings.bookinfo_ratings:
        service, ratings = DATABASES[settings.bookinfo_ratings]
        found["ratings"] += (ratings,)
        if settings.bookinfo_database is None:
            found[service] = ("v1",)
    return found
