"""Each rule: what breaks it, with the value that is told, and what doesn't."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from policy.cluster_scope import NO_CLUSTER_SCOPE
from policy.containers import PROBES, RESOURCES
from policy.crds import RETAINED
from policy.hosts import NO_WILDCARD
from policy.images import FROM_REGISTRIES, NOT_RETIRED, PINNED, parts
from policy.injection import INJECTED
from policy.mtls import STRICT
from policy.ports import GATEWAY_PORTS, NO_NODE_PORTS
from policy.rule import Object, Rule, Stack

DEV = Stack(name="dev")
PROD = Stack(name="prod")
APP = Stack(name="alice", mode="app")
MEMORY = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}


def _broken(rule: Rule, *objects: Object, stack: Stack = DEV, **options: Any) -> list[str]:
    """Return what is told of objects that break a rule."""
    found = rule.check(objects, stack, {**rule.defaults, **options})
    return [violation.got for violation in found]


def _deployment(
    image: str = "docker.io/istio/app:1.0",
    *,
    name: str = "app",
    namespace: str = "shop",
    pod: Mapping[str, Any] | None = None,
    **container: Any,
) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "template": {
                "metadata": pod or {},
                "spec": {"containers": [{"name": "main", "image": image, **container}]},
            }
        },
    }


def _object(version: str, kind: str, name: str = "it", **rest: Any) -> Object:
    given = {"name": name, **rest.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": given, **rest}


def _namespace(**labels: str) -> Object:
    named = {key.replace("__", "."): value for key, value in labels.items()}
    return _object("v1", "Namespace", "shop", metadata={"labels": named})


@pytest.mark.parametrize(
    ("image", "split"),
    [
        ("mysql", ("docker.io/library/mysql", "", "")),
        ("istio/pilot:1.30", ("docker.io/istio/pilot", "1.30", "")),
        ("localhost:5000/a:b", ("localhost:5000/a", "b", "")),
        ("quay.io/a/b@sha256:c", ("quay.io/a/b", "", "sha256:c")),
        ("quay.io/a/b:1@sha256:c", ("quay.io/a/b", "1", "sha256:c")),
    ],
)
def test_an_image_is_split_as_docker_does(image: str, split: tuple[str, str, str]) -> None:
    """A port is no tag, and what has no host is on Docker Hub."""
    assert parts(image) == split


@pytest.mark.parametrize("image", ["docker.io/istio/app", "docker.io/istio/app:latest", ""])
def test_an_image_without_a_version(image: str) -> None:
    """No tag, and the one that moves, are told; a digest and a gateway's `auto` are fine."""
    assert _broken(PINNED, _deployment(image)) == [f"container main has image {image or '(none)'}"]
    for pinned in ("a/b:1", "a/b@sha256:0", "a/b:latest@sha256:0", "auto"):
        assert _broken(PINNED, _deployment(pinned)) == []


def test_a_tag_is_not_enough_where_digests_are_asked_for() -> None:
    """The policy config may ask for digests."""
    assert _broken(PINNED, _deployment("a/b:1"), digest=True) == [
        "container main has image a/b:1, without digest"
    ]


def test_an_injected_image_is_found_in_the_injector() -> None:
    """A gateway's `auto` and a pod without a sidecar yet get what the ConfigMap names."""
    values = {"hub": "docker.io/istio", "tag": "1.30.8", "proxy": {"image": "proxyv2"}}
    values["proxy_init"] = {"image": "docker.io/istio/proxyv2:1.30.8@sha256:0"}
    injector = _object(
        "v1",
        "ConfigMap",
        metadata={"name": "istio-sidecar-injector-new"},
        data={"values": json.dumps({"global": values})},
    )

    assert _broken(PINNED, injector) == []
    assert _broken(PINNED, injector, digest=True) == [
        "container istio-proxy has image docker.io/istio/proxyv2:1.30.8, without digest"
    ]


@pytest.mark.parametrize("values", ["04da6b54-80e4-46f7-96ec-b56ff0331ba9", "", None])
def test_an_injector_whose_values_are_unknown_is_left_alone(values: str | None) -> None:
    """A preview may not know them yet, and another tool may write them otherwise."""
    named = {"name": "istio-sidecar-injector"}

    assert (
        _broken(PINNED, _object("v1", "ConfigMap", metadata=named, data={"values": values})) == []
    )


def test_an_image_that_a_pod_asks_for() -> None:
    """An annotation names another image of its proxy."""
    pod = {"annotations": {"sidecar.istio.io/proxyImage": "example.com/proxyv2"}}

    assert _broken(PINNED, _deployment(pod=pod)) == [
        "container istio-proxy has image example.com/proxyv2"
    ]


def test_an_image_of_a_cron_job_s_init_container() -> None:
    """Pods are found in every kind that makes them, and in them every container."""
    template = {"spec": {"initContainers": [{"name": "first", "image": "a"}], "containers": []}}
    job = {"spec": {"template": template}}

    assert _broken(PINNED, _object("batch/v1", "CronJob", spec={"jobTemplate": job})) == [
        "container first has image a"
    ]


def test_an_image_from_elsewhere() -> None:
    """A registry is a whole path: what only begins like it is another's."""
    assert _broken(FROM_REGISTRIES, _deployment("istio/pilot:1")) == []
    assert _broken(FROM_REGISTRIES, _deployment("docker.io/istio-evil/pilot:1")) == [
        "container main has image docker.io/istio-evil/pilot:1"
    ]
    assert _broken(FROM_REGISTRIES, _deployment("a.io/b:1"), registries=["a.io/"]) == []


@pytest.mark.parametrize(
    ("namespace", "pod", "got"),
    [
        ({}, {}, "its pods have no sidecar, and the namespace shop has no label"),
        (
            {"istio-injection": "disabled", "istio__io/rev": "a"},
            {},
            "its pods have no sidecar, and the namespace shop has "
            "istio-injection=disabled, istio.io/rev=a",
        ),
        (
            {"istio-injection": "enabled"},
            {"labels": {"sidecar.istio.io/inject": "false"}},
            "its pods have sidecar.istio.io/inject=false, and the namespace shop has "
            "istio-injection=enabled",
        ),
        (
            {"istio__io/dataplane-mode": "ambient"},
            {"labels": {"istio.io/dataplane-mode": "none"}},
            "its pods have no sidecar, and the namespace shop has istio.io/dataplane-mode=ambient",
        ),
        ({"istio-injection": "enabled"}, {}, None),
        ({"istio__io/rev": "canary"}, {}, None),
        (
            {"istio__io/dataplane-mode": "ambient"},
            {"labels": {"sidecar.istio.io/inject": "false"}},
            None,
        ),
        ({}, {"labels": {"sidecar.istio.io/inject": "true"}}, None),
        ({}, {"labels": {"istio.io/rev": "canary"}}, None),
    ],
)
def test_a_workload_outside_of_the_mesh(
    namespace: dict[str, str], pod: dict[str, Any], got: str | None
) -> None:
    """The namespace's label decides, and the pod's own before it."""
    told = _broken(INJECTED, _namespace(**namespace), _deployment(pod=pod))

    assert told == ([got] if got else [])


def test_a_workload_that_nobody_can_judge() -> None:
    """Another stack's namespace may have the label; a sidecar by hand needs none."""
    by_hand = _deployment(name="main")
    by_hand["spec"]["template"]["spec"]["initContainers"] = [{"name": "istio-proxy"}]

    assert _broken(INJECTED, _deployment()) == []
    assert _broken(INJECTED, _namespace(), by_hand) == []


@pytest.mark.parametrize("label", [("app", "istiod"), ("app", "ztunnel")])
def test_the_mesh_s_own_workloads(label: tuple[str, str]) -> None:
    """Where the mesh itself runs, nothing is injected."""
    own = _deployment(name="own", pod={"labels": dict([label])})

    assert _broken(INJECTED, _namespace(), own, _deployment()) == []
    assert _broken(INJECTED, _namespace(), _deployment(), exemptNamespaces=["shop"]) == []


def _authentication(mode: str, name: str = "default", **spec: Any) -> Object:
    where = {"namespace": "istio-system"}
    given = {"mtls": {"mode": mode}, **spec}
    return _object("security.istio.io/v1", "PeerAuthentication", name, metadata=where, spec=given)


def test_production_without_strict_mutual_tls() -> None:
    """The mesh's own mode is asked for where its istiod is, and nothing may weaken it."""
    istiod = _deployment(name="istiod", namespace="istio-system", pod={"labels": {"app": "istiod"}})
    of_port = {"8080": {"mode": "DISABLE"}}
    lacks = ["no PeerAuthentication in istio-system sets the mesh's mode to STRICT"]

    assert _broken(STRICT, istiod, stack=PROD) == lacks
    assert _broken(STRICT, istiod, _authentication("STRICT", selector={"a": "b"}), stack=PROD) == (
        lacks
    )
    assert _broken(STRICT, istiod, _authentication("STRICT"), stack=PROD) == []
    assert _broken(STRICT, _authentication("PERMISSIVE"), stack=PROD) == ["mode PERMISSIVE"]
    assert _broken(STRICT, _authentication("STRICT", portLevelMtls=of_port), stack=PROD) == [
        "mode DISABLE at port 8080"
    ]
    assert _broken(STRICT, istiod, _authentication("DISABLE"), stack=DEV) == []


@pytest.mark.parametrize("name", ["prod", "prod-eu", "shop-prod"])
def test_what_a_production_stack_is_called(name: str) -> None:
    """By default prod is a stack's name, its first word or its last; a config may differ."""
    weak = _authentication("DISABLE")

    assert _broken(STRICT, weak, stack=Stack(name=name)) == ["mode DISABLE"]
    assert _broken(STRICT, weak, stack=Stack(name=name), stacks=["live"]) == []
    assert _broken(STRICT, weak, stack=Stack(name="product")) == []


def _service(kind: str, **port: float) -> Object:
    return _object("v1", "Service", spec={"type": kind, "ports": [{"port": 80}, port]})


def test_a_port_that_nobody_watches() -> None:
    """Services that are reached from outside, and gateways of both APIs; a ClusterIP is inside."""
    istio = _object(
        "networking.istio.io/v1", "Gateway", spec={"servers": [{"port": {"number": 31400}}]}
    )
    api = _object("gateway.networking.k8s.io/v1", "Gateway", spec={"listeners": [{"port": 81}]})

    assert _broken(GATEWAY_PORTS, _service("LoadBalancer", port=8080)) == ["port 8080"]
    assert _broken(GATEWAY_PORTS, _service("NodePort", port=8080)) == ["port 8080"]
    assert _broken(GATEWAY_PORTS, istio, api) == ["port 31400", "port 81"]
    assert _broken(GATEWAY_PORTS, _service("ClusterIP", port=8080)) == []
    # The engine hands numbers over as floats.
    assert _broken(GATEWAY_PORTS, _service("NodePort", port=8080.0)) == ["port 8080"]
    assert _broken(GATEWAY_PORTS, istio, ports=[31400.0]) == []


def test_a_port_on_the_nodes_in_production() -> None:
    """By its type, or by a number of its own."""
    own = _service("LoadBalancer", port=443, nodePort=30443)

    assert _broken(NO_NODE_PORTS, _service("NodePort", port=443), stack=PROD) == ["type NodePort"]
    assert _broken(NO_NODE_PORTS, own, stack=PROD) == ["nodePort 30443"]
    assert _broken(NO_NODE_PORTS, _service("LoadBalancer", port=443), stack=PROD) == []
    assert _broken(NO_NODE_PORTS, own, stack=DEV) == []


def test_an_app_stack_with_an_object_of_the_cluster_s() -> None:
    """All but a namespace; a platform may have them."""
    role = _object("rbac.authorization.k8s.io/v1", "ClusterRole")
    crd = _object("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    fine = [_namespace(), _deployment(), _object("rbac.authorization.k8s.io/v1", "Role")]

    assert _broken(NO_CLUSTER_SCOPE, role, crd, *fine, stack=APP) == [
        "a ClusterRole in the app stack alice",
        "a CustomResourceDefinition in the app stack alice",
    ]
    assert _broken(NO_CLUSTER_SCOPE, role, crd, stack=Stack(name="p", mode="platform")) == []


def test_an_app_stack_that_takes_all_hosts() -> None:
    """In every kind that names hosts, and by naming none; a namespace may be any."""
    istio, api = "networking.istio.io/v1", "gateway.networking.k8s.io/v1"
    parents = {"parentRefs": [{"name": "gateway"}]}
    wild = [
        _object(istio, "VirtualService", spec={"hosts": ["*"]}),
        _object(istio, "Gateway", spec={"servers": [{"hosts": ["*/*.example.com"]}]}),
        _object(api, "Gateway", spec={"listeners": [{"port": 80}]}),
        _object(api, "HTTPRoute", spec=parents),
        _object(api, "HTTPRoute", spec={**parents, "hostnames": ["*.example.com"]}),
    ]
    fine = [
        _object(istio, "VirtualService", spec={"hosts": ["reviews"]}),
        _object(istio, "Gateway", spec={"servers": [{"hosts": ["*/a.example.com"]}]}),
        _object(api, "HTTPRoute", spec={**parents, "hostnames": ["a.example.com"]}),
        _object(api, "HTTPRoute", spec={"parentRefs": [{"kind": "Service", "name": "reviews"}]}),
    ]

    assert _broken(NO_WILDCARD, *wild, *fine, stack=APP) == [
        "host *",
        "host */*.example.com",
        "host *",
        "host *",
        "host *.example.com",
    ]
    assert _broken(NO_WILDCARD, *wild, stack=DEV) == []


def test_containers_without_resources() -> None:
    """Each of them is named with what it lacks; Istio's proxy isn't the application's."""
    two = _deployment(resources={"requests": {"cpu": "1"}})
    two["spec"]["template"]["spec"]["containers"] += [{"name": "other"}, {"name": "istio-proxy"}]

    assert _broken(RESOURCES, two, resources=["requests.cpu", "limits.memory"]) == [
        "container main has no resources.limits.memory; "
        "other has no resources.requests.cpu, resources.limits.memory"
    ]
    assert _broken(RESOURCES, _deployment(resources=MEMORY)) == []
    assert _broken(RESOURCES, _deployment("auto")) == []


def test_containers_without_probes() -> None:
    """Of what runs on: a job ends."""
    job = _object("batch/v1", "Job", spec={"template": {"spec": {"containers": [{"name": "a"}]}}})

    assert _broken(PROBES, _deployment()) == ["container main has no readinessProbe"]
    assert _broken(PROBES, _deployment(readinessProbe={"tcpSocket": {}})) == []
    assert _broken(PROBES, job) == []


def test_crds_that_a_destroy_deletes() -> None:
    """Told once, with their number; stacks of a cluster that nobody shares may."""
    crds = [_object("apiextensions.k8s.io/v1", "CustomResourceDefinition", n) for n in "ab"]
    deleting = Stack(name="staging", deletes_crds=True)

    assert _broken(RETAINED, *crds, stack=deleting) == [
        "deleteCrds is true in the stack staging, which has 2 CRDs"
    ]
    assert _broken(RETAINED, *crds, stack=Stack(name="dev-1", deletes_crds=True)) == []
    assert _broken(RETAINED, *crds, stack=Stack(name="staging")) == []
    assert _broken(RETAINED, _namespace(), stack=deleting) == []


@pytest.mark.parametrize(
    ("image", "is_retired"),
    [
        ("registry.istio.io/release/examples-bookinfo-details-v1:1.20.3", True),
        ("gcr.io/istio-release/pilot:1.30.3", True),
        ("gcr.io/others/pilot:1.30.3", False),
        ("docker.io/istio/pilot:1.30.3", False),
    ],
)
def test_images_of_retired_hosts_are_reported(image: str, *, is_retired: bool) -> None:
    """Istio shuts them down: pods that start after that get no image."""
    assert bool(_broken(NOT_RETIRED, _deployment(image))) is is_retired
