"""What reaches the engine is what helm prints, except for what mesh.resources.chart changes."""

from typing import Any

from tests.fakes.engine import RecordingEngine

from .helm import template

Key = tuple[str, str, str]

# The cluster-scoped kinds that the charts hold; everything else must say its namespace.
CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
}

# The chart's transformations: the objects they touch, and the annotation each gets.
ANNOTATED = {
    ("Service", "istio-system", "istiod"): {"pulumi.com/skipAwait": "true"},
    ("Service", "istio-system", "istio-ingressgateway"): {
        "pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0]}"
    },
    ("MutatingWebhookConfiguration", "", "istio-sidecar-injector"): {
        "pulumi.com/waitFor": "jsonpath={.webhooks[0].clientConfig.caBundle}"
    },
}


def key(manifest: dict[str, Any]) -> Key:
    """Name an object: its kind, namespace and name."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def without_nulls(value: Any) -> Any:
    """Drop what is null: to Kubernetes it is the same as absent, and Pulumi drops it too."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def of_charts(engine: RecordingEngine) -> dict[Key, dict[str, Any]]:
    """Return the objects that came out of charts."""
    objects = [
        engine.inputs(name)
        for name, request in engine.requests.items()
        if "kubernetes:helm.sh/v3:Chart::" in request.parent
    ]
    assert len({key(found) for found in objects}) == len(objects)
    return {key(found): found for found in objects}


def test_the_engine_gets_what_helm_prints(deployed: RecordingEngine) -> None:
    """Object for object, field for field; the only difference is Pulumi's own annotations."""
    printed = {
        key(manifest): without_nulls(manifest)
        for options in deployed.cluster.rendered.values()
        for manifest in template(options)
    }
    for found, manifest in printed.items():
        metadata = manifest["metadata"]
        annotations = {**metadata.pop("annotations", {}), **ANNOTATED.get(found, {})}
        if annotations:
            metadata["annotations"] = annotations

    received = of_charts(deployed)

    assert received.keys() == printed.keys()
    for found, manifest in received.items():
        assert manifest == printed[found], found


def test_validators_fail_closed_by_the_charts_own_value(deployed: RecordingEngine) -> None:
    """These releases know the value; the transformation for older ones changes nothing here."""
    policies = {
        webhook["failurePolicy"]
        for options in deployed.cluster.rendered.values()
        for manifest in template(options)
        if manifest["kind"] == "ValidatingWebhookConfiguration"
        for webhook in manifest["webhooks"]
    }

    assert policies == {"Fail"}


def test_no_chart_brings_a_crd(deployed: RecordingEngine) -> None:
    """IstioCRDs owns them: a second owner would delete them on destroy."""
    assert not [found for found in of_charts(deployed) if found[0] == "CustomResourceDefinition"]


def test_images_are_the_published_ones(deployed: RecordingEngine, version: str) -> None:
    """Istiod's own, and the one it gives to sidecars and gateways."""
    charts = of_charts(deployed)
    istiod = charts["Deployment", "istio-system", "istiod"]["spec"]["template"]["spec"]
    injection = charts["ConfigMap", "istio-system", "istio-sidecar-injector"]["data"]["values"]

    assert [c["image"] for c in istiod["containers"]] == [f"docker.io/istio/pilot:{version}"]
    assert '"hub": "docker.io/istio"' in injection
    assert f'"tag": "{version}"' in injection


def test_a_gateways_image_is_left_to_istiod(deployed: RecordingEngine) -> None:
    """Its proxy is injected: that is why it comes after the injector."""
    gateway = of_charts(deployed)["Deployment", "istio-system", "istio-ingressgateway"]
    pod = gateway["spec"]["template"]

    assert [container["image"] for container in pod["spec"]["containers"]] == ["auto"]
    assert pod["metadata"]["annotations"]["inject.istio.io/templates"] == "gateway"


def test_an_autoscaler_owns_the_replicas(deployed: RecordingEngine) -> None:
    """A rendered number would be set back on each update."""
    charts = of_charts(deployed)
    scaled = {
        hpa["spec"]["scaleTargetRef"]["name"]
        for (kind, *_), hpa in charts.items()
        if kind == "HorizontalPodAutoscaler"
    }

    assert scaled == {"istiod", "istio-ingressgateway"}
    for name in scaled:
        assert "replicas" not in charts["Deployment", "istio-system", name]["spec"]


def test_no_ca_bundle_is_rendered(deployed: RecordingEngine) -> None:
    """Istiod writes it; an empty one of ours would take it away on each update."""
    for (kind, *_), manifest in of_charts(deployed).items():
        if kind.endswith("WebhookConfiguration"):
            for webhook in manifest["webhooks"]:
                assert "caBundle" not in webhook["clientConfig"]


def test_every_object_says_its_namespace(deployed: RecordingEngine) -> None:
    """Else it would land in the context's default one."""
    for kind, namespace, name in of_charts(deployed):
        expected = "" if kind in CLUSTER_SCOPED else "istio-system"
        assert namespace == expected, f"{kind} {name}"


def test_only_the_load_balancer_is_awaited(deployed: RecordingEngine) -> None:
    """Of all Services of the program: each other one would sleep ten seconds."""
    awaited = {
        found["metadata"]["name"]
        for found in (deployed.inputs(name) for name in deployed.requests if "Service/" in name)
        if found.get("kind") == "Service"
        and "pulumi.com/skipAwait" not in found["metadata"].get("annotations", {})
    }

    assert awaited == {"istio-ingressgateway"}


def test_two_renders_are_the_same(deployed: RecordingEngine) -> None:
    """A chart that draws lots would show a difference on each preview."""
    for options in deployed.cluster.rendered.values():
        assert template(options) == template(options)


def test_istiod_starts_after_its_injection_template(deployed: RecordingEngine) -> None:
    """Started before the ConfigMap is there, istiod would never inject, and `up` wait for ever."""
    before = deployed.waits_for("Deployment/istio-system/istiod")

    assert "ConfigMap/istio-system/istio-sidecar-injector" in before
    assert "ConfigMap/istio-system/istio" in before
    assert "ServiceAccount/istio-system/istiod" in before
    assert "MutatingWebhookConfiguration/istio-sidecar-injector" not in before
