"""Ratings from a database that exists already: address, password, and the way out of the mesh."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh.validation import config
from tests.fakes.engine import RecordingEngine

Run = Callable[..., RecordingEngine]
PASSWORD = "Hunter2/@:"  # noqa: S105
MONGO = {"host": "mongo.example.com", "user": "ratings", "name": "books"}


def ratings(engine: RecordingEngine, version: str) -> dict[str, Any]:
    """Return the variables of a version of ratings, by name."""
    spec = engine.inputs(f"Deployment/bookinfo-ratings-{version}")["spec"]["template"]["spec"]
    return {
        each["name"]: each.get("value", each.get("valueFrom"))
        for each in spec["containers"][0]["env"]
    }


def test_mongodb_with_an_account(run_program: Run) -> None:
    """The URL is a Secret of its own; the stack deploys no database; the mesh knows the host."""
    engine = run_program(
        bookinfoRatings="mongodb",
        bookinfoDatabase=json.dumps(MONGO),
        bookinfoMongodbPassword=PASSWORD,
        concealed="bookinfoMongodbPassword",
    )

    reference = {"secretKeyRef": {"name": "mongodb-credentials", "key": "url"}}
    assert ratings(engine, "v2") == {"MONGO_DB_URL": reference}
    url = "mongodb://ratings:Hunter2%2F%40%3A@mongo.example.com:27017/books"
    encoded = base64.b64encode(url.encode()).decode()
    name = "Secret/bookinfo-mongodb-credentials"
    assert encoded in str(engine.requests[name])
    elsewhere = {key: str(each) for key, each in engine.requests.items() if key != name}
    assert not [key for key, text in elsewhere.items() if encoded in text or PASSWORD in text]
    assert not [key for key in engine.requests if "bookinfo-mongodb-v1" in key]
    assert engine.inputs("ServiceEntry/bookinfo-ratings-database")["spec"] == {
        "hosts": ["mongo.example.com"],
        "ports": [{"number": 27017, "name": "mongo", "protocol": "MONGO"}],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "exportTo": ["."],
    }


def test_mongodb_without_an_account(run_program: Run) -> None:
    """Inside the cluster it needs no ServiceEntry: the mesh knows its Service."""
    database = {"host": "mongo.data.svc.cluster.local", "port": 27018}
    engine = run_program(bookinfoRatings="mongodb", bookinfoDatabase=json.dumps(database))

    url = "mongodb://mongo.data.svc.cluster.local:27018/test"
    assert ratings(engine, "v2") == {"MONGO_DB_URL": url}
    assert not [key for key in engine.requests if key.startswith("ServiceEntry/")]


def test_mysql(run_program: Run) -> None:
    """Its address and account are variables, its password the Secret that the sample has."""
    database = {"host": "db.example.com", "port": 3307, "user": "ratings"}
    engine = run_program(
        bookinfoRatings="mysql",
        bookinfoDatabase=json.dumps(database),
        bookinfoMysqlPassword=PASSWORD,
        concealed="bookinfoMysqlPassword",
    )

    assert ratings(engine, "v2-mysql") == {
        "DB_TYPE": "mysql",
        "MYSQL_DB_HOST": "db.example.com",
        "MYSQL_DB_PORT": "3307",
        "MYSQL_DB_USER": "ratings",
        "MYSQL_DB_PASSWORD": {"secretKeyRef": {"name": "mysql-credentials", "key": "rootpasswd"}},
    }
    (port,) = engine.inputs("ServiceEntry/bookinfo-ratings-database")["spec"]["ports"]
    assert port == {"number": 3307, "name": "tcp-mysql", "protocol": "TCP"}


@pytest.mark.parametrize(
    ("stack", "rule"),
    [
        ({"bookinfoDatabase": {"host": "10.0.0.1"}}, "must be a full DNS name in lower case"),
        ({"bookinfoDatabase": {"host": "mongo"}}, "must be a full DNS name in lower case"),
        ({"bookinfoDatabase": {"host": "mongodb://m.test/x"}}, "must be a full DNS name"),
        ({"bookinfoDatabase": {"port": 1}}, "bookinfoDatabase.host: must be set"),
        ({"bookinfoDatabase": {"host": "m.test", "port": 0}}, "bookinfoDatabase.port: must be"),
        ({"bookinfoDatabase": {"host": "m.test", "user": "a b"}}, "is up to 63 letters"),
        ({"bookinfoDatabase": {"host": "m.test", "password": "x"}}, "password: no such"),
        (
            {"bookinfoDatabase": {"host": "m.test"}, "bookinfoRatings": ""},
            "bookinfoDatabase.host: needs mesh:bookinfoRatings, mongodb or mysql",
        ),
        (
            {"bookinfoMongodbPassword": PASSWORD, "concealed": "bookinfoMongodbPassword"},
            "bookinfoMongodbPassword: needs mesh:bookinfoRatings mongodb and mesh:bookinfoDatabase",
        ),
        ({"bookinfoDatabase": MONGO}, "bookinfoDatabase.user: needs its password"),
        (
            {
                "bookinfoRatings": "mysql",
                "bookinfoDatabase": {"host": "m.test", "name": "x"},
                "bookinfoMysqlPassword": PASSWORD,
                "concealed": "bookinfoMysqlPassword",
            },
            "bookinfoDatabase.name: can't be set for mysql, whose database is always test",
        ),
        (
            {
                "bookinfoDatabase": {"host": "m.test"},
                "bookinfoServices": {"mongodb": {}},
            },
            "mongodb: isn't deployed without mesh:bookinfoRatings mongodb, nor with",
        ),
        (
            {"bookinfoMongodbPassword": PASSWORD, "bookinfoDatabase": MONGO},
            "then pulumi config set --secret bookinfoMongodbPassword",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    configure: Callable[..., None], stack: dict[str, Any], rule: str
) -> None:
    """With the key, the rule and the remedy, and without the password."""
    texts = {
        key: each if isinstance(each, str) else json.dumps(each) for key, each in stack.items()
    }
    configure(**{"bookinfoRatings": "mongodb", **texts})

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    assert rule in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_another_address_restarts_ratings(run_program: Run) -> None:
    """It is in the Secret, which pods read when they start only."""
    marks = []
    for host in ("mongo.example.com", "other.example.com"):
        engine = run_program(
            bookinfoRatings="mongodb",
            bookinfoDatabase=json.dumps({**MONGO, "host": host}),
            bookinfoMongodbPassword=PASSWORD,
            concealed="bookinfoMongodbPassword",
        )
        template = engine.inputs("Deployment/bookinfo-ratings-v2")["spec"]["template"]
        marks.append(template["metadata"]["annotations"]["mesh.pulumi.com/password-mark"])

    assert marks[0] != marks[1]
