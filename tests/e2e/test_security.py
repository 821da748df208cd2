"""Mutual TLS, deny by default and outbound traffic: as objects, and as istiod tells the proxies."""

from collections.abc import Iterator
from typing import Any

import pytest

from .checkout import Checkout
from .istiod import Istiod, eventually

POLICIES = "peerauthentications,authorizationpolicies"


@pytest.fixture(scope="module")
def secured(checkout: Checkout, first_up: str) -> Iterator[Checkout]:
    """Switch all of it on in a stack that runs, and off again, which leaves nothing."""
    assert first_up
    before = _pods(checkout)
    with checkout.configured(
        mtls="strict",
        mtlsByNamespace={"default": "permissive"},
        denyByDefault=True,
        outboundTrafficPolicy="REGISTRY_ONLY",
    ):
        checkout.mesh("up")
        yield checkout
    checkout.mesh("up")
    assert checkout.kubectl("get", POLICIES, "-A")["items"] == []
    # From the first `up` to the last, no pod was made anew: policies are the proxies' own matter.
    assert _pods(checkout) == before


def test_the_policies_are_in_the_cluster(secured: Checkout) -> None:
    """Istiod's own webhook has let each of them pass."""
    listed = secured.kubectl("get", POLICIES, "-A")["items"]

    modes = {
        policy["metadata"]["namespace"]: policy["spec"]["mtls"]["mode"]
        for policy in listed
        if policy["kind"] == "PeerAuthentication"
    }
    allowances = {
        policy["metadata"]["name"]
        for policy in listed
        if policy["kind"] == "AuthorizationPolicy" and policy["spec"].get("rules")
    }
    assert modes == {"istio-system": "STRICT", "default": "PERMISSIVE"}
    assert allowances == {f"{s}-viewer" for s in ("details", "productpage", "ratings", "reviews")}


def test_a_second_up_changes_nothing(secured: Checkout) -> None:
    """Not even for the denial, whose whole spec is empty, when the cluster is asked."""
    assert secured.changes("--refresh") == {}


def test_a_destroy_takes_the_denial_away_first(secured: Checkout) -> None:
    """The state has the edges: denial after allowances, Bookinfo's pods after all of them."""
    resources = {r["urn"].rsplit("::", 1)[1] + ":" + r["type"]: r for r in secured.state()}
    policies = {
        name: r for name, r in resources.items() if r["type"].endswith(":AuthorizationPolicy")
    }
    (denial,) = (r for name, r in policies.items() if name.startswith("security-allow-nothing:"))
    allowances = {r["urn"] for r in policies.values()} - {denial["urn"]}

    assert len(allowances) == 4
    assert allowances <= set(denial["dependencies"])
    bookinfo = resources["bookinfo:mesh:index:Bookinfo"]
    assert {denial["urn"], *allowances} <= set(bookinfo["dependencies"])


@pytest.mark.parametrize(
    ("service", "caller", "methods"),
    [
        ("productpage", "istio-system/sa/istio-ingressgateway", {"GET", "POST"}),
        ("details", "bookinfo/sa/bookinfo-productpage", {"GET"}),
        ("reviews", "bookinfo/sa/bookinfo-productpage", {"GET"}),
        ("ratings", "bookinfo/sa/bookinfo-reviews", {"GET"}),
    ],
)
def test_each_proxy_takes_its_own_callers_only(
    secured: Checkout, service: str, caller: str, methods: set[str]
) -> None:
    """What istiod would push: on the service's port, a policy for one identity that a pod has."""
    istiod, pod = Istiod.of(secured), _pod(secured, service)
    pods = secured.kubectl("get", "pods", "--all-namespaces")["items"]
    assert caller in {f"{_namespace(p)}/sa/{p['spec']['serviceAccountName']}" for p in pods}

    def policies() -> list[dict[str, Any]]:
        return [
            filter_["typedConfig"]["rules"]["policies"]
            for chain in istiod.listeners(pod)["virtualInbound"]["filterChains"]
            if (chain.get("filterChainMatch") or {}).get("destinationPort") == 9080
            for filter_ in _http_filters(chain)
            if filter_["name"] == "envoy.filters.http.rbac"
        ]

    eventually(lambda: bool(policies()))
    for rules in policies():
        rule = rules.pop(f"ns[bookinfo]-policy[{service}-viewer]-rule[0]")
        assert _values(rule["principals"], "principalName") == {
            f"spiffe://cluster.local/ns/{caller}"
        }
        assert _values(rule["permissions"], "stringMatch") == methods
        ((_, nothing),) = rules.items()
        assert nothing["principals"] == [{"notId": {"any": True}}]


def test_no_proxy_takes_plaintext(secured: Checkout) -> None:
    """What istiod would push: each inbound connection is TLS, and its client shows a certificate.

    What stays is the proxy's answer to a request for the proxy's own port: a black hole.
    """
    istiod = Istiod.of(secured)
    for pod in secured.kubectl("get", "pods", "-n", "bookinfo")["items"]:
        eventually(lambda pod=pod: _plain(istiod, pod) == {"virtualInbound-blackhole"})

        chains = istiod.listeners(pod)["virtualInbound"]["filterChains"]
        tls = [chain["transportSocket"] for chain in chains if "transportSocket" in chain]
        assert len(tls) == len(chains) - 1
        assert all(socket["typedConfig"]["requireClientCertificate"] for socket in tls)


def test_unknown_hosts_are_out_of_reach(secured: Checkout) -> None:
    """What istiod would push: what no registry knows goes into the black hole."""
    pod = _pod(secured, "reviews")
    outbound = Istiod.of(secured).listeners(pod)["virtualOutbound"]

    assert _values(outbound["filterChains"], "cluster") == {"BlackHoleCluster"}


def _plain(istiod: Istiod, pod: dict[str, Any]) -> set[str]:
    chains = istiod.listeners(pod)["virtualInbound"]["filterChains"]
    return {chain["name"] for chain in chains if "transportSocket" not in chain}


def _http_filters(chain: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        http
        for filter_ in chain["filters"]
        for http in filter_["typedConfig"].get("httpFilters", [])
    ]


def _values(part: Any, key: str) -> set[str]:
    """Collect what is under a key, however deep; of a matcher, what it matches exactly."""
    if isinstance(part, list):
        return {value for item in part for value in _values(item, key)}
    if not isinstance(part, dict):
        return set()
    found = {value for item in part.values() for value in _values(item, key)}
    if key in part:
        found.add(part[key]["exact"] if isinstance(part[key], dict) else part[key])
    return found


def _pod(checkout: Checkout, service: str) -> dict[str, Any]:
    return checkout.kubectl("get", "pods", "-n", "bookinfo", "-l", f"app={service}")["items"][0]


def _namespace(pod: dict[str, Any]) -> str:
    return pod["metadata"]["namespace"]


def _pods(checkout: Checkout) -> set[str]:
    listed = checkout.kubectl("get", "pods", "--all-namespaces")["items"]
    return {pod["metadata"]["uid"] for pod in listed}
