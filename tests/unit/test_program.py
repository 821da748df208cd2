"""The whole program: what is made, in which order, and what it says at the end."""

import ast
import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from mesh.istio.release import find
from mesh.kubernetes.field_ownership import FORCE
from mesh.kubernetes.ownership import ANNOTATION
from mesh.project import PROJECT
from tests.fakes.engine import ISTIO, RecordingEngine

PROGRAM = PROJECT / "__main__.py"
LAYERS = sorted((PROGRAM.parent / "layers").glob("*.py"))

ISTIOD = "Deployment/istio-system/istiod"
INJECTOR = "MutatingWebhookConfiguration/istio-sidecar-injector"
VALIDATOR = "ValidatingWebhookConfiguration/istiod-default-validator"
INGRESS = "Deployment/istio-system/istio-ingressgateway"
INGRESS_SERVICE = "Service/istio-system/istio-ingressgateway"
MESH_NAMESPACE = "Namespace/istio-namespace"
APP_NAMESPACE = "Namespace/bookinfo-namespace"
VIRTUAL_SERVICES = "CustomResourceDefinition/virtualservices.networking.istio.io"


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (MESH_NAMESPACE, {VIRTUAL_SERVICES}),
        (VALIDATOR, {VIRTUAL_SERVICES, MESH_NAMESPACE}),
        (ISTIOD, {VIRTUAL_SERVICES, MESH_NAMESPACE, VALIDATOR}),
        (INJECTOR, {VIRTUAL_SERVICES, MESH_NAMESPACE, VALIDATOR}),
        (INGRESS, {MESH_NAMESPACE, VALIDATOR, ISTIOD, INJECTOR}),
        (INGRESS_SERVICE, {MESH_NAMESPACE, VALIDATOR, ISTIOD, INJECTOR}),
        (APP_NAMESPACE, {MESH_NAMESPACE, VALIDATOR, ISTIOD, INJECTOR}),
        ("Service/bookinfo-reviews", {INGRESS, INGRESS_SERVICE, APP_NAMESPACE}),
        ("ServiceAccount/bookinfo-reviews", {INGRESS, INGRESS_SERVICE, APP_NAMESPACE}),
        (
            "Deployment/bookinfo-reviews-v3",
            {INGRESS, INGRESS_SERVICE, APP_NAMESPACE, "ServiceAccount/bookinfo-reviews"},
        ),
    ],
)
def test_the_mesh_is_built_bottom_up(
    deployed: RecordingEngine, later: str, earlier: set[str]
) -> None:
    """CRDs, then base, then istiod and its injector, then gateway and namespace, then Bookinfo."""
    assert earlier <= deployed.waits_for(later)


def test_the_core_waits_for_every_crd(deployed: RecordingEngine) -> None:
    """Not for some: a kind that istiod watches and that isn't there costs it a restart."""
    crds = {name for name in deployed.requests if name.startswith("CustomResourceDefinition/")}

    assert crds <= deployed.waits_for("IstioCore/istio")


def test_components_are_waited_for_by_ready() -> None:
    """`depends_on=[component]` takes the children it has by chance: a chart's come late."""
    waits = [
        ast.unparse(keyword.value)
        for layer in LAYERS
        for keyword in ast.walk(ast.parse(layer.read_text()))
        if isinstance(keyword, ast.keyword) and keyword.arg == "depends_on"
    ]

    assert len(waits) == 12
    one = r"(\w+\.ready|platform\.(label|injection|gateways|namespaces)_ready)"
    for wait in waits:
        assert re.fullmatch(rf"{one}|all_ready\(({one}(, )?)+\)", wait)


def test_nothing_is_out_of_a_component(deployed: RecordingEngine) -> None:
    """Every resource but the providers hangs below one of the program's components."""
    top = {
        name
        for name, request in deployed.requests.items()
        if request.parent.endswith("::mesh-test") and not name.startswith("kubernetes/")
    }

    assert top == {
        "IstioCRDs/istio-crds",
        "GatewayAPICRDs/gateway-api-crds",
        "IstioCore/istio",
        "Gateways/gateways",
        "NodeAgents/node-agents",
        "InjectedNamespace/bookinfo",
        "MeshSecurity/security",
        "Telemetry/telemetry",
        "Bookinfo/bookinfo",
        "BookinfoRoutes/bookinfo-routes",
    }


def test_only_crds_are_adopted(deployed: RecordingEngine) -> None:
    """What exists already is taken over if it is a CRD, and is an error if it is anything else."""
    adopting = {
        name.partition("/")[0]
        for name, request in deployed.requests.items()
        if "::cluster-crds::" in request.provider
    }
    others = {
        request.provider.rpartition("::")[0].rpartition("::")[2]
        for name, request in deployed.requests.items()
        if request.custom and not name.startswith(("CustomResourceDefinition/", "kubernetes/"))
    }

    assert adopting == {"CustomResourceDefinition"}
    assert others == {"cluster"}
    assert deployed.inputs("kubernetes/cluster-crds")["upsertExistingObjects"] == "true"
    assert deployed.inputs("kubernetes/cluster")["upsertExistingObjects"] == "false"


def test_every_object_takes_over_its_fields(deployed: RecordingEngine) -> None:
    """Or an update would end in a conflict with helm, istioctl, or an edit by hand."""
    lacking = [
        name
        for name, request in deployed.requests.items()
        if request.custom
        and not name.startswith("kubernetes/")
        and deployed.raw_inputs(name)["metadata"]["annotations"].get(FORCE) != "true"
    ]

    assert lacking == []


def test_both_namespaces_bear_the_stacks_mark(deployed: RecordingEngine) -> None:
    """The next preview knows by it that what it finds there is its own."""
    for namespace in (MESH_NAMESPACE, APP_NAMESPACE):
        annotations = deployed.inputs(namespace)["metadata"]["annotations"]
        assert annotations == {ANNOTATION: "mesh/test"}


def test_namespaces_have_time_to_go(deployed: RecordingEngine) -> None:
    """A namespace that is given up on early stays Terminating for ever."""
    for namespace in (MESH_NAMESPACE, APP_NAMESPACE):
        assert deployed.requests[namespace].customTimeouts.delete == "20m"


def test_the_application_namespace_is_injected(deployed: RecordingEngine) -> None:
    """The injector looks for this very label."""
    labels = deployed.inputs(APP_NAMESPACE)["metadata"]["labels"]

    assert labels == {"istio-injection": "enabled"}


def test_the_stack_says_what_a_person_wants_next(
    deployed: RecordingEngine, release_dir: Path
) -> None:
    """Address, versions, namespaces, where the release came from, what a destroy keeps."""
    kept = {
        name.partition("/")[2]
        for name in deployed.requests
        if name.startswith("CustomResourceDefinition/")
    }

    assert {*deployed.outputs["keptOnDestroy"]} == kept
    assert deployed.outputs["releaseSource"] == find(ISTIO, release_dir).source
    assert deployed.outputs["istioVersion"] == ISTIO
    assert deployed.outputs["context"] == "sandbox"
    assert deployed.outputs["istioNamespace"] == "istio-system"
    assert deployed.outputs["bookinfoNamespace"] == "bookinfo"
    assert deployed.outputs["gatewayAddress"] == "192.0.2.1"


def test_settings_reach_the_cluster(run_program: Callable[..., RecordingEngine]) -> None:
    """Each setting changes what it says, and nothing is left with the default's value."""
    engine = run_program(
        istioNamespace="mesh-system",
        bookinfoNamespace="books",
        gateways=json.dumps([{"serviceType": "NodePort"}]),
        kubeVersion="1.35.1",
        meshConfig=json.dumps({"accessLogFile": "/dev/stdout"}),
    )

    assert engine.inputs(MESH_NAMESPACE)["metadata"]["name"] == "mesh-system"
    assert engine.inputs(APP_NAMESPACE)["metadata"]["name"] == "books"
    assert engine.inputs("Deployment/bookinfo-details-v1")["metadata"]["namespace"] == "books"
    assert {chart["namespace"] for chart in engine.cluster.rendered.values()} == {"mesh-system"}
    assert {chart["kube_version"] for chart in engine.cluster.rendered.values()} == {"1.35.1"}
    istiod = engine.cluster.rendered["istiod"]["values"]
    assert istiod["global"]["istioNamespace"] == "mesh-system"
    assert istiod["meshConfig"] == {"accessLogFile": "/dev/stdout"}
    ingress = engine.cluster.rendered["istio-ingressgateway"]["values"]
    assert ingress == {"service": {"type": "NodePort"}}


@pytest.mark.parametrize("kind", ["NodePort", "ClusterIP"])
def test_a_gateway_without_a_balancer_has_no_address(
    run_program: Callable[..., RecordingEngine], kind: str
) -> None:
    """The output says so instead of failing, and nobody waits for an address."""
    engine = run_program(gateways=json.dumps([{"serviceType": kind}]))

    assert engine.outputs["gatewayAddress"] == "none"
    annotations = engine.inputs(INGRESS_SERVICE)["metadata"]["annotations"]
    assert annotations["pulumi.com/skipAwait"] == "true"


@pytest.mark.parametrize(
    "mistake",
    [{"istioVersion": "latest"}, {"releaseDir": "/no/such/folder"}, {"context": "elsewhere"}],
)
def test_a_mistake_stops_before_any_resource(
    run_program: Callable[..., RecordingEngine],
    monkeypatch: pytest.MonkeyPatch,
    mistake: dict[str, str],
) -> None:
    """Config, release and context are all checked first, and end in Pulumi's quiet error."""
    registered = []
    monkeypatch.setattr(
        RecordingEngine, "RegisterResource", lambda _, request: registered.append(request.name)
    )

    with pytest.raises(pulumi.RunError):
        run_program(**mistake)

    assert registered == []


def test_the_cluster_is_checked_first(deployed: RecordingEngine) -> None:
    """Once, and for the namespaces that the stack is about to make."""
    ((cluster, settings, planes, bundle, running),) = deployed.checked

    assert cluster.context == "sandbox"
    assert settings.namespaces == ("istio-system", "bookinfo")
    assert [plane.release.version for plane in planes.all] == [ISTIO]
    assert bundle is None
    assert running is None


def test_an_old_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no traceback, before anything that needs a newer one is imported."""
    monkeypatch.setattr(sys, "version_info", (3, 10, 14))

    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        runpy.run_path(str(PROGRAM))


def test_an_old_python_can_parse_the_program() -> None:
    """Else it shows a SyntaxError instead of that line."""
    ast.parse(PROGRAM.read_text(), feature_version=(3, 7))
