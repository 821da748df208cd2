"""A release that is one umbrella chart: every set of values it ships, through the real helm."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.charts import umbrella
from mesh.istio.release import find
from tests.fakes.engine import RecordingEngine, find_release, run

from .helm import PluginCluster, template
from .test_charts import key, of_charts, without_nulls

VERSION, KUBERNETES = "1.0.5", "1.15.12"
PROFILES = (
    "auth",
    "auth-galley",
    "auth-multicluster",
    "demo",
    "demo-auth",
    "galley",
    "gateways",
    "istio",
    "multicluster",
    "one-namespace",
    "one-namespace-auth",
)
SERVICES = {
    "istio-citadel": "ClusterIP",
    "istio-egressgateway": "ClusterIP",
    "istio-galley": "ClusterIP",
    "istio-ingressgateway": "LoadBalancer",
    "istio-pilot": "ClusterIP",
    "istio-policy": "ClusterIP",
    "istio-sidecar-injector": "ClusterIP",
    "istio-telemetry": "ClusterIP",
    "prometheus": "ClusterIP",
}
"""Those that `kubectl get svc -n istio-system` showed in 2018, and their types."""


@pytest.fixture(scope="session")
def folder() -> Path:
    """Find the release, or skip."""
    return find_release(VERSION)


def deploy(folder: Path, tmp: Path, **settings: Any) -> RecordingEngine:
    """Deploy the program with the release, its chart rendered for real."""
    engine = RecordingEngine(PluginCluster())
    run(
        engine,
        tmp,
        istioVersion=VERSION,
        releaseDir=str(folder),
        kubeVersion=KUBERNETES,
        **settings,
    )
    return engine


@pytest.fixture(scope="session")
def whole(helm: None, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RecordingEngine:
    """Deploy it with nothing but defaults, as the walk-through of 2018 did."""
    return deploy(folder, tmp_path_factory.mktemp("whole"))


def expected(options: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    """Return what helm prints without deletion hooks, as mesh.resources.chart changes it."""
    printed = {
        key(single): without_nulls(single)
        for found in template(options)
        for single in (found["items"] if found["kind"] == "List" else (found,))
    }
    kept = {}
    for found, manifest in printed.items():
        annotations = manifest["metadata"].get("annotations", {})
        if annotations.get("helm.sh/hook") == "post-delete":
            continue
        if manifest["kind"] == "Service":
            balanced = manifest["spec"].get("type") == "LoadBalancer"
            annotations |= (
                {"pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0]}"}
                if balanced
                else {"pulumi.com/skipAwait": "true"}
            )
        if manifest["kind"] == "ServiceAccount":
            annotations["pulumi.com/skipAwait"] = "true"
        if manifest["kind"] == "Deployment":
            replicas = manifest["spec"].get("replicas")
            annotations["pulumi.com/waitFor"] = json.dumps(
                [
                    f"jsonpath={{.status.{c}}}={replicas}"
                    for c in ("updatedReplicas", "readyReplicas")
                ]
                if replicas
                else ["condition=Available"]
            )
        if manifest["kind"] == "MutatingWebhookConfiguration":
            annotations["pulumi.com/waitFor"] = "jsonpath={.webhooks[0].clientConfig.caBundle}"
            assert manifest["webhooks"][0]["clientConfig"].pop("caBundle") == ""
        if annotations:
            manifest["metadata"]["annotations"] = annotations
        kept[found] = manifest
    return kept


def test_every_set_of_values_is_a_profile(folder: Path) -> None:
    """Each file beside values.yaml, by what its name says."""
    assert tuple(umbrella.profiles(find(VERSION, folder).umbrella_chart)) == PROFILES


@pytest.mark.parametrize("profile", ["", *PROFILES])
def test_the_engine_gets_what_helm_prints(
    helm: None, folder: Path, tmp_path: Path, profile: str
) -> None:
    """Object for object, field for field, but for the annotations and the empty caBundle."""
    engine = deploy(folder, tmp_path, profile=profile)
    received = of_charts(engine)
    wanted = expected(engine.cluster.rendered["istio"])

    assert received.keys() == wanted.keys()
    for found, manifest in received.items():
        assert manifest == wanted[found], found


@pytest.mark.parametrize(
    "profile", ["", *sorted(set(PROFILES) - {"demo", "demo-auth", "gateways"})]
)
def test_the_profile_is_what_helm_makes_of_the_file(
    helm: None, folder: Path, tmp_path: Path, profile: str
) -> None:
    """Helm's own `--values FILE` on the chart as it was shipped, with the stack's images."""
    engine = deploy(folder, tmp_path, profile=profile)
    chart = find(VERSION, folder).umbrella_chart
    file = umbrella.profiles(chart)[profile] if profile else chart / "values.yaml"
    images = ("global.hub=docker.io/istio", f"global.tag={VERSION}")
    printed = subprocess.run(
        [
            *("helm", "template", "istio", chart, "--namespace", "istio-system"),
            *("--kube-version", KUBERNETES, "--values", file),
            *(argument for image in images for argument in ("--set", image)),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert [found for found in yaml.safe_load_all(printed) if found] == template(
        engine.cluster.rendered["istio"]
    )


def test_a_repair_changes_nothing_but_what_helm_can_not_read(folder: Path) -> None:
    """One line of one file; the folder on disk stays as it is."""
    chart = find(VERSION, folder).umbrella_chart
    copy = umbrella.repaired(chart)
    files = {file.relative_to(chart) for file in chart.rglob("*") if file.is_file()}

    assert copy != chart
    assert {file.relative_to(copy) for file in copy.rglob("*") if file.is_file()} == files
    changed = {
        str(name) for name in files if (copy / name).read_bytes() != (chart / name).read_bytes()
    }
    assert changed == set(umbrella.REPAIRS)


def test_all_crds_come_before_the_chart(whole: RecordingEngine) -> None:
    """All 50 of crds.yaml, each once, established, in the API version of that time."""
    crds = [name for name in whole.requests if name.startswith("CustomResourceDefinition/")]

    assert len(crds) == 50
    for name in crds:
        inputs = whole.inputs(name)
        assert inputs["apiVersion"] == "apiextensions.k8s.io/v1beta1"
        assert inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Established"
    assert set(crds) <= whole.waits_for("Chart/istio")
    assert not [found for found in of_charts(whole) if found[0] == "CustomResourceDefinition"]


def test_the_services_are_those_of_2018(whole: RecordingEngine) -> None:
    """Nine, and the gateway for ingress with its node ports."""
    services = {
        name: found["spec"].get("type", "ClusterIP")
        for (kind, _, name), found in of_charts(whole).items()
        if kind == "Service"
    }
    ingress = of_charts(whole)["Service", "istio-system", "istio-ingressgateway"]

    assert services == SERVICES
    ports = {port["port"]: port.get("nodePort") for port in ingress["spec"]["ports"]}
    assert {80: 31380, 443: 31390, 31400: 31400}.items() <= ports.items()
    assert whole.outputs["gatewayAddress"] == "192.0.2.1"


def test_a_workload_starts_after_what_it_mounts(whole: RecordingEngine) -> None:
    """Each Deployment of the chart, after every ConfigMap and account of it."""
    objects = of_charts(whole)
    before = {
        f"{kind}/istio-system/{name}"
        for kind, _, name in objects
        if kind in ("ConfigMap", "ServiceAccount")
    }

    for kind, namespace, name in objects:
        if kind == "Deployment":
            assert before <= whole.waits_for(f"Deployment/{namespace}/{name}"), name


def test_the_meshs_rules_wait_for_galley(whole: RecordingEngine) -> None:
    """Handlers, rules, routes: after their CRDs, and after what checks them."""
    rules = [
        f"{kind}/{namespace}/{name}"
        for (kind, namespace, name), found in of_charts(whole).items()
        if ".istio.io/" in found["apiVersion"]
    ]

    assert len(rules) == 23
    for rule in rules:
        assert "Deployment/istio-system/istio-galley" in whole.waits_for(rule), rule
        assert "CustomResourceDefinition/rules.config.istio.io" in whole.waits_for(rule), rule


def test_the_hook_after_an_installation_comes_last(whole: RecordingEngine) -> None:
    """Its job configures the mesh: all of the chart is there."""
    others = {name for (kind, _, name) in of_charts(whole) if kind == "Deployment"}
    before = whole.waits_for("Job/istio-system/istio-security-post-install")

    assert {f"Deployment/istio-system/{name}" for name in others} <= before
    assert "rule/istio-system/promhttp" in before


def test_no_hook_for_a_deletion_runs_at_an_installation(whole: RecordingEngine) -> None:
    """They are kept for the destroy, where they come after all of the chart is gone."""
    kept = whole.inputs("DeletionHooks/istio-umbrella-deletion-hooks")["manifests"]

    assert not [found for found in of_charts(whole) if "cleanup-secrets" in found[2]]
    assert [manifest["kind"] for manifest in kept] == [
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Job",
    ]
    assert {manifest["metadata"]["annotations"]["helm.sh/hook"] for manifest in kept} == {
        "post-delete"
    }
    hooks = "DeletionHooks/istio-umbrella-deletion-hooks"
    for kind, namespace, name in of_charts(whole):
        found = f"{kind}/{namespace}/{name}" if namespace else f"{kind}/{name}"
        assert hooks in whole.waits_for(found), found
    assert "Namespace/istio-namespace" in whole.waits_for(hooks)


def test_raw_values_win_over_a_profile(helm: None, folder: Path, tmp_path: Path) -> None:
    """As a later --values of helm does."""
    values = json.dumps({"istio": {"grafana": {"enabled": False}}})
    engine = deploy(folder, tmp_path, profile="demo", values=values)

    services = {name for kind, _, name in of_charts(engine) if kind == "Service"}
    assert "servicegraph" in services
    assert "grafana" not in services
