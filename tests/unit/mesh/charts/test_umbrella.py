"""A release before 1.5: what of a stack it takes, and Bookinfo as it was."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh import fast_yaml
from mesh.charts import umbrella
from mesh.istio import release
from mesh.resources import chart, early_deployments
from mesh.settings.schema import FACTS
from mesh.validation import config
from tests.fakes.engine import RecordingEngine, find_release

VERSION = "1.0.5"
ONE_POD = '["jsonpath={.status.updatedReplicas}=1", "jsonpath={.status.readyReplicas}=1"]'


@pytest.fixture(scope="module")
def folder() -> Path:
    """Find the release, or skip."""
    return find_release(VERSION)


@pytest.fixture(scope="module")
def old(run_program: Callable[..., RecordingEngine], folder: Path) -> RecordingEngine:
    """Deploy it with nothing but defaults."""
    return run_program(istioVersion=VERSION, releaseDir=str(folder), kubeVersion="1.15.12")


@pytest.fixture
def mistakes(configure: Callable[..., None], folder: Path) -> Callable[..., str]:
    """Return the message that settings are refused with."""

    def refused(**overrides: str) -> str:
        configure(istioVersion=VERSION, releaseDir=str(folder), kubeVersion="1.15.12", **overrides)
        with pytest.raises(pulumi.RunError) as caught:
            config.read()
        return str(caught.value)

    return refused


def test_bookinfo_is_the_releases_own(old: RecordingEngine, folder: Path) -> None:
    """4 Services, 6 Deployments, field by field; ours say their namespace, and aren't awaited."""
    objects = [
        old.inputs(name)
        for name, request in old.requests.items()
        if request.parent.endswith(":Bookinfo::bookinfo")
    ]
    found = {(each["kind"], each["metadata"]["name"]): copy.deepcopy(each) for each in objects}
    file = folder / "samples/bookinfo/platform/kube/bookinfo.yaml"
    sample = {
        (each["kind"], each["metadata"]["name"]): each
        for each in fast_yaml.load_all(file.read_bytes())
        if each
    }
    for each in sample.values():
        if each["kind"] == "Deployment":
            (container,) = each["spec"]["template"]["spec"]["containers"]
            container["image"] = f"docker.io/{container['image']}"

    assert found.keys() == sample.keys()
    assert len(found) == 10
    for key, each in found.items():
        assert each["metadata"].pop("namespace") == "bookinfo"
        awaited = {
            "Service": {"pulumi.com/skipAwait": "true"},
            "Deployment": {"pulumi.com/waitFor": ONE_POD},
        }
        assert each["metadata"].pop("annotations", {}) == awaited.get(each["kind"], {})
        assert each == sample[key], key


@pytest.mark.parametrize(
    ("manifest", "waits_for"),
    [
        ({"apiVersion": "extensions/v1beta1", "spec": {"replicas": 1.0}}, ONE_POD),
        ({"apiVersion": "extensions/v1beta1", "spec": {}}, '["condition=Available"]'),
        ({"apiVersion": "apps/v1", "spec": {"replicas": 1.0}}, None),
    ],
)
def test_an_early_deployment_is_awaited_as_what_it_is(
    manifest: dict[str, Any], waits_for: str | None
) -> None:
    """Pulumi's own wait takes it for apps/v1, on which the plugin ends at the next update."""
    manifest |= {"kind": "Deployment", "metadata": {}}

    early_deployments.await_pods(manifest)

    annotations = manifest["metadata"].get("annotations", {})
    assert annotations.get("pulumi.com/waitFor") == waits_for


@pytest.mark.parametrize(("last", "waits"), [((1, 24), False), ((1, 15), True)])
def test_a_service_account_is_not_awaited_where_it_gets_a_secret(
    run_program: Callable[..., RecordingEngine],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    last: tuple[int, int],
    *,
    waits: bool,
) -> None:
    """A changed one would be, for a second Secret that never comes (awaiters.go)."""
    monkeypatch.setattr(chart, "NO_TOKEN_SECRETS", last)
    engine = run_program(istioVersion=VERSION, releaseDir=str(folder), kubeVersion="1.15.12")

    account = engine.inputs("ServiceAccount/istio-system/istio-pilot-service-account")

    marks = account["metadata"].get("annotations")
    assert marks == (None if waits else {"pulumi.com/skipAwait": "true"})


def test_a_stack_may_still_choose_the_images(
    run_program: Callable[..., RecordingEngine], folder: Path
) -> None:
    """The sample's hub and tag are defaults."""
    engine = run_program(
        istioVersion=VERSION,
        releaseDir=str(folder),
        kubeVersion="1.15.12",
        bookinfoHub="registry.example.com/books",
        bookinfoTag="2.0",
    )
    pod = engine.inputs("Deployment/bookinfo-details-v1")["spec"]["template"]["spec"]

    assert pod["containers"][0]["image"] == (
        "registry.example.com/books/examples-bookinfo-details-v1:2.0"
    )


def test_its_namespace_is_labelled_and_its_routes_are_of_that_time(old: RecordingEngine) -> None:
    """The label has stayed the same; the API version of routes hasn't."""
    labels = old.inputs("Namespace/bookinfo-namespace")["metadata"]["labels"]
    routes = [name for name in old.requests if "/bookinfo-routes-" in name]

    assert labels == {"istio-injection": "enabled"}
    assert len(routes) == 6
    for route in routes:
        assert old.inputs(route)["apiVersion"] == "networking.istio.io/v1alpha3", route


LATER: dict[str, Any] = {
    "gateways": [{"direction": "egress"}, {}],
    "routingApi": "gateway-api",
    "gatewayApiCrds": "cluster",
    "bookinfoDetailsV2": "true",
    "bookinfoRatings": "mongodb",
    "meshConfig": {"accessLogFile": "/dev/stdout"},
    "platform": "gke",
    "compatibilityVersion": "1.29",
    "mtls": "strict",
    "mtlsByNamespace": {"shop": "strict"},
    "denyByDefault": "true",
    "outboundTrafficPolicy": "REGISTRY_ONLY",
    "addons": ["prometheus"],
    "accessLogs": "true",
    "cni": "true",
    "revision": "old",
    "gatewayRevision": "default",
    "bookinfoRevision": "default",
    "revisionTags": {"prod": "default"},
}


@pytest.mark.parametrize("key", LATER)
def test_a_setting_of_later_is_refused(mistakes: Callable[..., str], key: str) -> None:
    """With what it needs, and why or what says the same: never ignored in silence."""
    value = LATER[key]
    message = mistakes(**{key: value if isinstance(value, str) else json.dumps(value)})

    assert f"mesh:{key}: needs Istio 1.5 or later, this is 1.0.5: " in message
    assert FACTS[key].before_1_5 in message


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ({"injection": "ambient"}, "mesh:injection: needs Istio 1.5 or later"),
        (
            {"values": '{"istiod": {"autoscaleMin": 2}}'},
            "mesh:values.istiod: needs Istio 1.5 or later, this is 1.0.5: its one chart is set by "
            "values.istio",
        ),
        (
            {"trafficPlan": '{"ratings": {"abort": {"percent": 1, "httpStatus": 503}}}'},
            "mesh:trafficPlan.ratings.abort: needs Istio 1.5 or later",
        ),
        ({"profile": "dmeo"}, "mesh:profile: no such one in the release, which has auth, "),
        ({"profile": "dmeo"}, "did you mean demo?"),
        (
            {"values": '{"istio": {"grafana": {"enabeld": true}}}'},
            "mesh:values.istio.grafana.enabeld: no such value in the chart istio, did you mean "
            "enabled?",
        ),
        (
            {"values": '{"istio": {"global": {"hub": "docker.io/istio"}}}'},
            "mesh:values.istio.global.hub: is the setting hub",
        ),
    ],
)
def test_what_the_chart_does_not_know_is_refused(
    mistakes: Callable[..., str], stack: dict[str, str], expected: str
) -> None:
    """By what is on disk, with what was meant."""
    assert expected in mistakes(**stack)


def test_a_kube_version_that_serves_too_little_is_refused(
    configure: Callable[..., None], folder: Path
) -> None:
    """With a cluster or without: what is rendered for it could be made nowhere."""
    configure(istioVersion=VERSION, releaseDir=str(folder))

    with pytest.raises(pulumi.RunError) as caught:
        config.read()

    message = str(caught.value)
    assert "mesh:kubeVersion: must serve the APIs that Istio 1.0.5 needs, got '1.36.0'" in message
    assert "last served by Kubernetes 1.15" in message
    assert "use a cluster of Kubernetes 1.15 or older" in message


def test_values_of_before_are_refused_today(
    configure: Callable[..., None], release_dir: Path
) -> None:
    """Today's release has no such chart."""
    configure(releaseDir=str(release_dir), values='{"istio": {"pilot": {"enabled": false}}}')

    with pytest.raises(pulumi.RunError, match=r"mesh:values\.istio: is for releases before 1\.5"):
        config.read()


def test_a_gateway_of_the_chart_may_be_named_as_one_likes(
    configure: Callable[..., None], folder: Path
) -> None:
    """Its template goes through all of them."""
    configure(
        istioVersion=VERSION,
        releaseDir=str(folder),
        kubeVersion="1.15.12",
        values='{"istio": {"gateways": {"edge": {"enabled": true, "labels": {"a": "b"}}}}}',
    )

    config.read()


def test_an_own_ca_is_used(configure: Callable[..., None], folder: Path) -> None:
    """Citadel takes the secret only when it is told to."""
    files = ("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem")
    certificates = dict.fromkeys(
        files, "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    )
    configure(
        concealed="cacerts",
        istioVersion=VERSION,
        kubeVersion="1.15.12",
        cacerts=json.dumps(certificates),
    )
    istio = release.find(VERSION, folder)

    assert umbrella.values(config.read_settings(), istio)["security"] == {"selfSigned": False}
