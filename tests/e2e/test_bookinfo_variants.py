"""Bookinfo's variants come and go beside what is there; the database's password stays secret."""

import base64
import json

from .checkout import Checkout
from .istiod import Istiod

PASSWORD = "correct horse battery staple"  # noqa: S105
USUAL = {"details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"}


def test_ratings_move_from_database_to_database(deployed: Checkout) -> None:
    """MySQL and its password, then MongoDB, sized and probed; then back to what it was."""
    before = _pods(deployed)
    with deployed.configured(bookinfoRatings="mysql", bookinfoDetailsV2=True):
        deployed.shell(f"pulumi config set --secret bookinfoMysqlPassword -- '{PASSWORD}'")
        said = [deployed.mesh("preview", "--", "--diff"), deployed.mesh("up", "--", "--diff")]
        assert deployed.changes("--refresh") == {}
        with_mysql = _pods(deployed)
        state = json.dumps(deployed.state())
        secret = deployed.kubectl("get", "secret", "mysql-credentials", "-n", "bookinfo")
        deployed.shell("pulumi config set --secret bookinfoMysqlPassword -- 'another one'")
        assert sorted(deployed.changes().values()) == ["update"] * 3
        deployed.mesh("up")
        renewed = _pods(deployed)
        readers = {name for name, uid in renewed.items() if with_mysql[name] != uid}
        assert readers == {"mysqldb-v1", "ratings-v2-mysql"}, "they read it when they start only"
        assert deployed.changes("--refresh") == {}
    assert with_mysql.keys() == USUAL | {"mysqldb-v1", "ratings-v2-mysql", "details-v2"}
    assert {name: with_mysql[name] for name in USUAL} == before
    encoded = secret["data"]["rootpasswd"]
    assert base64.b64decode(encoded).decode() == PASSWORD
    for needle in (PASSWORD, encoded):
        assert not [text for text in (*said, state) if needle in text]

    plan = {"ratings": {"to": "v2"}}
    sizes = {"requests": {"cpu": "10m", "memory": "32Mi"}}
    with deployed.configured(
        bookinfoRatings="mongodb", bookinfoResources=sizes, bookinfoProbes=True, trafficPlan=plan
    ):
        deployed.mesh("up")
        with_mongodb = _pods(deployed)
        (ratings,) = deployed.kubectl(
            *("get", "pods", "-n", "bookinfo", "-l", "app=ratings,version=v2")
        )["items"]
        rule = deployed.kubectl("get", "destinationrule", "ratings", "-n", "bookinfo")
    assert with_mongodb.keys() == USUAL | {"mongodb-v1", "ratings-v2"}
    assert [subset["name"] for subset in rule["spec"]["subsets"]] == ["v1", "v2"]
    (container,) = (c for c in ratings["spec"]["containers"] if c["name"] == "ratings")
    assert container["resources"]["requests"] == sizes["requests"]
    # The sidecar asks in the kubelet's place: the application takes no plain text in a strict mesh.
    assert container["readinessProbe"]["httpGet"]["path"] == "/app-health/ratings/readyz"

    deployed.mesh("up")
    assert _pods(deployed).keys() == USUAL


def test_ratings_come_from_a_database_outside(deployed: Checkout) -> None:
    """The mesh knows it, also where proxies know the registry only; its password stays secret."""
    database = {"host": "mongo.example.com", "user": "ratings"}
    env = {"JAVA_OPTS": "-Xmx256m"}
    with deployed.configured(
        bookinfoRatings="mongodb",
        bookinfoDatabase=database,
        outboundTrafficPolicy="REGISTRY_ONLY",
        bookinfoServices={"reviews": {"env": env, "nodeSelector": {"kubernetes.io/os": "linux"}}},
        namespaceLabels={"team": "mesh"},
    ):
        deployed.shell(f"pulumi config set --secret bookinfoMongodbPassword -- '{PASSWORD}'")
        said = deployed.mesh("up", "--", "--diff")
        assert deployed.changes("--refresh") == {}
        assert _pods(deployed).keys() == USUAL | {"ratings-v2"}
        known = {each["hostname"] for each in Istiod.of(deployed).debug("registryz")}
        assert "mongo.example.com" in known
        secret = deployed.kubectl("get", "secret", "mongodb-credentials", "-n", "bookinfo")
        url = base64.b64decode(secret["data"]["url"]).decode()
        account = f"ratings:{PASSWORD.replace(' ', '%20')}"
        assert url == f"mongodb://{account}@mongo.example.com:27017/test"
        for needle in (PASSWORD, url, secret["data"]["url"]):
            assert needle not in said + json.dumps(deployed.state())
        namespace = deployed.kubectl("get", "namespace", "bookinfo")
        assert namespace["metadata"]["labels"]["team"] == "mesh"

    deployed.mesh("up")
    assert deployed.changes("--refresh") == {}
    assert _pods(deployed).keys() == USUAL


def _pods(checkout: Checkout) -> dict[str, str]:
    """Return the UID of each Deployment's pod that is ready, by the Deployment's name."""
    found = {}
    for pod in checkout.kubectl("get", "pods", "-n", "bookinfo")["items"]:
        labels, conditions = pod["metadata"]["labels"], pod["status"]["conditions"]
        if {"type": "Ready", "status": "True"}.items() <= _ready(conditions).items():
            found[f"{labels['app']}-{labels['version']}"] = pod["metadata"]["uid"]
    return found


def _ready(conditions: list[dict[str, str]]) -> dict[str, str]:
    return next(each for each in conditions if each["type"] == "Ready")
