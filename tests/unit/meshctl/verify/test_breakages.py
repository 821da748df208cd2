"""Ways to break a mesh: each is found by one check, which says what is wrong and what helps."""

import base64
import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from meshctl.verify import (
    certificates,
    control_plane,
    crds,
    injectors,
    istio_gateways,
    mtls,
    network_policies,
    pods,
    policies,
    quotas,
    routes,
    service_entries,
    service_ports,
    webhooks,
)
from meshctl.verify.crds import SINCE
from meshctl.verify.snapshot import Finding, Snapshot
from tests.fakes.mesh import istio_object, running_mesh
from traffic.certificates import make

Manifest = dict[str, Any]
Check = Callable[[Snapshot], Iterable[Finding]]


def manifest(name: str, namespace: str = "shop", labels: Any = None, **parts: Any) -> Manifest:
    """Return an object."""
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels or {}}, **parts}


def root(days: int) -> str:
    """Return a root certificate that ends in some days, in PEM."""
    return make(name="a root", days=days, is_ca=True).certificate


def published(certificate: str, namespace: str = "istio-system") -> dict[str, Manifest]:
    """Return the ConfigMap with a mesh's root, by its namespace."""
    data = {"root-cert.pem": certificate}
    return {namespace: manifest("istio-ca-root-cert", namespace, data=data)}


ROOT, OTHER_ROOT = root(3650), root(3650)
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
SIDECAR = {
    "name": "istio-proxy",
    "image": "istio/proxyv2:1.30.8",
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
}


def pod(name: str, namespace: str, labels: Manifest, container: Manifest = SIDECAR) -> Manifest:
    """Return a ready pod, with a sidecar unless its container is another."""
    made = manifest(name, namespace, labels, spec={"containers": [container]}, status=READY)
    made["metadata"]["annotations"] = {"istio.io/rev": "default"}
    return made


def service(name: str, namespace: str, labels: Manifest, port: Manifest) -> Manifest:
    """Return a Service with one port."""
    return manifest(name, namespace, spec={"selector": labels, "ports": [port]})


def webhook(name: str = "istio-sidecar-injector", revision: str = "", **parts: Any) -> Manifest:
    """Return an injector's configuration, which injects namespaces with istio-injection."""
    one = {
        "clientConfig": {
            "caBundle": base64.b64encode(ROOT.encode()).decode(),
            "service": {"namespace": "istio-system", "name": f"istiod{revision}"},
        },
        "failurePolicy": "Fail",
        "namespaceSelector": {
            "matchExpressions": [
                {"key": "istio-injection", "operator": "In", "values": ["enabled"]}
            ]
        },
        **parts,
    }
    return {
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [one],
    }


ISTIOD_POD = pod(
    "istiod-1",
    "istio-system",
    {"app": "istiod"},
    {"name": "discovery", "ports": [{"name": "webhook", "containerPort": 15017}]},
)
ISTIOD = manifest(
    "istiod",
    "istio-system",
    spec={
        "replicas": 1,
        "selector": {"matchLabels": {"app": "istiod"}},
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "discovery",
                        "env": [{"name": "PILOT_CERT_PROVIDER", "value": "istiod"}],
                    }
                ]
            }
        },
    },
    status={"readyReplicas": 1},
)
CART = service("cart", "shop", {"app": "cart"}, {"name": "http", "port": 80})
ROUTE = manifest(
    "cart",
    spec={
        "hosts": ["cart"],
        "gateways": ["front", "mesh"],
        "http": [{"route": [{"destination": {"host": "cart", "subset": "v1"}}]}],
    },
)
RULE = manifest(
    "cart", spec={"host": "cart", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}
)
GATEWAY = manifest(
    "front",
    spec={
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 443}, "tls": {"credentialName": "shop-tls"}}],
    },
)
OUTSIDE = manifest("bank", spec={"hosts": ["bank.example.com"], "resolution": "DNS"})
HEALTHY = Snapshot(
    mesh=running_mesh(
        istiods=(istio_object(version="1.30.8"),),
        injectors=(istio_object("MutatingWebhookConfiguration", name="istio-sidecar-injector"),),
        revision_by_namespace={"shop": "default"},
    ),
    namespaces=[
        {"metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}},
        {"metadata": {"name": "istio-system"}},
    ],
    deployments=[ISTIOD],
    webhooks=[webhook()],
    services=[
        CART,
        service("istiod", "istio-system", {"app": "istiod"}, {"name": "https", "port": 443}),
    ],
    pods=[
        ISTIOD_POD,
        pod("cart-1", "shop", {"app": "cart", "version": "v1"}),
        pod("gateway-1", "istio-system", {"istio": "ingressgateway"}),
    ],
    root_certificates=published(ROOT),
    root_namespaces=frozenset({"istio-system"}),
    virtual_services=[ROUTE],
    destination_rules=[RULE],
    gateways=[GATEWAY],
    service_entries=[OUTSIDE],
    secrets=frozenset({"istio-system/shop-tls"}),
    istio_apis=frozenset(SINCE),
)


def checked(snapshot: Snapshot) -> list[Finding]:
    """Run every check that needs no stack, and return what isn't well."""
    checks: tuple[Check, ...] = (
        control_plane.found,
        control_plane.endpoints,
        lambda found: crds.check(found, "update the CRDs"),
        webhooks.check,
        lambda found: injectors.check(found, None),
        injectors.rivals,
        injectors.labels,
        network_policies.check,
        lambda found: pods.sidecars(found, None),
        quotas.check,
        service_ports.check,
        routes.check,
        istio_gateways.check,
        istio_gateways.secrets,
        service_entries.check,
        policies.check,
        mtls.check,
        pods.proxy_versions,
        certificates.roots,
    )
    return [
        finding
        for check in checks
        for finding in check(snapshot)
        if finding.status in ("warning", "wrong")
    ]


def test_a_healthy_mesh_without_a_stack_has_nothing_wrong() -> None:
    """Each way to break it below is the only difference from this one."""
    assert checked(HEALTHY) == []


def changed(original: Manifest, **spec: Any) -> Manifest:
    """Return an object with other parts of its spec."""
    made = copy.deepcopy(original)
    made["spec"] |= spec
    return made


def to(destination: Manifest) -> list[Manifest]:
    """Return the rules of a route with one destination."""
    return [{"route": [{"destination": destination}]}]


def policy(name: str, namespace: str, **spec: Any) -> Manifest:
    """Return a policy."""
    return manifest(name, namespace, spec=spec)


def with_pod(new: Manifest) -> list[Any]:
    """Return the healthy pods and another."""
    return [*HEALTHY.pods, new]


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """What differs from the healthy mesh, and what the only finding says of it."""

    breaks: dict[str, Any]
    check: str
    subject: str
    found: str
    remedy: str
    status: str = "wrong"


NO_ISTIOD = running_mesh(
    revision_by_namespace={"shop": "default"}, injectors=HEALTHY.mesh.injectors
)
BY_LABEL = {"matchLabels": {"app": "istiod"}}
IN_15012 = {"ports": [{"port": 15012}]}
IN_15017 = {"ports": [{"port": 15017}]}
STRICT = policy("default", "shop", mtls={"mode": "STRICT"})
OFF = policy("default", "istio-system", mtls={"mode": "DISABLE"})

BREAKAGES: dict[str, Breakage] = {
    "caBundle of another CA": Breakage(
        breaks={"root_certificates": published(OTHER_ROOT)},
        check="webhook",
        subject="istio-sidecar-injector",
        found="1 of 1 webhooks have a caBundle that isn't the mesh's root certificate",
        remedy="kubectl rollout restart -n istio-system deployment/istiod",
    ),
    "failurePolicy Ignore": Breakage(
        breaks={"webhooks": [webhook(failurePolicy="Ignore")]},
        check="webhook",
        subject="istio-sidecar-injector",
        found="failurePolicy Ignore in 1 of 1 webhooks",
        remedy="set failurePolicy to Fail",
        status="warning",
    ),
    "two default revisions": Breakage(
        breaks={
            "webhooks": [webhook(), webhook("istio-sidecar-injector-old", revision="-old")],
            "services": [
                *HEALTHY.services,
                service("istiod-old", "istio-system", {"app": "istiod"}, {"port": 443}),
            ],
        },
        check="webhook",
        subject="namespace shop",
        found="2 injectors inject its pods, istio-sidecar-injector and istio-sidecar-injector-old",
        remedy="kubectl delete mutatingwebhookconfiguration",
    ),
    "both injection labels": Breakage(
        breaks={
            "namespaces": [
                {
                    "metadata": {
                        "name": "shop",
                        "labels": {"istio-injection": "enabled", "istio.io/rev": "canary"},
                    }
                }
            ]
        },
        check="namespace",
        subject="shop",
        found="has both istio-injection=enabled and istio.io/rev=canary",
        remedy="kubectl label namespace shop istio-injection-",
        status="warning",
    ),
    "no injector for the label": Breakage(
        breaks={
            "mesh": replace(HEALTHY.mesh, revision_by_namespace={"shop": "canary"}),
            "pods": HEALTHY.pods,
        },
        check="webhook",
        subject="injector canary",
        found="no MutatingWebhookConfiguration for canary",
        remedy="label the namespaces with an existing revision or tag (default)",
    ),
    "expired root": Breakage(
        breaks={"root_certificates": published(root(-1)), "webhooks": []},
        check="certificates",
        subject="root certificate",
        found="ended on ",
        remedy="replace the mesh's CA (docs/security.md)",
    ),
    "root that ends soon": Breakage(
        breaks={"root_certificates": published(root(9)), "webhooks": []},
        check="certificates",
        subject="root certificate",
        found="ends on ",
        remedy="replace the mesh's CA (docs/security.md)",
        status="warning",
    ),
    "root that is no certificate": Breakage(
        breaks={"root_certificates": published("nonsense"), "webhooks": []},
        check="certificates",
        subject="root certificate",
        found="ConfigMap istio-ca-root-cert holds no certificate",
        remedy="replace the mesh's CA",
    ),
    "istiod without pods": Breakage(
        breaks={"deployments": [{**ISTIOD, "status": {}}]},
        check="control plane",
        subject="istio-system/istiod",
        found="0 of 1 pods ready",
        remedy="kubectl describe pods -n istio-system -l app=istiod",
    ),
    "istiod without endpoints": Breakage(
        breaks={
            "services": [
                CART,
                service("istiod", "istio-system", {"app": "other"}, {"name": "https", "port": 443}),
            ]
        },
        check="control plane",
        subject="Service istio-system/istiod",
        found="has no endpoints: no ready pod has the labels app=other",
        remedy="kubectl get pods -n istio-system --show-labels",
    ),
    "CRDs of an older release": Breakage(
        breaks={
            "istio_apis": frozenset(SINCE) - {"trafficextensions.extensions.istio.io/v1alpha1"}
        },
        check="crds",
        subject="Istio's CRDs",
        found="are of an older release than istiod 1.30.8: the cluster doesn't serve "
        "trafficextensions.extensions.istio.io/v1alpha1",
        remedy="update the CRDs",
    ),
    "NetworkPolicy before the webhook": Breakage(
        breaks={
            "network_policies": [
                policy("shut", "istio-system", podSelector=BY_LABEL, ingress=[IN_15012])
            ]
        },
        check="network policy",
        subject="istio-system/shut",
        found="keeps the API server from port 15017 of istio-system/istiod-1",
        remedy="add an ingress rule for TCP port 15017",
    ),
    "NetworkPolicy that lets only pods to the webhook": Breakage(
        breaks={
            "network_policies": [
                policy(
                    "shut",
                    "istio-system",
                    podSelector=BY_LABEL,
                    ingress=[IN_15012, {**IN_15017, "from": [{"namespaceSelector": {}}]}],
                )
            ]
        },
        check="network policy",
        subject="istio-system/shut",
        found="unless it comes through pods, such as those of konnectivity",
        remedy="without `from`, or from the API server's ipBlock",
        status="warning",
    ),
    "NetworkPolicy before istiod": Breakage(
        breaks={
            "network_policies": [
                policy(
                    "shut",
                    "istio-system",
                    podSelector={},
                    ingress=[IN_15017, {**IN_15012, "from": [{"podSelector": {}}]}],
                )
            ]
        },
        check="network policy",
        subject="istio-system/shut",
        found="keeps proxies in namespace shop from port 15012 of istio-system/istiod-1",
        remedy="add an ingress rule for TCP port 15012",
    ),
    "NetworkPolicy that keeps sidecars in": Breakage(
        breaks={
            "network_policies": [
                policy(
                    "inside",
                    "shop",
                    podSelector={},
                    policyTypes=["Egress"],
                    egress=[{"ports": [{"port": 80}]}],
                )
            ]
        },
        check="network policy",
        subject="shop/inside",
        found="keeps the proxy of shop/cart-1 from port 15012 of istiod",
        remedy="add an egress rule for TCP port 15012",
    ),
    "pod without sidecar": Breakage(
        breaks={"pods": with_pod(pod("bare", "shop", {"app": "bare"}, {"name": "app"}))},
        check="sidecar",
        subject="shop/bare",
        found="no istio-proxy: created before the namespace was labelled",
        remedy="kubectl delete pod bare -n shop",
    ),
    "quota exceeded": Breakage(
        breaks={
            "deployments": [
                ISTIOD,
                manifest(
                    "cart",
                    spec={},
                    status={
                        "conditions": [
                            {
                                "type": "ReplicaFailure",
                                "status": "True",
                                "message": "pods is forbidden: exceeded quota: small",
                            }
                        ]
                    },
                ),
            ]
        },
        check="quota",
        subject="shop/cart",
        found="its pods can't be created: pods is forbidden: exceeded quota: small",
        remedy="kubectl describe resourcequota -n shop",
    ),
    "quota too small for a sidecar": Breakage(
        breaks={
            "resource_quotas": [
                manifest(
                    "small",
                    status={"hard": {"requests.cpu": "1"}, "used": {"requests.cpu": "950m"}},
                )
            ]
        },
        check="quota",
        subject="shop/small",
        found="requests.cpu 950m of 1 used, a sidecar needs 100m",
        remedy="sidecar.istio.io/proxyCPU",
        status="warning",
    ),
    "port named wrong": Breakage(
        breaks={
            "services": [
                service("cart", "shop", {"app": "cart"}, {"name": "htpp-web", "port": 80}),
                HEALTHY.services[1],
            ]
        },
        check="port",
        subject="shop/cart",
        found="'htpp-web' (port 80, did you mean http?)",
        remedy="kubectl edit service cart -n shop",
        status="warning",
    ),
    "appProtocol that Istio doesn't know": Breakage(
        breaks={
            "services": [
                service(
                    "cart",
                    "shop",
                    {"app": "cart"},
                    {"name": "http", "appProtocol": "soap", "port": 80},
                ),
                HEALTHY.services[1],
            ]
        },
        check="port",
        subject="shop/cart",
        found="Istio knows no protocol 'soap' (port 80)",
        remedy="set its appProtocol",
        status="warning",
    ),
    "host that doesn't exist": Breakage(
        breaks={"virtual_services": [changed(ROUTE, http=to({"host": "basket"}))]},
        check="route",
        subject="shop/cart",
        found="host basket.shop.svc.cluster.local is no Service and no ServiceEntry",
        remedy="kubectl edit virtualservices.networking.istio.io cart -n shop",
    ),
    "mirror that doesn't exist": Breakage(
        breaks={
            "virtual_services": [
                changed(
                    ROUTE,
                    http=[{**to({"host": "cart"})[0], "mirrors": [{"destination": {"host": "x"}}]}],
                )
            ]
        },
        check="route",
        subject="shop/cart",
        found="host x.shop.svc.cluster.local is no Service and no ServiceEntry",
        remedy="NAME.NAMESPACE.svc.cluster.local",
    ),
    "Gateway that doesn't exist": Breakage(
        breaks={"virtual_services": [changed(ROUTE, gateways=["back"])]},
        check="route",
        subject="shop/cart",
        found="its Gateway shop/back doesn't exist",
        remedy="they are: shop/front",
    ),
    "subset that isn't defined": Breakage(
        breaks={
            "virtual_services": [changed(ROUTE, http=to({"host": "cart", "subset": "v9"}))],
        },
        check="route",
        subject="shop/cart",
        found="no DestinationRule defines subset v9 of cart",
        remedy="name one of v1",
    ),
    "subset without pods": Breakage(
        breaks={
            "destination_rules": [
                changed(RULE, subsets=[{"name": "v1", "labels": {"version": "v7"}}])
            ]
        },
        check="route",
        subject="shop/cart",
        found="no pod of cart is in subset v1 (version=v7)",
        remedy="deploy it, or send the requests to another subset",
    ),
    "Gateway that selects no pod": Breakage(
        breaks={"gateways": [changed(GATEWAY, selector={"istio": "gone"})]},
        check="gateway",
        subject="shop/front",
        found="its selector istio=gone selects no pod",
        remedy="kubectl edit gateways.networking.istio.io front -n shop",
    ),
    "Gateway that selects no pod, without routes": Breakage(
        breaks={"gateways": [changed(GATEWAY, selector={"istio": "gone"})], "virtual_services": []},
        check="gateway",
        subject="shop/front",
        found="no proxy listens for it, and no VirtualService names it",
        remedy="kubectl edit gateways.networking.istio.io front -n shop",
        status="warning",
    ),
    "TLS Secret that doesn't exist": Breakage(
        breaks={"secrets": frozenset()},
        check="gateway",
        subject="shop/front",
        found="there is no TLS Secret shop-tls in namespace istio-system",
        remedy="kubectl create secret tls shop-tls -n istio-system",
    ),
    "TLS Secret in the wrong namespace": Breakage(
        breaks={"secrets": frozenset({"shop/shop-tls"})},
        check="gateway",
        subject="shop/front",
        found="it is in namespace shop, where no gateway reads it",
        remedy="create it in namespace istio-system instead of shop",
    ),
    "ServiceEntries that contradict each other": Breakage(
        breaks={
            "service_entries": [
                OUTSIDE,
                manifest("bank2", spec={"hosts": ["bank.example.com"], "resolution": "STATIC"}),
            ]
        },
        check="service entry",
        subject="shop/bank2",
        found="resolves bank.example.com by STATIC, and ServiceEntry shop/bank by DNS",
        remedy="delete one, or limit where each is seen by exportTo",
    ),
    "ServiceEntry with a Service's host": Breakage(
        breaks={
            "service_entries": [
                manifest("cart", spec={"hosts": ["cart.shop.svc.cluster.local"]}),
            ]
        },
        check="service entry",
        subject="shop/cart",
        found="has the host of a Service, cart.shop.svc.cluster.local",
        remedy="give it a host of its own",
        status="warning",
    ),
    "AuthorizationPolicy that selects nothing": Breakage(
        breaks={
            "authorization_policies": [
                policy("deny", "shop", selector={"matchLabels": {"app": "crat"}})
            ]
        },
        check="policy",
        subject="shop/deny",
        found="AuthorizationPolicy applies to nothing: no pod has the labels app=crat",
        remedy="kubectl edit authorizationpolicies.security.istio.io deny -n shop",
        status="warning",
    ),
    "AuthorizationPolicy for a Service that is gone": Breakage(
        breaks={
            "authorization_policies": [
                policy("deny", "shop", targetRefs=[{"kind": "Service", "name": "crat"}])
            ]
        },
        check="policy",
        subject="shop/deny",
        found="there is no Service crat in its namespace",
        remedy="kubectl edit authorizationpolicies.security.istio.io deny -n shop",
        status="warning",
    ),
    "PeerAuthentication of the whole mesh for some pods": Breakage(
        breaks={
            "peer_authentications": [
                policy(
                    "some",
                    "istio-system",
                    selector={"matchLabels": {"app": "cart"}},
                    mtls={"mode": "STRICT"},
                )
            ]
        },
        check="policy",
        subject="istio-system/some",
        found="PeerAuthentication applies to nothing: one in a root namespace is ignored if it "
        "selects pods",
        remedy="kubectl edit peerauthentications.security.istio.io some -n istio-system",
        status="warning",
    ),
    "plain requests to strict mTLS": Breakage(
        breaks={
            "peer_authentications": [STRICT],
            "destination_rules": [changed(RULE, trafficPolicy={"tls": {"mode": "DISABLE"}})],
        },
        check="mtls",
        subject="shop/cart",
        found="clients of cart send with TLS mode DISABLE, and its pods accept by "
        "PeerAuthentication shop/default STRICT only",
        remedy="take trafficPolicy.tls out of the DestinationRule",
    ),
    "mTLS to pods that don't speak it": Breakage(
        breaks={
            "peer_authentications": [OFF],
            "destination_rules": [changed(RULE, trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})],
        },
        check="mtls",
        subject="shop/cart",
        found="PeerAuthentication istio-system/default DISABLE only",
        remedy="take trafficPolicy.tls out of the DestinationRule",
    ),
    "proxy two minors behind": Breakage(
        breaks={
            "pods": with_pod(
                pod("old", "shop", {}, {"name": "istio-proxy", "image": "istio/proxyv2:1.28.0"})
            )
        },
        check="version",
        subject="shop/old",
        found="proxy 1.28.0, istiod 1.30.8",
        remedy="kubectl delete pod old -n shop",
    ),
    "webhook of an istiod that is gone": Breakage(
        breaks={
            "webhooks": [
                webhook(),
                webhook(
                    "old",
                    revision="-old",
                    namespaceSelector={"matchLabels": {"istio.io/rev": "old"}},
                ),
            ]
        },
        check="webhook",
        subject="old",
        found="no Service istio-system/istiod-old: left by an earlier installation",
        remedy="kubectl delete mutatingwebhookconfiguration old",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_mesh_has_one_finding(name: str) -> None:
    """It names the object, the fact and the remedy, and nothing else is called wrong for it."""
    breakage = BREAKAGES[name]

    (finding,) = checked(replace(HEALTHY, **breakage.breaks))

    assert (finding.check, finding.subject) == (breakage.check, breakage.subject)
    assert finding.status == breakage.status
    assert breakage.found in finding.found
    assert breakage.remedy in finding.remedy


def test_no_istiod_at_all_is_said_as_such() -> None:
    """A context may be of a cluster without Istio."""
    (finding,) = control_plane.found(replace(HEALTHY, mesh=NO_ISTIOD))

    assert finding.found == "no namespace has a Deployment with the label app=istiod"


@pytest.mark.parametrize(
    "port",
    [
        {"name": "http", "port": 80},
        {"name": "http2-web", "port": 80},
        {"name": "grpc-web-x", "port": 80},
        {"port": 80},
        {"name": "x", "appProtocol": "kubernetes.io/h2c", "port": 80},
        {"name": "x", "appProtocol": "HTTPS", "port": 80},
        {"name": "dhcp", "protocol": "UDP", "port": 67},
        {"name": "db", "port": 3306},
        {"name": "status-port", "port": 15021},
        {"name": "mesh", "appProtocol": "hbone", "port": 15008},
    ],
)
def test_a_port_that_istio_knows_is_right(port: Manifest) -> None:
    """Also one that says nothing: most Services with a single port have no name for it."""
    services = [service("cart", "shop", {"app": "cart"}, port)]

    assert list(service_ports.check(replace(HEALTHY, services=services))) == []


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"ports": [{"port": "webhook"}, {"port": 15012}]},
        {"ports": [{"port": 15000, "endPort": 15020}]},
    ],
)
def test_a_network_policy_that_lets_both_in_is_right(rule: Manifest) -> None:
    """By any port, by the port's name, or by a range."""
    shut = policy("open", "istio-system", podSelector=BY_LABEL, ingress=[rule])

    assert list(network_policies.check(replace(HEALTHY, network_policies=[shut]))) == []


def test_the_innermost_peer_authentication_counts() -> None:
    """A workload's wins over its namespace's, and that over the mesh's."""
    own = policy(
        "cart", "shop", selector={"matchLabels": {"app": "cart"}}, mtls={"mode": "DISABLE"}
    )
    plain = changed(RULE, trafficPolicy={"tls": {"mode": "DISABLE"}})
    broken = replace(HEALTHY, peer_authentications=[OFF, STRICT], destination_rules=[plain])

    assert [each.subject for each in mtls.check(broken)] == ["shop/cart"]
    mended = replace(broken, peer_authentications=[OFF, STRICT, own])
    assert list(mtls.check(mended)) == []


@pytest.mark.parametrize("mode", ["STRICT", "UNSET"])
def test_a_port_with_a_mode_of_its_own_is_left_alone(mode: str) -> None:
    """A DestinationRule without TLS is right for it."""
    own = policy(
        "cart",
        "shop",
        selector={"matchLabels": {"app": "cart"}},
        mtls={"mode": mode},
        portLevelMtls={"8080": {"mode": "DISABLE"}},
    )
    plain = changed(RULE, trafficPolicy={"tls": {"mode": "DISABLE"}})
    snapshot = replace(HEALTHY, peer_authentications=[STRICT, own], destination_rules=[plain])

    assert list(mtls.check(snapshot)) == []


def test_a_ca_bundle_of_another_provider_is_left_alone() -> None:
    """Istiod's own certificate may be signed by another CA than the mesh's."""
    other = copy.deepcopy(ISTIOD)
    other["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "custom"
    snapshot = replace(HEALTHY, deployments=[other], root_certificates=published(OTHER_ROOT))

    assert [each.status for each in webhooks.check(snapshot)] == ["ok"]


def test_a_host_may_be_in_another_cluster() -> None:
    """Istiod sends requests to the Services of all clusters of a mesh, and verify reads one."""
    named = copy.deepcopy(ISTIOD)
    named["spec"]["template"]["spec"]["containers"][0]["env"] += [
        {"name": "CLUSTER_ID", "value": "west"}
    ]
    lost = changed(ROUTE, http=to({"host": "basket"}))

    (finding,) = routes.check(replace(HEALTHY, deployments=[named], virtual_services=[lost]))

    assert finding.status == "warning"
    assert finding.found.endswith("unless another cluster of the mesh has it")
    bare = replace(HEALTHY, pods=[ISTIOD_POD])
    assert [each.status for each in routes.check(bare)] == ["wrong"]
    for deployments in ([named], []):  # without istiod this is another cluster's
        (finding,) = routes.check(replace(bare, deployments=deployments))
        assert finding.status == "warning"
        assert finding.found.startswith("no pod of cart is in subset v1")


APP = {"name": "app"}


def test_ambient_pods_speak_mutual_tls() -> None:
    """Ztunnel does it for them: they need no proxy of their own."""
    bare = [pod("cart-1", "shop", {"app": "cart"}, APP)]
    rule = changed(RULE, trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})
    plain = replace(HEALTHY, pods=bare, destination_rules=[rule])
    ambient = replace(plain, mesh=replace(HEALTHY.mesh, ambient_namespaces=frozenset({"shop"})))

    assert [each.subject for each in mtls.check(plain)] == ["shop/cart"]
    assert list(mtls.check(ambient)) == []
    labels = {"app": "cart", "istio.io/dataplane-mode": "ambient"}
    assert list(mtls.check(replace(plain, pods=[pod("cart-1", "shop", labels, APP)]))) == []
    labels["istio.io/dataplane-mode"] = "none"
    opted_out = replace(ambient, pods=[pod("cart-1", "shop", labels, APP)])
    assert [each.subject for each in mtls.check(opted_out)] == ["shop/cart"]


def test_a_gateway_for_every_proxy_names_no_secrets_place() -> None:
    """Its Secret may be beside any of them."""
    gateway = changed(GATEWAY, selector={})

    assert (
        list(istio_gateways.secrets(replace(HEALTHY, gateways=[gateway], secrets=frozenset())))
        == []
    )


def test_a_gateways_secret_may_be_named_with_its_namespace() -> None:
    """Istio reads NAMESPACE/NAME too, if it is the namespace of the pods."""
    tls = {"credentialName": "istio-system/shop-tls"}
    gateway = changed(GATEWAY, servers=[{"port": {"number": 443}, "tls": tls}])
    snapshot = replace(HEALTHY, gateways=[gateway])

    assert istio_gateways.named_secrets([gateway], HEALTHY.pods) == {"istio-system/shop-tls"}
    assert list(istio_gateways.secrets(snapshot)) == []
    (finding,) = istio_gateways.secrets(replace(snapshot, secrets=frozenset()))
    assert "no TLS Secret shop-tls in namespace istio-system" in finding.found


def test_no_secret_is_asked_for_of_a_gateway_for_every_proxy() -> None:
    """It would be asked for in each namespace of the cluster."""
    gateway = changed(GATEWAY, selector={})

    assert istio_gateways.named_secrets([gateway], HEALTHY.pods) == set()


@pytest.mark.parametrize("name", ["front", "./front", "shop/front", "front.shop", "front.shop.svc"])
def test_a_gateway_has_each_name_that_istio_takes(name: str) -> None:
    """Those without a slash are of early releases, and still work."""
    route = changed(ROUTE, gateways=[name])

    (finding,) = routes.check(replace(HEALTHY, virtual_services=[route]))

    assert finding.status == "ok"


STAYS = {"destination": {"host": "cart", "subset": "v1"}, "weight": 100}
CANARY = {"destination": {"host": "cart", "subset": "v2"}, "weight": 0}


@pytest.mark.parametrize(
    "parts",
    [
        {"virtual_services": [changed(ROUTE, http=[{"route": [STAYS, CANARY]}])]},
        {"destination_rules": [changed(RULE, host="*.shop.svc.cluster.local")]},
        {"destination_rules": [changed(RULE, host="*.local")]},
        {"services": [manifest("cart", spec={"ports": []})], "pods": [ISTIOD_POD]},
        {"services": [manifest("cart", spec={"externalName": "a.example.com"})]},
        {
            "virtual_services": [changed(ROUTE, http=to({"host": "vm"}))],
            "service_entries": [manifest("vm", spec={"hosts": ["vm.shop.svc.cluster.local"]})],
        },
    ],
    ids=[
        *("canary without requests", "wildcard", "wide wildcard", "no selector", "ExternalName"),
        "ServiceEntry by its short host",
    ],
)
def test_a_route_that_works_is_right(parts: dict[str, Any]) -> None:
    """However its destination says which pods it means."""
    assert [each.status for each in routes.check(replace(HEALTHY, **parts))] == ["ok"]


@pytest.mark.parametrize(
    ("namespaces", "exports", "is_wrong"),
    [
        (("shop", "bank"), (["*"], ["."]), True),
        (("shop", "bank"), (["bank"], ["."]), True),
        (("shop", "bank"), (["till"], ["till"]), True),
        (("shop", "bank"), (["."], ["."]), False),
        (("shop", "shop"), (["bank"], ["till"]), False),
    ],
)
def test_two_service_entries_meet_where_both_are_seen(
    namespaces: tuple[str, str], exports: tuple[list[str], list[str]], *, is_wrong: bool
) -> None:
    """As their exportTo says."""
    entries = [
        manifest(
            f"bank-{way}",
            namespace,
            spec={"hosts": ["bank.example.com"], "resolution": way, "exportTo": export},
        )
        for namespace, export, way in zip(namespaces, exports, ("DNS", "STATIC"), strict=True)
    ]

    assert bool([*service_entries.check(replace(HEALTHY, service_entries=entries))]) is is_wrong


def test_a_root_that_has_ended_beside_another_is_a_warning() -> None:
    """The roots of a changed CA stand together until every proxy has a new certificate."""
    both = published(root(-1) + ROOT)

    (finding,) = certificates.roots(replace(HEALTHY, root_certificates=both))

    assert finding.status == "warning"
    assert "is 2 certificates, and one ended on" in finding.found


def test_a_ca_bundle_of_another_mesh_is_left_alone() -> None:
    """A cluster may have several meshes, each with a root of its own."""
    snapshot = replace(HEALTHY, root_certificates=published(OTHER_ROOT, "a-mesh"))

    assert [each.status for each in webhooks.check(snapshot)] == ["ok"]


def test_a_webhook_by_url_needs_no_ca_bundle() -> None:
    """The API server trusts public CAs, too: a control plane may be outside the cluster."""
    outside = webhook(clientConfig={"url": "https://istiod.example.com/inject"})

    (finding,) = webhooks.check(replace(HEALTHY, webhooks=[outside]))

    assert finding.status == "ok"
    assert finding.found.endswith("the others are called by their URL")


def test_pods_of_one_namespace_may_be_let_in_by_several_peers() -> None:
    """Each of them by its own labels."""
    peers = [
        {"namespaceSelector": {}, "podSelector": {"matchLabels": labels}}
        for labels in ({"app": "cart"}, {"app": "till"}, {"istio": "ingressgateway"})
    ]
    rules = [IN_15017, {**IN_15012, "from": peers}]
    shut = policy("open", "istio-system", podSelector=BY_LABEL, ingress=rules)
    snapshot = replace(
        HEALTHY, network_policies=[shut], pods=with_pod(pod("till-1", "shop", {"app": "till"}))
    )

    assert list(network_policies.check(snapshot)) == []
    unknown = replace(snapshot, pods=with_pod(pod("bank-1", "shop", {"app": "bank"})))
    (finding,) = network_policies.check(unknown)
    assert "keeps proxies in namespace shop from port 15012" in finding.found


OUTSIDE_ISTIOD = manifest("istiod", "istio-system", spec={"ports": [{"port": 443}]})
BY_URL = webhook(clientConfig={"url": "https://istiod.example.com/inject"})


@pytest.mark.parametrize(
    "parts",
    [{"services": [CART, OUTSIDE_ISTIOD]}, {"services": [CART], "webhooks": [BY_URL]}],
    ids=["Service", "URL"],
)
def test_an_istiod_may_be_another_clusters(parts: dict[str, Any]) -> None:
    """Then there is none here, and the versions of proxies can't be compared."""
    remote = replace(HEALTHY, mesh=NO_ISTIOD, deployments=[], **parts)

    (finding,) = control_plane.found(remote)
    assert finding.status == "ok"
    assert finding.found.startswith("is in another cluster")
    assert checked(remote) == []
    unasked = replace(remote, webhooks=[])
    assert {each.status for each in pods.proxy_versions(unasked)} == {"wrong"}


def test_a_deployment_may_select_by_expressions() -> None:
    """Then there are no labels to ask kubectl for."""
    expression = {"key": "app", "operator": "Exists"}
    deployment = changed(ISTIOD, selector={"matchExpressions": [expression]}) | {"status": {}}

    (finding,) = control_plane.found(replace(HEALTHY, deployments=[deployment]))

    assert finding.remedy == "kubectl describe deployment istiod -n istio-system"


SHUT_IN = policy("in", "shop", podSelector={}, policyTypes=["Egress"], egress=[])
EARLY = replace(HEALTHY.mesh, istiods=(istio_object(name="istio-pilot", version="1.4.10"),))


@pytest.mark.parametrize(
    "parts",
    [
        {"network_policies": [changed(SHUT_IN, egress=[{"ports": [{"port": "tls-xds"}]}])]},
        {"network_policies": [SHUT_IN], "mesh": EARLY},
    ],
    ids=["a port's name", "before istiod"],
)
def test_the_port_of_istiod_may_be_another(parts: dict[str, Any]) -> None:
    """A name is of the pods that a rule leads to, and before 1.5 proxies asked at other ports."""
    assert list(network_policies.check(replace(HEALTHY, **parts))) == []


def test_a_quota_for_some_pods_only_is_left_alone() -> None:
    """Which pods it counts depends on their class and their limits."""
    full = {"hard": {"requests.cpu": "1"}, "used": {"requests.cpu": "1"}}
    for_all = policy("cpu", "shop") | {"status": full}
    scoped = policy("cpu", "shop", scopes=["BestEffort"]) | {"status": full}

    assert [each.subject for each in quotas.check(replace(HEALTHY, resource_quotas=[for_all]))] == [
        "shop/cpu"
    ]
    assert list(quotas.check(replace(HEALTHY, resource_quotas=[scoped]))) == []


def test_a_gateways_pods_may_be_in_another_cluster() -> None:
    """Istiod tells the gateways of all clusters of a mesh about it, and verify reads one."""
    named = copy.deepcopy(ISTIOD)
    named["spec"]["template"]["spec"]["containers"][0]["env"] += [
        {"name": "CLUSTER_ID", "value": "west"}
    ]
    lost = changed(GATEWAY, selector={"istio": "eastwest"})

    (finding,) = istio_gateways.check(replace(HEALTHY, deployments=[named], gateways=[lost]))

    assert finding.status == "warning"
    assert finding.found.endswith("unless another cluster of the mesh has it")


def test_a_secret_that_may_not_be_read_isnt_called_missing() -> None:
    """The other ones are checked."""
    names = ["shop-tls", "other-tls"]
    servers = [{"port": {"number": 443}, "tls": {"credentialName": each}} for each in names]
    snapshot = replace(
        HEALTHY,
        gateways=[changed(GATEWAY, servers=servers)],
        secrets=frozenset(),
        unread_secrets=frozenset({"istio-system/shop-tls"}),
    )

    (finding,) = istio_gateways.secrets(snapshot)

    assert "no TLS Secret other-tls in namespace istio-system" in finding.found


@pytest.mark.parametrize("arguments", [["--domain", "corp.example"], ["--domain=corp.example"]])
def test_the_cluster_may_have_another_domain(arguments: list[str]) -> None:
    """Its istiod is told; then a host of cluster.local is none of its Services."""
    told = copy.deepcopy(ISTIOD)
    told["spec"]["template"]["spec"]["containers"][0]["args"] = ["discovery", *arguments]
    full = changed(ROUTE, http=to({"host": "cart.shop.svc.corp.example", "subset": "v1"}))
    usual = changed(ROUTE, http=to({"host": "cart.shop.svc.cluster.local", "subset": "v1"}))
    snapshot = replace(HEALTHY, deployments=[told])

    right = routes.check(replace(snapshot, virtual_services=[ROUTE, full]))
    (wrong,) = routes.check(replace(snapshot, virtual_services=[usual]))

    assert [each.status for each in right] == ["ok"]
    assert "cart.shop.svc.cluster.local is no Service" in wrong.found
    assert "as NAME.NAMESPACE.svc.corp.example" in wrong.remedy


def test_the_policies_of_a_whole_mesh_may_be_in_another_namespace() -> None:
    """MeshConfig's rootNamespace says where; those beside istiod are for its pods only."""
    rule = changed(RULE, trafficPolicy={"tls": {"mode": "DISABLE"}})
    strict = policy("default", "mesh-policies", mtls={"mode": "STRICT"})
    deny = policy("deny", "mesh-policies", selector={"matchLabels": {"app": "cart"}})
    snapshot = replace(
        HEALTHY,
        destination_rules=[rule],
        peer_authentications=[strict],
        authorization_policies=[deny],
    )
    moved = replace(snapshot, root_namespaces=frozenset({"mesh-policies"}))

    assert [each.subject for each in mtls.check(moved)] == ["shop/cart"]
    assert list(policies.check(moved)) == []
    assert list(mtls.check(snapshot)) == []
    assert [each.subject for each in policies.check(snapshot)] == ["mesh-policies/deny"]


def test_each_mesh_of_a_cluster_has_its_root_checked() -> None:
    """The one that ended is named by its istiod's namespace."""
    both = published(ROOT) | published(root(-1), "a-mesh")

    found = {
        each.subject: each.status
        for each in certificates.roots(replace(HEALTHY, root_certificates=both))
    }

    assert found == {
        "root certificate of istio-system": "ok",
        "root certificate of a-mesh": "wrong",
    }
