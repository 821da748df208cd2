"""Every way to join the mesh, one after the other, as a person would change the setting."""

import re
from typing import Any

import pytest

from .checkout import Checkout

Pods = dict[str, dict[str, Any]]

BOOKINFO = {"details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"}
ENFORCE = "pod-security.kubernetes.io/enforce"


def pods(checkout: Checkout, namespace: str = "bookinfo") -> Pods:
    """Return the pods that stay, by their workloads."""
    listed = checkout.kubectl("get", "pods", "-n", namespace)["items"]
    return {
        pod["metadata"]["generateName"].removesuffix("-").removesuffix(f"-{label}"): pod
        for pod in listed
        if "deletionTimestamp" not in pod["metadata"]
        for label in [pod["metadata"]["labels"].get("pod-template-hash", "")]
    }


def in_common(found: Pods) -> Pods:
    """Return of each pod what doesn't depend on the instance: all else must be the same."""
    common = {}
    for name, pod in found.items():
        labels = {k: v for k, v in pod["metadata"]["labels"].items() if k != "pod-template-hash"}
        common[name] = {
            "spec": _without_instance({k: v for k, v in pod["spec"].items() if k != "nodeName"}),
            "labels": labels,
            "annotations": pod["metadata"].get("annotations"),
        }
    return common


def _without_instance(value: Any) -> Any:
    """Drop the random part of the volume that holds the account's token."""
    if isinstance(value, dict):
        return {k: _without_instance(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_instance(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"^kube-api-access-\w+$", "kube-api-access", value)
    return value


def proxies(found: Pods) -> set[str]:
    """Name the pods that have a sidecar, of either kind."""
    return {
        name
        for name, pod in found.items()
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
        if container["name"] == "istio-proxy"
    }


def labels(checkout: Checkout, namespace: str) -> dict[str, str]:
    """Return a namespace's labels, less the one that each has."""
    found = checkout.kubectl("get", "namespace", namespace)["metadata"]["labels"]
    return {key: value for key, value in found.items() if key != "kubernetes.io/metadata.name"}


def all_ready(found: Pods) -> bool:
    """Whether every container of every pod is."""
    return all(
        status["ready"] for pod in found.values() for status in pod["status"]["containerStatuses"]
    )


@pytest.fixture(scope="module")
def auto(checkout: Checkout, first_up: str) -> Pods:
    """Return Bookinfo's pods as istiod's webhook injected them."""
    assert first_up
    return pods(checkout)


def test_both_ways_to_inject_give_the_same_pods(deployed: Checkout, auto: Pods) -> None:
    """Every container, volume, label and annotation, to the last variable; without a label."""
    with deployed.configured(injection="manual"):
        deployed.mesh("up")
        assert deployed.changes() == {}

    manual = pods(deployed)
    assert proxies(auto) == proxies(manual) == BOOKINFO
    assert in_common(manual) == in_common(auto)
    assert {pod["metadata"]["uid"] for pod in manual.values()}.isdisjoint(
        pod["metadata"]["uid"] for pod in auto.values()
    )
    assert labels(deployed, "bookinfo") == {}


def test_off_takes_the_sidecars_away(deployed: Checkout) -> None:
    """Nobody has to restart a pod."""
    with deployed.configured(injection="off"):
        deployed.mesh("up")
        assert deployed.changes() == {}

    found = pods(deployed)
    assert found.keys() == BOOKINFO
    assert proxies(found) == set()
    assert all_ready(found)
    assert labels(deployed, "bookinfo") == {}


def test_ambient_runs_an_agent_of_each_kind_on_each_node(deployed: Checkout) -> None:
    """Under the strictest standard, which the agents' own namespace is spared; no pod is new."""
    before = pods(deployed)

    with deployed.configured(injection="ambient", podSecurity="restricted"):
        deployed.mesh("up")
        assert deployed.changes() == {}

    agents = deployed.kubectl("get", "daemonsets", "-n", "istio-node-agents")["items"]
    ready = {agent["metadata"]["name"]: agent["status"]["numberReady"] for agent in agents}
    assert ready == {"istio-cni-node": 2, "ztunnel": 2}
    assert labels(deployed, "istio-node-agents") == {ENFORCE: "privileged"}
    assert labels(deployed, "bookinfo") == {
        "istio.io/dataplane-mode": "ambient",
        ENFORCE: "restricted",
    }
    assert pods(deployed).keys() == BOOKINFO
    assert {name: pod["metadata"]["uid"] for name, pod in pods(deployed).items()} == {
        name: pod["metadata"]["uid"] for name, pod in before.items()
    }


def test_sidecars_come_up_where_everything_is_restricted(deployed: Checkout) -> None:
    """The API server lets them in, for istio-cni does what their init container did."""
    with deployed.configured(cni=True, podSecurity="restricted"):
        deployed.mesh("up")
        assert deployed.changes() == {}

    found = pods(deployed)
    assert proxies(found) == BOOKINFO
    assert all_ready(found)
    for pod in found.values():
        assert "istio-init" not in {c["name"] for c in pod["spec"]["initContainers"]}
    for namespace in ("bookinfo", "istio-system"):
        assert labels(deployed, namespace)[ENFORCE] == "restricted"
    assert pods(deployed, "istio-node-agents").keys() == {"istio-cni-node"}


def test_what_is_restricted_refuses_other_pods_and_lets_the_gateway_return(
    deployed: Checkout,
) -> None:
    """The standard is the API server's own: a plain pod is refused, a gateway's isn't."""
    refused = deployed.shell("kubectl run plain --image=plain -n bookinfo 2>&1 || true")
    assert 'violates PodSecurity "restricted:latest"' in refused

    deployed.shell("kubectl delete pod -n istio-system -l istio=ingressgateway")
    deployed.shell(
        "kubectl rollout status deployment/istio-ingressgateway -n istio-system --timeout 30s"
    )


def test_back_at_the_defaults_all_is_as_before(deployed: Checkout, auto: Pods) -> None:
    """The same pods, no standard, and no agents left behind, nor their namespace."""
    deployed.mesh("up")

    assert deployed.changes() == {}
    assert in_common(pods(deployed)) == in_common(auto)
    assert labels(deployed, "bookinfo") == {"istio-injection": "enabled"}
    assert labels(deployed, "istio-system") == {}
    namespaces = deployed.kubectl("get", "namespaces")["items"]
    assert "istio-node-agents" not in {found["metadata"]["name"] for found in namespaces}


def test_another_teams_namespace_joins_the_mesh_and_leaves(deployed: Checkout) -> None:
    """Its label is the stack's, all else its team's: nothing of it goes with the label."""
    wanted = {"shop": {}, "bank": {"create": True}}
    with deployed.configured(meshNamespaces=wanted, mtlsByNamespace={"bank": "strict"}):
        assert "there is no namespace shop: `pulumi config set" in deployed.fails("preview")
        deployed.shell(
            "kubectl create namespace shop; kubectl label namespace shop team=shop; "
            "kubectl create deployment web --image=plain -n shop"
        )
        try:
            deployed.mesh("up")
            assert deployed.changes("--refresh") == {}
            assert labels(deployed, "shop") == {"team": "shop", "istio-injection": "enabled"}
            assert labels(deployed, "bank") == {"istio-injection": "enabled"}
            restart = "rollout restart deployment/web -n shop"
            assert restart in deployed.fails("verify"), "its pod is from before the label"
            deployed.shell(
                f"kubectl {restart}; kubectl rollout status deployment/web -n shop --timeout 60s"
            )
            deployed.mesh("verify")
        except BaseException:
            deployed.shell("kubectl delete namespace shop")
            raise

    deployed.mesh("up")
    assert labels(deployed, "shop") == {"team": "shop"}
    assert labels(deployed, "bank") == {}, "the stack leaves what it created for others"
    assert deployed.kubectl("get", "deployment", "web", "-n", "shop")
    deployed.shell("kubectl delete namespace shop bank")
