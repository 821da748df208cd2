"""What every chart's objects go through on their way to the engine."""

import asyncio
import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from mesh.resources import chart
from mesh.resources.chart import STARTED
from tests.fakes.engine import RecordingEngine, run
from tests.fakes.mesh import istio_object, running_mesh

OPTIONS = pulumi.ResourceOptions()
ARGS = chart.ChartArgs(
    path=Path("charts/istiod"),
    namespace="istio-system",
    kube_version="1.36.0",
    values={},
    setting="values.istiod",
)


def service(**spec: Any) -> dict[str, Any]:
    """Return a Service of a chart."""
    return {"kind": "Service", "metadata": {"name": "s"}, "spec": spec}


@pytest.mark.parametrize("spec", [{}, {"type": "ClusterIP"}, {"type": "NodePort"}])
def test_a_service_without_a_balancer_is_not_awaited(spec: dict[str, Any]) -> None:
    """Each wait sleeps ten seconds for what a Deployment's wait proves anyway."""
    manifest = service(**spec)

    chart.wait_for_address_only(manifest, OPTIONS)

    assert manifest["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_a_load_balancer_is_awaited_until_it_has_an_address() -> None:
    """Its address is an output of the stack; the plugin's own wait would take 10 s more."""
    manifest = service(type="LoadBalancer")

    chart.wait_for_address_only(manifest, OPTIONS)

    assert manifest["metadata"]["annotations"] == {
        "pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0]}"
    }


def test_a_charts_own_annotations_stay() -> None:
    """Ours is added, to some or to none."""
    for own in ({"a": "b"}, None):
        manifest = service()
        manifest["metadata"]["annotations"] = own

        chart.wait_for_address_only(manifest, OPTIONS)

        expected = {**(own or {}), "pulumi.com/skipAwait": "true"}
        assert manifest["metadata"]["annotations"] == expected


def test_the_injector_is_gated_on_its_signature(deployed: RecordingEngine) -> None:
    """Until istiod has written caBundle, every pod would come without a sidecar."""
    injector = deployed.inputs("MutatingWebhookConfiguration/istio-sidecar-injector")

    assert injector["metadata"]["annotations"] == {
        "pulumi.com/waitFor": "jsonpath={.webhooks[0].clientConfig.caBundle}"
    }


def test_the_validator_is_not_gated(deployed: RecordingEngine) -> None:
    """Base's is made before istiod: it would wait for ever."""
    validator = deployed.inputs("ValidatingWebhookConfiguration/istiod-default-validator")

    assert "annotations" not in validator["metadata"]


def test_a_validator_fails_closed_even_in_an_old_chart(deployed: RecordingEngine) -> None:
    """Istiod sets this field itself: a rendered "Ignore" is a conflict on each update."""
    validator = deployed.inputs("ValidatingWebhookConfiguration/istiod-default-validator")

    assert [webhook["failurePolicy"] for webhook in validator["webhooks"]] == ["Fail"]


def test_other_objects_are_left_alone() -> None:
    """The transformations are about three kinds; version labels and the rest are the chart's."""
    deployment = {"kind": "Deployment", "metadata": {"name": "d", "labels": {"a": "b"}}}
    before = copy.deepcopy(deployment)

    for transformation in (chart.wait_for_address_only, chart.gate_on_injector, chart.fail_closed):
        transformation(deployment, OPTIONS)

    assert deployment == before


def test_a_chart_is_rendered_from_disk_for_a_pinned_kubernetes(deployed: RecordingEngine) -> None:
    """The same objects with a cluster and without, whatever its version, and no second CRDs."""
    rendered = deployed.cluster.rendered

    assert set(rendered) == {"istio-base", "istiod", "istio-ingressgateway"}
    for options in rendered.values():
        assert options["kube_version"] == "1.36.0"
        assert options["skip_crd_rendering"] is True
        assert options["namespace"] == "istio-system"
        assert options["path"].startswith("/")


def test_replicas_are_the_autoscalers(deployed: RecordingEngine) -> None:
    """What is on the cluster stays, and what an earlier update once wrote too."""
    for name in ("istiod", "istio-ingressgateway"):
        request = deployed.requests[f"Deployment/istio-system/{name}"]
        assert "replicas" not in deployed.inputs(f"Deployment/istio-system/{name}")["spec"]
        assert list(request.ignoreChanges) == ["spec.replicas", f'metadata.labels["{STARTED}"]']


def test_what_has_no_pods_is_started(release_dir: Path, tmp_path: Path) -> None:
    """An autoscaler never touches a 0, and the injector's wait would be in vain."""
    names = ("istiod", "istio-ingressgateway")
    running = running_mesh(
        istiods=(istio_object(),),
        scaled_to_zero={("istio-system", name): 7 for name in names},
    )
    engine = RecordingEngine(running=running)
    run(engine, tmp_path, slim=True, releaseDir=str(release_dir))

    for name in names:
        found = engine.inputs(f"Deployment/istio-system/{name}")
        assert found["spec"]["replicas"] == 1
        # An update, also where the stack's state has a replica since an earlier time.
        assert found["metadata"]["labels"][STARTED] == "7"
        assert not engine.requests[f"Deployment/istio-system/{name}"].ignoreChanges


@pytest.mark.parametrize("ends", [True, False])
def test_a_chart_that_is_never_rendered_is_given_up(
    monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    """Helm has no limit; one that is rendered in time is left alone."""

    async def deploy() -> None:
        rendered = asyncio.get_running_loop().create_future()
        resources = pulumi.Output(set(), rendered, _true(), _false())
        monkeypatch.setattr(chart, "Chart", lambda *_: SimpleNamespace(resources=resources))
        chart.make("istiod", ARGS, OPTIONS)
        if ends:
            await finish(rendered)
        await asyncio.sleep(0.05)
        if not ends:  # else the next test's engine would wait for it
            await finish(rendered)

    async def finish(rendered: asyncio.Future[dict[str, object]]) -> None:
        rendered.set_result({})
        for _ in range(10):  # what waits for it comes first
            await asyncio.sleep(0)

    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)
    monkeypatch.setattr(chart, "PATIENCE", 0.02)
    asyncio.run(deploy())

    told = [line.partition(" after ")[0] for line in said]
    assert told == ([] if ends else ["the chart istiod in charts/istiod isn't rendered"])


async def _true() -> bool:
    return True


async def _false() -> bool:
    return False
