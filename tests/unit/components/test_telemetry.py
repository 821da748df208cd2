"""The release's add-ons as it ships them, and what the mesh reports."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pulumi
import pytest

from mesh import fast_yaml
from mesh.istio import addons
from mesh.istio.release import Release, find
from mesh.settings.schema import AddonName
from mesh.validation import mesh_config
from tests import crd_schema
from tests.fakes.engine import RecordingEngine

Run = Callable[..., RecordingEngine]
NAMES = [addon.name for addon in addons.ADDONS]
WORKLOADS = {
    "prometheus": "Deployment/telemetry-prometheus",
    "loki": "StatefulSet/telemetry-loki",
    "jaeger": "Deployment/telemetry-jaeger",
    "grafana": "Deployment/telemetry-grafana",
    "kiali": "Deployment/telemetry-kiali",
}
MESH_DEFAULT = "Telemetry/telemetry-mesh-default"


@pytest.fixture(scope="module")
def release(release_dir: Path) -> Release:
    """Return the release that the program was run with, or skip."""
    found = find("1.30.3", release_dir)
    if not found.addon("prometheus").is_file():
        pytest.skip(f"{release_dir} has no samples")
    return found


@pytest.fixture(scope="module")
def watched(run_program: Run, release: Release) -> RecordingEngine:
    """Deploy all there is, in a mesh whose namespace is another."""
    assert release
    return run_program(
        istioNamespace="mesh-system",
        addons=json.dumps(NAMES),
        accessLogs="true",
        tracingSampling="12.5",
        meshConfig=json.dumps(
            {"rootNamespace": "mesh-root", "extensionProviders": [{"name": "own"}]}
        ),
    )


def objects(engine: RecordingEngine) -> dict[str, dict[str, Any]]:
    """Return the component's objects by resource name."""
    return {
        name: engine.inputs(name)
        for name, request in engine.requests.items()
        if request.parent.endswith(":Telemetry::telemetry")
    }


def test_a_stack_that_chooses_none_has_none(deployed: RecordingEngine) -> None:
    """Not even a Telemetry resource: Istio's own defaults hold."""
    assert objects(deployed) == {}
    assert deployed.outputs["dashboards"] == {}


def test_every_object_is_the_samples(watched: RecordingEngine, release: Release) -> None:
    """Field by field, in the mesh's own namespace; and Services aren't awaited."""
    made = {
        (found["kind"], found["metadata"]["name"]): found
        for name, found in objects(watched).items()
        if name != MESH_DEFAULT
    }
    shipped = {
        (found["kind"], found["metadata"]["name"]): found
        for addon in NAMES
        for found in fast_yaml.load_all(
            release.addon(addon).read_text().replace("istio-system", "mesh-system")
        )
        if found
    }
    assert made.keys() == shipped.keys()
    for key, expected in shipped.items():
        own = expected["metadata"].get("annotations") or {}
        awaited = expected["kind"] != "Service"
        annotations = own if awaited else {**own, "pulumi.com/skipAwait": "true"}
        expected["metadata"]["annotations"] = annotations or None
        assert made[key] == _without_nulls(expected)


def _without_nulls(value: Any) -> Any:
    """Leave out what the API server would take for absent, as Pulumi does."""
    if isinstance(value, dict):
        return {key: _without_nulls(part) for key, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def test_nothing_of_the_samples_namespace_is_left(watched: RecordingEngine) -> None:
    """Loki and Kiali name it in their own configuration too."""
    assert "istio-system" not in json.dumps(objects(watched))


@pytest.mark.parametrize("name", NAMES)
def test_pods_come_after_what_they_are_made_from(watched: RecordingEngine, name: str) -> None:
    """A pod without its account is refused, and one without its ConfigMap doesn't start."""
    waits = watched.waits_for(WORKLOADS[name])

    assert f"ConfigMap/telemetry-{name}" in waits
    if f"ServiceAccount/telemetry-{name}" in watched.requests:
        assert f"ServiceAccount/telemetry-{name}" in waits
    assert "Deployment/mesh-system/istiod" in waits


@pytest.mark.parametrize("name", ["grafana", "kiali"])
def test_an_addon_comes_after_those_it_needs(watched: RecordingEngine, name: str) -> None:
    """It shows their data from its first minute."""
    assert WORKLOADS["prometheus"] in watched.waits_for(WORKLOADS[name])


def test_the_table_has_every_addon_in_order(release: Release) -> None:
    """Each after those it needs, and each is a sample of the release."""
    assert {*NAMES} == {*get_args(AddonName)}
    for at, addon in enumerate(addons.ADDONS):
        assert {*addon.needs} <= {*NAMES[:at]}
        assert release.addon(addon.name).is_file()


@pytest.mark.parametrize("addon", addons.ADDONS, ids=NAMES)
def test_the_way_leads_to_a_port_of_the_samples(addon: addons.Addon, release: Release) -> None:
    """The Service and its port are there, and no two share a port of a person's machine."""
    services = {
        found["metadata"]["name"]: {port["port"] for port in found["spec"]["ports"]}
        for found in fast_yaml.load_all(release.addon(addon.name).read_bytes())
        if found and found["kind"] == "Service"
    }

    assert addon.port in services[addon.service]
    assert len({other.local_port for other in addons.ADDONS}) == len(addons.ADDONS)


def test_the_stack_says_how_to_reach_them(watched: RecordingEngine) -> None:
    """One line each, to copy, with the address to look at."""
    assert watched.outputs["dashboards"].keys() == {*NAMES}
    assert watched.outputs["dashboards"]["jaeger"] == (
        "kubectl --context sandbox --namespace mesh-system port-forward "
        "service/tracing 16686:80  # http://localhost:16686/jaeger"
    )


def test_the_way_to_one_is_a_shells_line_whatever_the_context() -> None:
    """Names of contexts may have spaces and brackets."""
    (prometheus, *_) = addons.ADDONS

    assert "--context 'prod (eu)' --namespace mesh " in prometheus.port_forward("prod (eu)", "mesh")


def test_proxies_log_and_trace_as_the_stack_says(
    watched: RecordingEngine, release: Release
) -> None:
    """For the whole mesh, in terms that the release knows, and once there is a Jaeger."""
    telemetry = watched.inputs(MESH_DEFAULT)

    crd_schema.check(release, telemetry)
    assert telemetry["metadata"] == {"name": "mesh-default", "namespace": "mesh-root"}
    assert telemetry["spec"] == {
        "accessLogging": [{"providers": [{"name": "envoy"}]}],
        "tracing": [{"providers": [{"name": "jaeger"}], "randomSamplingPercentage": 12.5}],
    }
    assert WORKLOADS["jaeger"] in watched.waits_for(MESH_DEFAULT)


def test_jaeger_is_a_provider_of_the_mesh(watched: RecordingEngine, release: Release) -> None:
    """Beside the stack's own, and at a Service and port that the sample has."""
    mesh = watched.cluster.rendered["istiod"]["values"]["meshConfig"]
    own, jaeger = mesh["extensionProviders"]
    collector = watched.inputs("Service/telemetry-jaeger-collector")

    assert mesh_config.conflicts(release.version, mesh, ("meshConfig",)) == []
    assert own == {"name": "own"}
    assert jaeger["name"] == "jaeger"
    name, namespace, *domain = jaeger["opentelemetry"]["service"].split(".")
    assert {"name": name, "namespace": namespace}.items() <= collector["metadata"].items()
    assert domain == ["svc", "cluster", "local"]
    assert jaeger["opentelemetry"]["port"] in {port["port"] for port in collector["spec"]["ports"]}


@pytest.mark.parametrize(
    ("settings", "spec"),
    [
        ({"accessLogs": "true"}, {"accessLogging": [{"providers": [{"name": "envoy"}]}]}),
        ({"addons": '["jaeger"]'}, {"tracing": [{"providers": [{"name": "jaeger"}]}]}),
        (
            {
                "tracingSampling": "0",
                "meshConfig": '{"defaultProviders": {"tracing": ["zipkin"]}}',
            },
            {"tracing": [{"randomSamplingPercentage": 0}]},
        ),
    ],
)
def test_only_what_is_decided_is_said(
    run_program: Run, release: Release, settings: dict[str, str], spec: dict[str, Any]
) -> None:
    """What the stack leaves open is Istio's own default, or the mesh config's."""
    engine = run_program(**settings)

    crd_schema.check(release, engine.inputs(MESH_DEFAULT))
    assert engine.inputs(MESH_DEFAULT)["spec"] == spec


def test_a_release_of_charts_only_is_refused(release_dir: Path, tmp_path: Path) -> None:
    """Before anything is made, with the file that is missing and what to do."""
    (tmp_path / "manifests").symlink_to(release_dir / "manifests")

    with pytest.raises(pulumi.RunError) as caught:
        find("1.30.3", tmp_path, addons={"kiali", "grafana"})

    assert f"{tmp_path}/samples/addons lacks grafana.yaml, kiali.yaml" in str(caught.value)
    assert "pulumi config rm addons" in str(caught.value)
    assert find("1.30.3", tmp_path).folder == tmp_path
