"""Bookinfo's variants and sizes: the release's own samples, and what a stack says of them."""

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh import fast_yaml
from mesh.bookinfo.services import DATABASES, MICROSERVICES, VARIANTS, VERSIONS, versions_of
from mesh.kubernetes.pod_security import RESTRICTED_CONTAINER
from mesh.resources import secrets
from mesh.settings.schema import Settings
from mesh.validation import config
from tests.fakes.engine import RecordingEngine

Objects = dict[tuple[str, str], dict[str, Any]]
Run = Callable[..., RecordingEngine]
Configure = Callable[..., None]

SIGNATURE = "4dabf18193072939515e22adb298388d"  # how Pulumi's protocol marks a special value
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret one
RETIRED = "registry.istio.io/release/"
"""Where the samples have their images; ours come from Docker Hub, which stays."""
PASSWORD = "Hunter2"  # noqa: S105
REFERENCE = {"secretKeyRef": {"name": "mysql-credentials", "key": "rootpasswd"}}
# Of what, and the files of the sample that have it.
SAMPLES = {
    "mongodb": ("bookinfo-db.yaml", "bookinfo-ratings-v2.yaml"),
    "mysql": ("bookinfo-mysql.yaml", "bookinfo-ratings-v2-mysql.yaml"),
    "details-v2": ("bookinfo-details-v2.yaml",),
}


def objects(engine: RecordingEngine) -> Objects:
    """Return the objects of the component by kind and name."""
    found = [
        engine.inputs(name)
        for name, request in engine.requests.items()
        if request.parent.endswith(":Bookinfo::bookinfo")
    ]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the one container of a Deployment."""
    (only,) = manifest["spec"]["template"]["spec"]["containers"]
    return only


@pytest.fixture(scope="module")
def variants(run_program: Run) -> dict[str, RecordingEngine]:
    """Deploy each variant."""
    return {
        "mongodb": run_program(bookinfoRatings="mongodb"),
        "mysql": run_program(
            bookinfoRatings="mysql",
            bookinfoMysqlPassword=PASSWORD,
            concealed="bookinfoMysqlPassword",
        ),
        "details-v2": run_program(bookinfoDetailsV2="true"),
    }


@pytest.mark.parametrize("variant", SAMPLES)
def test_a_variant_is_the_samples(
    deployed: RecordingEngine,
    variants: dict[str, RecordingEngine],
    release_dir: Path,
    variant: str,
) -> None:
    """Field by field, beside all that is there without it.

    Ours say their namespace, that Services aren't awaited, and what Pod Security asks for; and the
    password is in the Secret only.
    """
    folder = release_dir / "samples/bookinfo/platform/kube"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    found, before = objects(variants[variant]), objects(deployed)
    expected = {
        (manifest["kind"], manifest["metadata"]["name"]): manifest
        for file in SAMPLES[variant]
        for manifest in fast_yaml.load_all((folder / file).read_bytes())
        if manifest
    }

    assert {key: found[key] for key in before} == before
    assert found.keys() - before.keys() == expected.keys()
    for key, manifest in expected.items():
        assert _as_the_sample(found[key]) == _as_ours(manifest)


def _as_the_sample(found: dict[str, Any]) -> dict[str, Any]:
    """Take away what the sample leaves open, having seen that it is what it must be."""
    ours = copy.deepcopy(found)
    assert ours["metadata"].pop("namespace") == "bookinfo"
    if ours["kind"] == "Service":
        assert ours["metadata"].pop("annotations") == {"pulumi.com/skipAwait": "true"}
    if ours["kind"] == "Secret":
        data = ours.pop("data")
        assert data[SIGNATURE] == SECRET
        assert base64.b64decode(data["value"]["rootpasswd"]).decode() == PASSWORD
    if ours["kind"] == "Deployment":
        context = container(ours).pop("securityContext")
        database = ours["metadata"]["labels"]["app"] in ("mongodb", "mysqldb")
        assert ("lifecycle" in container(ours)) is not database
        container(ours).pop("lifecycle", None)
        assert context == {**RESTRICTED_CONTAINER, **({"runAsUser": 999} if database else {})}
        if any(each["name"].endswith("PASSWORD") for each in container(ours).get("env", ())):
            del ours["spec"]["template"]["metadata"]["annotations"]
    return ours


def _as_ours(manifest: dict[str, Any]) -> dict[str, Any]:
    """Take the password out of what the sample has in plain text."""
    if manifest["kind"] == "Secret":
        assert list(manifest.pop("data")) == ["rootpasswd"]
    if manifest["kind"] == "Deployment":
        image = container(manifest)["image"].removeprefix(RETIRED)
        container(manifest)["image"] = f"docker.io/istio/{image}"
        for variable in container(manifest).get("env", ()):
            if variable["name"] == "MYSQL_DB_PASSWORD":
                del variable["value"]
                variable["valueFrom"] = REFERENCE
    return manifest


def test_the_password_is_in_the_secret_only(variants: dict[str, RecordingEngine]) -> None:
    """In no variable, no annotation and no output, neither plain nor in base64."""
    engine = variants["mysql"]
    name = "Secret/bookinfo-mysql-credentials"
    elsewhere = [
        *(str(request) for each, request in engine.requests.items() if each != name),
        str(engine.outputs),
    ]

    encoded = base64.b64encode(PASSWORD.encode()).decode()
    assert encoded in str(engine.requests[name])
    for needle in (PASSWORD, encoded):
        assert not [text for text in elsewhere if needle in text]


def test_another_password_restarts_those_who_read_it(
    run_program: Run, variants: dict[str, RecordingEngine]
) -> None:
    """They read it when they start only; the preview shows both, and nothing of the password."""

    def marks(engine: RecordingEngine) -> dict[str, str | None]:
        templates = {
            name: engine.inputs(f"Deployment/bookinfo-{name}")["spec"]["template"]["metadata"]
            for name in ("mysqldb-v1", "ratings-v2-mysql", "ratings-v1")
        }
        return {
            name: (metadata.get("annotations") or {}).get(secrets.PASSWORD_MARK)
            for name, metadata in templates.items()
        }

    another = run_program(
        bookinfoRatings="mysql",
        bookinfoMysqlPassword="another",
        concealed="bookinfoMysqlPassword",
    )
    before, after = marks(variants["mysql"]), marks(another)

    assert before["mysqldb-v1"] == before["ratings-v2-mysql"] != after["mysqldb-v1"]
    assert before["ratings-v1"] is None


@pytest.mark.parametrize("deployment", ["mysqldb-v1", "ratings-v2-mysql"])
def test_who_has_the_password_waits_for_it(
    variants: dict[str, RecordingEngine], deployment: str
) -> None:
    """A container whose Secret isn't there is tried again ever later."""
    waited_for = variants["mysql"].waits_for(f"Deployment/bookinfo-{deployment}")

    assert "Secret/bookinfo-mysql-credentials" in waited_for


def test_every_variant_is_a_version_that_some_stack_deploys() -> None:
    """The two tables know the same versions, and the same databases."""
    settings = Settings.defaults().model_copy(update={"bookinfo_details_v2": True})
    everything = [
        versions_of(settings.model_copy(update={"bookinfo_ratings": database}))
        for database in DATABASES
    ]
    deployed = {(service, v) for each in everything for service in each for v in each[service]}
    usual = {(service, v) for service in VERSIONS for v in VERSIONS[service]}
    databases = {service.name for service in MICROSERVICES if service.is_database}

    assert VARIANTS.keys() == {(s, v) for s, v in deployed - usual if s not in databases}
    assert databases == {service for service, _ in DATABASES.values()}


def test_a_route_may_lead_to_a_variant(run_program: Run, configure: Configure) -> None:
    """Its DestinationRule has the subset; without the variant such a plan is refused."""
    plan = json.dumps({"ratings": {"to": "v2"}})
    engine = run_program(bookinfoRatings="mongodb", trafficPlan=plan)
    rule = engine.inputs("DestinationRule/bookinfo-routes-ratings-versions")

    assert [subset["name"] for subset in rule["spec"]["subsets"]] == ["v1", "v2"]
    configure(trafficPlan=plan)
    with pytest.raises(pulumi.RunError, match=r"ratings has no such version.*deployed: v1, got"):
        config.read_settings()


@pytest.mark.parametrize(
    ("variant", "database", "account"),
    [("mongodb", "mongodb", "bookinfo-ratings-v2"), ("mysql", "mysqldb", "default")],
)
def test_the_database_may_be_asked_by_its_ratings_only(
    run_program: Run, variant: str, database: str, account: str
) -> None:
    """With denyByDefault; and by whatever method, for it speaks no HTTP."""
    schema = {"bookinfoRatings": variant, "denyByDefault": "true"}
    if variant == "mysql":
        schema |= {"bookinfoMysqlPassword": PASSWORD, "concealed": "bookinfoMysqlPassword"}
    engine = run_program(**schema)
    spec = engine.inputs(f"AuthorizationPolicy/security-allow-{database}")["spec"]

    principal = f"cluster.local/ns/bookinfo/sa/{account}"
    assert spec["selector"]["matchLabels"] == {"app": database}
    assert spec["rules"] == [{"from": [{"source": {"principals": [principal]}}]}]
    other = engine.inputs("AuthorizationPolicy/security-allow-ratings")["spec"]["rules"]
    assert other[0]["to"] == [{"operation": {"methods": ["GET"]}}]


@pytest.fixture(scope="module")
def sized(run_program: Run) -> Objects:
    """Deploy with all that a stack says of the pods."""
    resources = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "0.5Gi"}}
    return objects(
        run_program(
            bookinfoRatings="mongodb",
            bookinfoReplicas="3",
            bookinfoResources=json.dumps(resources),
            bookinfoHub="registry.example.com:5000/books",
            bookinfoTag="2.0",
            bookinfoProbes="true",
        )
    )


def test_every_deployment_is_sized_alike(sized: Objects) -> None:
    """Replicas, resources and images are said once; a database's pods would not share its data."""
    for (kind, name), found in sized.items():
        if kind != "Deployment":
            continue
        only = container(found)
        assert found["spec"]["replicas"] == (1 if name == "mongodb-v1" else 3)
        assert only["resources"] == {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "0.5Gi"},
        }
        image = "mongodb" if name == "mongodb-v1" else name
        assert only["image"] == f"registry.example.com:5000/books/examples-bookinfo-{image}:2.0"


def test_probes_ask_for_health(sized: Objects, deployed: RecordingEngine) -> None:
    """By HTTP where it is spoken, else whether somebody listens; and only on request."""
    for (kind, name), found in sized.items():
        if kind != "Deployment":
            continue
        probe = (
            {"tcpSocket": {"port": 27017}}
            if name == "mongodb-v1"
            else {"httpGet": {"path": "/health", "port": 9080}}
        )
        assert container(found)["readinessProbe"] == probe
        assert container(found)["livenessProbe"] == probe
    for (kind, _), found in objects(deployed).items():
        if kind == "Deployment":
            assert not container(found).keys() & {"readinessProbe", "livenessProbe", "resources"}


@pytest.mark.parametrize(
    ("stack", "rule"),
    [
        ({"bookinfoRatings": "postgres"}, "mesh:bookinfoRatings: must be 'mongodb' or 'mysql'"),
        (
            {"bookinfoRatings": "mysql"},
            "mesh:bookinfoMysqlPassword: must be set for mesh:bookinfoRatings mysql: "
            "pulumi config set --secret bookinfoMysqlPassword",
        ),
        (
            {"bookinfoMysqlPassword": PASSWORD, "concealed": "bookinfoMysqlPassword"},
            "mesh:bookinfoMysqlPassword: needs mesh:bookinfoRatings mysql",
        ),
        (
            {"bookinfoRatings": "mysql", "bookinfoMysqlPassword": PASSWORD},
            "mesh:bookinfoMysqlPassword: must be set with --secret",
        ),
        ({"bookinfoReplicas": "0"}, "mesh:bookinfoReplicas: must be greater than or equal to 1"),
        ({"bookinfoReplicas": "two"}, "mesh:bookinfoReplicas: must be a valid integer"),
        ({"bookinfoTag": "1.20.3:x"}, "mesh:bookinfoTag: a tag is up to 128 letters"),
        ({"bookinfoHub": "https://example.com"}, "mesh:bookinfoHub: a hub is REGISTRY/PATH"),
        ({"bookinfoProbes": "perhaps"}, "mesh:bookinfoProbes: must be a valid boolean"),
        (
            {"bookinfoResources": '{"request": {"cpu": "1"}}'},
            "mesh:bookinfoResources.request: no such setting, did you mean requests?",
        ),
        (
            {"bookinfoResources": '{"requests": {"cpus": "1"}}'},
            "mesh:bookinfoResources.requests.cpus",
        ),
        (
            {"bookinfoResources": '{"limits": {"memory": "lots"}}'},
            "mesh:bookinfoResources.limits.memory: must be a quantity",
        ),
        (
            {"bookinfoResources": '{"limits": {"memory": "10Z", "cpu": "-1"}}'},
            "mesh:bookinfoResources.limits.cpu: must be a quantity",
        ),
        (
            {"bookinfoResources": '{"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}'},
            "mesh:bookinfoResources: must ask for no more cpu than its limit, 1500m",
        ),
    ],
)
def test_a_mistake_is_named(configure: Configure, stack: dict[str, str], rule: str) -> None:
    """With the key, the rule and the remedy; the password isn't shown."""
    configure(**stack)
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()

    assert rule in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("asked", [1, "1", 0.5, "500m", "1000m", "+.5", "1.", "1000000u", "1e-1"])
def test_a_request_up_to_the_limit_is_taken(configure: Configure, asked: float | str) -> None:
    """Whichever way both are written."""
    limits = {"cpu": 1, "memory": "1Mi"}
    resources = {"requests": {"cpu": asked, "memory": "1024Ki"}, "limits": limits}
    configure(bookinfoResources=json.dumps(resources))

    assert config.read_settings().bookinfo_resources.requests["cpu"] == str(asked)


def test_a_service_has_settings_of_its_own(run_program: Run) -> None:
    """All of its versions; the others keep what all services have."""
    reviews = {
        "replicas": 3,
        "resources": {"limits": {"memory": "1Gi"}},
        "env": {"JAVA_OPTS": "-Xmx512m"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "mesh", "value": "yes", "effect": "NoSchedule"}],
    }
    engine = run_program(
        bookinfoServices=json.dumps({"reviews": reviews}),
        bookinfoResources=json.dumps({"requests": {"cpu": "50m"}}),
    )

    for version in ("v1", "v2", "v3"):
        spec = engine.inputs(f"Deployment/bookinfo-reviews-{version}")["spec"]
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        assert spec["replicas"] == 3
        assert container["resources"] == {"limits": {"memory": "1Gi"}}
        assert {"name": "JAVA_OPTS", "value": "-Xmx512m"} in container["env"]
        assert {each["name"] for each in container["env"]} == {"LOG_DIR", "JAVA_OPTS"}
        assert pod["nodeSelector"] == {"disk": "ssd"}
        assert pod["tolerations"] == [
            {"key": "mesh", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
        ]
    others = engine.inputs("Deployment/bookinfo-ratings-v1")["spec"]
    assert others["replicas"] == 1
    assert others["template"]["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "50m"}}
    assert "tolerations" not in others["template"]["spec"]


@pytest.mark.parametrize(
    ("services", "rule"),
    [
        ({"review": {}}, "bookinfoServices.review"),
        ({"mongodb": {}}, "mongodb: isn't deployed without mesh:bookinfoRatings mongodb"),
        ({"reviews": {"replicas": 0}}, "reviews.replicas: must be greater than or equal to 1"),
        ({"reviews": {"cpu": 1}}, "bookinfoServices.reviews.cpu: no such"),
        ({"reviews": {"env": {"1A": "x"}}}, "a variable's name is letters, digits and '_'"),
        ({"reviews": {"env": {"A": 1}}}, "must be a string, in quotes: pulumi config set --type"),
        ({"reviews": {"env": {"LOG_DIR": "/x"}}}, "env.LOG_DIR: is the sample's own: drop it"),
        ({"ratings": {"env": {"DB_TYPE": "x"}}}, "env.DB_TYPE: is the sample's own: drop it"),
        (
            {"reviews": {"env": {"API_TOKEN": "hunter2hunter2"}}},
            "holds a credential in plain text",
        ),
        ({"reviews": {"nodeSelector": {"disk": "a b"}}}, "a label's value is up to 63 letters"),
        ({"reviews": {"tolerations": [{}]}}, "must have a key, or operator Exists"),
        ({"reviews": {"tolerations": [{"key": "a", "value": "$(id)"}]}}, "a label's value is up"),
        (
            {
                "reviews": {
                    "tolerations": [
                        {"key": "a", "effect": "NoExecute", "tolerationSeconds": 2**63},
                    ]
                }
            },
            "must be less than or equal to 9007199254740992",
        ),
        (
            {"reviews": {"tolerations": [{"operator": "Exists", "value": "x"}]}},
            "can't have a value with operator Exists",
        ),
        (
            {"reviews": {"tolerations": [{"key": "a", "tolerationSeconds": 5}]}},
            "can have tolerationSeconds with effect NoExecute only",
        ),
        (
            {"reviews": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}},
            "must ask for no more cpu than its limit, 1",
        ),
    ],
)
def test_settings_of_a_service_that_do_not_fit_are_refused(
    configure: Callable[..., None], services: dict[str, Any], rule: str
) -> None:
    """With the key, the rule and the remedy."""
    configure(bookinfoServices=json.dumps(services))

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    assert rule in str(caught.value)


def test_a_database_has_one_pod(configure: Callable[..., None]) -> None:
    """Each would have data of its own."""
    own = {"mongodb": {"replicas": 2, "resources": {"limits": {"memory": "1Gi"}}}}
    configure(bookinfoRatings="mongodb", bookinfoServices=json.dumps(own))

    with pytest.raises(pulumi.RunError, match="replicas: can't be set for a database"):
        config.read_settings()
