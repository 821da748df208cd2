"""How pods join the mesh: what each way asks of nodes, namespaces and pods."""

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest

from mesh.settings.data_plane import DataPlane, Injection
from tests.fakes.engine import ISTIO, RecordingEngine

NAMESPACE = "Namespace/bookinfo-namespace"
AGENTS_NAMESPACE = "Namespace/node-agents-namespace"
REVIEWS = "Deployment/bookinfo-reviews-v1"
ISTIO_CNI = "DaemonSet/istio-node-agents/istio-cni-node"
ZTUNNEL = "DaemonSet/istio-node-agents/ztunnel"
ENFORCE = "pod-security.kubernetes.io/enforce"
NO_SIDECAR = {"sidecar.istio.io/inject": "false"}


@pytest.fixture(scope="module")
def ambient(run_program: Callable[..., RecordingEngine]) -> RecordingEngine:
    """Deploy in ambient mode."""
    return run_program(injection="ambient")


@pytest.fixture(scope="module")
def restricted(run_program: Callable[..., RecordingEngine]) -> RecordingEngine:
    """Deploy with istio-cni, everything restricted."""
    return run_program(cni="true", podSecurity="restricted")


def labels(engine: RecordingEngine, namespace: str = NAMESPACE) -> dict[str, str]:
    """Return the labels of a namespace."""
    return engine.inputs(namespace)["metadata"].get("labels", {})


def template(engine: RecordingEngine) -> dict[str, Any]:
    """Return the metadata of the pods of one Deployment."""
    return engine.inputs(REVIEWS)["spec"]["template"]["metadata"]


@pytest.mark.parametrize(
    ("injection", "revision", "expected"),
    [
        ("auto", None, {"istio-injection": "enabled"}),
        ("auto", "1-30-3", {"istio.io/rev": "1-30-3"}),
        ("ambient", "1-30-3", {"istio.io/dataplane-mode": "ambient"}),
        ("manual", "1-30-3", {}),
        ("off", None, {}),
    ],
)
def test_a_namespace_bears_one_label_at_most(
    injection: Injection, revision: str | None, expected: dict[str, str]
) -> None:
    """istio-injection would beat istio.io/rev, and an injected pod is left out of ambient mode."""
    assert DataPlane(injection=injection, cni=False).namespace_labels(revision) == expected


def test_every_change_that_pods_must_see_shows_in_their_template() -> None:
    """A pod gets and loses its sidecar when it is created: each change must make pods anew.

    But auto to manual shows in the containers, and ambient to off needs no new pod at all.
    """
    marks = {
        (injection, cni): (*plane.pod_labels, *plane.pod_annotations)
        for injection in get_args(Injection)
        for cni in (False, True)
        for plane in [DataPlane(injection=injection, cni=cni)]
    }

    assert marks["auto", False] == ()
    assert marks["auto", True] == marks["manual", True] == ("mesh.pulumi.com/redirected-by",)
    for cni in (False, True):
        assert marks["off", cni] == marks["ambient", cni] == tuple(NO_SIDECAR)


def test_off_is_neither_label_nor_sidecar(run_program: Callable[..., RecordingEngine]) -> None:
    """The pods say so themselves, whatever else would have them injected."""
    engine = run_program(injection="off")

    assert labels(engine) == {}
    assert template(engine)["labels"] == {"app": "reviews", "version": "v1", **NO_SIDECAR}
    assert engine.inputs(REVIEWS)["spec"]["selector"]["matchLabels"] == {
        "app": "reviews",
        "version": "v1",
    }


def test_ambient_comes_up_in_order(ambient: RecordingEngine) -> None:
    """First istiod, then istio-cni, ztunnel, the namespace: no pod is ever between two."""
    istiod = "Deployment/istio-system/istiod"

    assert istiod in ambient.waits_for(ISTIO_CNI)
    assert {istiod, ISTIO_CNI} <= ambient.waits_for(ZTUNNEL)
    assert {ISTIO_CNI, ZTUNNEL} <= ambient.waits_for(NAMESPACE)
    assert NAMESPACE in ambient.waits_for(REVIEWS)


def test_ambient_takes_its_profile_in_every_chart(ambient: RecordingEngine) -> None:
    """Each chart has its part of it: without one of them traffic would bypass the mesh."""
    rendered = ambient.cluster.rendered

    for chart in ("istiod", "istio-cni", "ztunnel"):
        assert rendered[chart]["values"]["profile"] == "ambient"
    assert labels(ambient) == {"istio.io/dataplane-mode": "ambient"}
    assert template(ambient)["labels"].items() >= NO_SIDECAR.items()


def test_istiod_trusts_the_stacks_own_ztunnel(
    ambient: RecordingEngine, deployed: RecordingEngine
) -> None:
    """And no account of a namespace that the stack doesn't make: it signs for every workload."""

    def trusted(engine: RecordingEngine) -> str:
        return engine.cluster.rendered["istiod"]["values"]["pilot"]["trustedZtunnelNamespace"]

    assert trusted(ambient) == "istio-node-agents"
    assert trusted(deployed) == ""


def test_agents_are_the_releases_own_and_know_their_istiod(
    run_program: Callable[..., RecordingEngine],
) -> None:
    """Images of the release, and the address of an istiod elsewhere, of some revision."""
    engine = run_program(
        injection="ambient",
        istioNamespace="mesh-system",
        nodeAgentsNamespace="agents",
        revision="1-30-3",
    )

    for agent in ("istio-cni", "ztunnel"):
        rendered = engine.cluster.rendered[agent]
        assert rendered["namespace"] == "agents"
        assert rendered["values"]["revision"] == "1-30-3"
        for values in (rendered["values"], rendered["values"]["global"]):
            assert values["hub"] == "docker.io/istio"
            assert values["tag"] == ISTIO
            assert values["istioNamespace"] == "mesh-system"


def test_agents_take_raw_values_and_the_registrys_account(
    run_program: Callable[..., RecordingEngine],
) -> None:
    """As every chart does; the Secret stands where their pods are."""
    engine = run_program(
        concealed="registryCredentials",
        cni="true",
        values=json.dumps({"cni": {"cniBinDir": "/bin/cni"}}),
        registryCredentials=json.dumps({"r.example.com": {"username": "u", "password": "p"}}),
    )

    secret = engine.inputs("Secret/node-agents-istio-registry")
    values = engine.cluster.rendered["istio-cni"]["values"]
    assert secret["metadata"]["namespace"] == "istio-node-agents"
    assert values["imagePullSecrets"] == [secret["metadata"]["name"]]
    assert values["cniBinDir"] == "/bin/cni"


def test_what_istiod_makes_is_restricted_unless_a_raw_value_says_otherwise(
    run_program: Callable[..., RecordingEngine], deployed: RecordingEngine
) -> None:
    """Istiod itself, sidecars and gateways have a seccomp profile in every stack."""
    values = deployed.cluster.rendered["istiod"]["values"]
    assert values["seccompProfile"] == {"type": "RuntimeDefault"}
    assert values["global"]["proxy"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert values["gateways"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}

    raw = {"istiod": {"seccompProfile": {"type": "Localhost"}}}
    engine = run_program(values=json.dumps(raw))
    rendered = engine.cluster.rendered["istiod"]["values"]
    assert rendered["seccompProfile"] == {"type": "Localhost"}


def test_most_stacks_run_no_agent(deployed: RecordingEngine) -> None:
    """Nor is there a namespace with rights that nobody uses."""
    assert AGENTS_NAMESPACE not in deployed.requests
    assert deployed.cluster.rendered["istiod"]["values"]["pilot"]["cni"] == {"enabled": False}


def test_cni_alone_runs_no_ztunnel(restricted: RecordingEngine) -> None:
    """The injector is told, so that it injects no init container that changes a pod's network."""
    assert ISTIO_CNI in restricted.requests
    assert ZTUNNEL not in restricted.requests
    assert "profile" not in restricted.cluster.rendered["istio-cni"]["values"]
    assert restricted.cluster.rendered["istiod"]["values"]["pilot"]["cni"] == {"enabled": True}


def test_a_standard_is_enforced_in_each_namespace_but_the_agents(
    restricted: RecordingEngine, deployed: RecordingEngine
) -> None:
    """Agents need what the standards forbid, and say so, should the cluster's default be strict."""
    assert labels(restricted)[ENFORCE] == "restricted"
    assert labels(restricted, "Namespace/istio-namespace") == {ENFORCE: "restricted"}
    assert labels(restricted, AGENTS_NAMESPACE) == {ENFORCE: "privileged"}
    assert ENFORCE not in labels(deployed)


def test_an_agent_starts_after_what_it_reads(restricted: RecordingEngine) -> None:
    """A DaemonSet's pods without their ConfigMap fail, and are retried ever later."""
    before = restricted.waits_for(ISTIO_CNI)

    assert "ConfigMap/istio-node-agents/istio-cni-config" in before
