"""Bookinfo: its services and their versions, as a stack deploys and as its routes see them."""

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
"""The services that routes lead to, and the versions that every stack deploys of each."""

DATABASES: Mapping[Database, tuple[str, str]] = {
    "mongodb": ("mongodb", "v2"),
    "mysql": ("mysqldb", "v2-mysql"),
}
"""The service of a database, and the version of ratings that asks it."""

FRONT = "productpage"
"""The one service that is asked from outside."""
PAGES: tuple[tuple[Literal["exact", "prefix"], str], ...] = (
    ("exact", "/productpage"),
    ("prefix", "/static"),
    ("exact", "/login"),
    ("exact", "/logout"),
    ("prefix", "/api/v1/products"),
)
"""What the front serves to the world, by the way the path is matched."""

Versions = Mapping[str, tuple[str, ...]]
"""What a stack deploys: each service with its versions."""

DEFAULT_ACCOUNT = "default"
"""The account that every namespace has."""
DATABASE_USER = 999
"""The user `mongodb`, and the user `mysql`, of the databases' images."""
HEALTH = "/health"
"""The path by which each service but a database tells how it is."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What differs between the samples that releases ship."""

    hub: str = "docker.io/istio"
    """Where the images are, unless the stack says."""
    tag: str = "1.20.3"
    """The images' tag, unless the stack says."""
    deployments: str = "apps/v1"
    """The API version of its Deployments."""
    is_bare: bool = False
    """Whether it has nothing but what it takes to run: no accounts, no rights taken away."""


SAMPLES: Mapping[Generation, Sample] = {
    "istiod": Sample(),
    "umbrella": Sample(
        hub="docker.io/istio", tag="1.8.0", deployments="extensions/v1beta1", is_bare=True
    ),
}
"""The sample of each generation of releases."""


@dataclass(frozen=True, kw_only=True)
class Microservice:
    """One row: a Service, its ServiceAccount, and a Deployment for each version."""

    name: str
    port: int = PORT
    protocol: str = "http"
    """What is spoken, as Istio reads it from the port's name; a database speaks its own."""
    image: str = ""
    """The image's name; not set = the service's and the version's."""
    account_name: str = ""
    """Its ServiceAccount's name; not set = bookinfo- and the service's."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    """Who it runs as, where the image would start as root."""
    password: str = ""
    """The variable that holds the database's password."""
    scratch: Mapping[str, str] = field(default_factory=dict)
    """Empty volumes by name, and where each is mounted."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the pods."""
    calls: tuple[str, ...] = ()
    """The other services that it asks."""
    methods: tuple[str, ...] = ("GET",)
    """The HTTP methods that it is asked with."""

    @property
    def account(self) -> str:
        """The name of its ServiceAccount: its identity in the mesh."""
        return self.account_name or f"bookinfo-{self.name}"

    @property
    def account_labels(self) -> dict[str, str] | None:
        """The labels of its ServiceAccount; the sample gives a variant's none."""
        return None if self.account_name else {"account": self.name}

    def image_name(self, version: str) -> str:
        """Name the image of a version, without Bookinfo's prefix."""
        return self.image or f"{self.name}-{version}"

    @property
    def is_database(self) -> bool:
        """Whether it keeps data, each pod its own."""
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
"""The versions that differ from their services' others, by service and version."""


def row(service: Microservice, version: str) -> Microservice:
    """Return what a version of a service is made from."""
    return VARIANTS.get((service.name, version), service)


def versions_of(settings: Settings) -> Versions:
    """List what a stack deploys: the sample's own versions, and those that the stack adds."""
    found = dict(VERSIONS)
    if settings.bookinfo_details_v2:
        found["details"] += ("v2",)
    if settings.bookinfo_ratings:
        service, ratings = DATABASES[settings.bookinfo_ratings]
        found["ratings"] += (ratings,)
        found[service] = ("v1",)
    return found
