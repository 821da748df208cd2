"""What a picture shows: what objects say, of a stack's program or of a cluster that drifted."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from meshctl.render.program import merged
from meshctl.topology import reader
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Picture, Service
from tests.fakes.bookinfo import (
    istiod,
    mesh,
    networking,
    obj,
    security,
    service,
    subsets,
    version,
    without,
    workload,
)
from tests.fakes.engine import RecordingEngine


def live(*more: dict[str, Any], without_names: tuple[str, ...] = ()) -> Picture:
    """Return the picture of a cluster with Bookinfo and more."""
    objects = without(mesh(), *without_names) if without_names else mesh()
    return reader.read(Objects(every=(*objects, *more), is_live=True))


def of_stack(engine: RecordingEngine) -> Picture:
    """Return the picture of what a program would create."""
    inputs = (engine.inputs(name) for name in engine.requests)
    objects = [each for each in inputs if {"apiVersion", "kind", "metadata"} <= each.keys()]
    # The fake chart's istiod has no labels.
    return reader.read(Objects(every=tuple(merged([*objects, istiod()]))))


def named(picture: Picture, name: str) -> Service:
    """Return a service."""
    return next(each for each in picture.services if each.name == name)


def routes(picture: Picture, name: str) -> dict[str, tuple[str, ...]]:
    """Return the rules for the requests to each version of a service, copies with a star."""
    found = named(picture, name).routes
    return {f"{each.version}{'*' if each.is_mirror else ''}": each.rules for each in found}


def problems(picture: Picture) -> dict[str, tuple[str, ...]]:
    """Return what is wrong, by the name of what has it."""
    found: dict[str, tuple[str, ...]] = {}
    for part in (*picture.gateways, *picture.control_planes, *picture.services):
        found[part.name] = part.problems
    for each in picture.services:
        for one in each.versions:
            found[f"{each.name} {one.name}"] = one.problems
    return {name: said for name, said in found.items() if said}


def refusals(picture: Picture) -> dict[str, str]:
    """Return why calls are refused, by caller and called."""
    return {
        f"{call.caller} {call.version} > {call.service}".replace("  ", " "): call.refusal
        for call in picture.calls
        if call.refusal
    }


def weighted(subset: str, weight: int) -> dict[str, Any]:
    """Return a destination among reviews' versions."""
    return {"destination": {"host": "reviews", "subset": subset}, "weight": weight}


GATEWAY_API = "gateway.networking.k8s.io/v1"
ALL = subsets("reviews", "v1", "v2", "v3")
JASON = {"headers": {"end-user": {"exact": "jason"}}}


def test_a_healthy_mesh_is_drawn_whole() -> None:
    """From the gateway down to ratings, which reviews v1 doesn't call."""
    picture = live()

    assert [gateway.hosts for gateway in picture.gateways] == [("books.example.com",)]
    assert [(call.caller, call.version, call.service) for call in picture.calls] == [
        ("istio-system/ingress", "", "productpage"),
        ("productpage", "v1", "details"),
        ("productpage", "v1", "reviews"),
        ("reviews", "v2", "ratings"),
        ("reviews", "v3", "ratings"),
    ]
    assert {each.mtls for each in picture.services} == {"permissive"}
    assert not any(each.is_closed for each in picture.services)
    assert not problems(picture)
    assert not refusals(picture)


def test_weights_matches_faults_and_copies_are_on_the_arrows() -> None:
    """A rule without a condition is for the others; what all rules do is said once."""
    copies = {
        "mirror": {"host": "reviews", "subset": "v3"},
        "mirrorPercentage": {"value": 50},
    }
    abort = {"abort": {"httpStatus": 503, "percentage": {"value": 1}}}
    rules = [
        {"match": [JASON], "route": [weighted("v2", 0)], **copies},
        {
            "route": [weighted("v1", 90), weighted("v2", 10), weighted("v3", 0)],
            "fault": abort,
            **copies,
        },
        {"route": [weighted("v3", 0)]},
    ]
    picture = live(ALL, networking("VirtualService", "reviews", hosts=["reviews"], http=rules))

    assert routes(picture, "reviews") == {
        "v1": ("others: 90 %, abort 503 for 1 %",),
        "v2": ("end-user=jason", "others: 10 %, abort 503 for 1 %"),
        "v3*": ("copy of 50 %",),
    }


def test_a_header_with_a_credential_isnt_shown() -> None:
    """A picture is sent around."""
    match = {"headers": {"authorization": {"exact": "Bearer 1234567890"}}}
    rules = [{"match": [match], "route": [weighted("v1", 0)]}]
    picture = live(ALL, networking("VirtualService", "reviews", hosts=["reviews"], http=rules))

    assert routes(picture, "reviews") == {"v1": ("authorization=[secret]",)}


def test_a_path_with_a_token_isnt_shown() -> None:
    """Some services take it there."""
    to = {"route": [weighted("v1", 100)]}
    token = "eyJ" + "hbGciOi" + ".eyJ" + "zdWIiOi" + ".x"
    hook = {"uri": {"prefix": f"/hooks/{token}"}}
    rules = [{"match": [hook], **to}, {"match": [{"uri": {"exact": "/"}}], **to}]
    route = networking("VirtualService", "reviews", hosts=["reviews"], http=rules)

    assert routes(live(ALL, route), "reviews")["v1"] == ("/hooks/[secret]…", "/")


def test_the_gateway_api_says_the_same() -> None:
    """Its backends are Services of one version, which aren't drawn as services."""
    backends = [{"name": "reviews-v1", "weight": 3}, {"name": "reviews-v2", "weight": 1}]
    header = {"name": "end-user", "value": "jason"}
    mirror = {"requestMirror": {"backendRef": {"name": "reviews-v3"}, "percent": 50}}
    route = obj(
        "HTTPRoute",
        "reviews",
        api=GATEWAY_API,
        spec={
            "parentRefs": [{"group": "", "kind": "Service", "name": "reviews"}],
            "rules": [
                {"matches": [{"headers": [header]}], "backendRefs": backends[1:]},
                {"backendRefs": backends, "filters": [mirror]},
            ],
        },
    )
    of_version = [
        obj("Service", f"reviews-{each}", spec={"selector": {"app": "reviews", "version": each}})
        for each in ("v1", "v2", "v3")
    ]
    picture = live(route, *of_version)

    assert [each.name for each in picture.services] == [
        "details",
        "productpage",
        "ratings",
        "reviews",
    ]
    assert routes(picture, "reviews") == {
        "v1": ("others: 75 %",),
        "v2": ("end-user=jason", "others: 25 %"),
        "v3*": ("others: copy of 50 %",),
    }


def test_a_route_to_nowhere_is_a_problem() -> None:
    """A subset that no DestinationRule has, and a gateway that isn't there."""
    rules = [{"route": [weighted("v1", 50), weighted("v9", 50)]}]
    picture = live(
        ALL,
        networking("VirtualService", "reviews", hosts=["reviews"], http=rules),
        without_names=("ingress",),
    )

    assert problems(picture) == {
        "istio=ingressgateway": ("no such pods",),
        "reviews": ("a route leads to v9, which has no pods",),
    }


def test_gateways_of_one_name_are_two() -> None:
    """In two namespaces; only one has the labels that the Gateway selects."""
    other, _ = workload("ingress", {"istio": "internal"}, namespace="edge")
    annotations = {"inject.istio.io/templates": "gateway"}
    other["spec"]["template"]["metadata"]["annotations"] = annotations
    picture = live(other)

    assert [(each.full_name, each.hosts) for each in picture.gateways] == [
        ("istio-system/ingress", ("books.example.com",)),
        ("edge/ingress", ()),
    ]
    assert [call.caller for call in picture.calls if not call.version] == ["istio-system/ingress"]


def test_pods_that_arent_as_they_should_be_are_problems() -> None:
    """Not injected, not ready, of another version, of a revision that is gone, and missing."""
    picture = live(
        *version("details", proxy=""),
        *version("reviews", 1, ready=0),
        *version("reviews", 2, proxy="1.29.3"),
        *version("reviews", 3, revision="old"),
        without_names=("details-", "reviews-", "ratings-"),
    )

    assert problems(picture) == {
        "details v1": ("no sidecar",),
        "reviews v1": ("0 of 1 ready",),
        "reviews v2": ("proxy 1.29.3, istiod 1.30.8",),
        "reviews v3": ("proxy of old, which has no istiod",),
        "ratings": ("no Deployment",),
    }
    assert named(picture, "details").mtls == "none"


def test_each_proxy_names_its_revision_where_there_are_several() -> None:
    """During a canary both control planes have proxies."""
    picture = live(
        istiod("1.31.0", "next"),
        *version("details", proxy="1.31.0", revision="next"),
        without_names=("details-",),
    )

    proxies = {each.name: each.versions[0].proxy.revision for each in picture.services}
    assert proxies["details"] == "next"
    assert proxies["ratings"] == "default"
    assert not problems(picture)


@pytest.mark.parametrize(
    ("policies", "mode"),
    [
        ([("default", "istio-system", {}, "STRICT")], "strict"),
        ([("a", "istio-system", {}, "STRICT"), ("b", "bookinfo", {}, "DISABLE")], "disable"),
        ([("a", "bookinfo", {}, "STRICT"), ("b", "bookinfo", {"app": "details"}, "")], "strict"),
        ([("a", "bookinfo", {"app": "details"}, "STRICT")], "strict"),
        ([("a", "bookinfo", {"app": "ratings"}, "STRICT")], "permissive"),
        ([("a", "other", {}, "STRICT")], "permissive"),
    ],
)
def test_the_nearest_policy_decides_the_lock(
    policies: list[tuple[str, str, dict[str, str], str]], mode: str
) -> None:
    """That of the pods, then that of the namespace, then that of the mesh."""
    found = [
        security(
            "PeerAuthentication",
            name,
            namespace,
            mtls={"mode": value},
            **({"selector": {"matchLabels": labels}} if labels else {}),
        )
        for name, namespace, labels, value in policies
    ]

    assert named(live(*found), "details").mtls == mode


def test_plain_text_to_strict_mutual_tls_is_refused() -> None:
    """The caller has no sidecar, so it can't speak it."""
    picture = live(
        security("PeerAuthentication", "default", "istio-system", mtls={"mode": "STRICT"}),
        *version("productpage", proxy=""),
        without_names=("productpage-",),
    )

    assert set(refusals(picture)) == {"productpage v1 > details", "productpage v1 > reviews"}


def policy(name: str, app: str = "", *callers: str, **more: Any) -> dict[str, Any]:
    """Return an AuthorizationPolicy for accounts of Bookinfo's namespace."""
    principals = [f"my.domain/ns/bookinfo/sa/bookinfo-{each}" for each in callers]
    found = security("AuthorizationPolicy", name, **more)
    if callers:
        found["spec"]["rules"] = [{"from": [{"source": {"principals": principals}}]}]
    if app:
        found["spec"]["selector"] = {"matchLabels": {"app": app}}
    return found


def test_a_closed_door_opens_for_whom_a_policy_allows() -> None:
    """All others are refused; in whatever trust domain they are."""
    picture = live(
        policy("nothing"),
        policy("details", "details", "productpage"),
        policy("ratings", "ratings", "somebody"),
    )

    assert all(each.is_closed for each in picture.services)
    assert refusals(picture) == {
        "istio-system/ingress > productpage": "no policy allows it",
        "productpage v1 > reviews": "no policy allows it",
        "reviews v2 > ratings": "no policy allows it",
        "reviews v3 > ratings": "no policy allows it",
    }


def test_a_policy_that_denies_wins_over_one_that_allows() -> None:
    """But not if it denies single requests only."""
    picture = live(
        policy("yes", "reviews", "productpage"),
        policy("no", "reviews", "productpage", action="DENY"),
        security(
            "AuthorizationPolicy",
            "some",
            action="DENY",
            rules=[{"to": [{"operation": {"methods": ["POST"]}}]}],
        ),
    )

    assert refusals(picture) == {"productpage v1 > reviews": "no denies it"}


@pytest.mark.parametrize(
    "source",
    [
        {"notRequestPrincipals": ["*"]},
        {"ipBlocks": ["192.0.2.0/24"]},
        {"remoteIpBlocks": ["192.0.2.0/24"], "namespaces": ["bookinfo"]},
    ],
)
def test_a_policy_that_denies_some_tokens_or_addresses_refuses_nobody(
    source: dict[str, Any],
) -> None:
    """Requests with a token, or from another address, are let in."""
    rules = [{"from": [{"source": source}]}]
    picture = live(security("AuthorizationPolicy", "some", action="DENY", rules=rules))

    assert refusals(picture) == {}


def test_a_waypoint_that_isnt_there_is_a_problem() -> None:
    """The label that names it stops all requests."""
    picture = live(
        obj(
            "Namespace",
            "bookinfo",
            "",
            labels={"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "w"},
        ),
        *version("details", proxy=""),
        without_names=("bookinfo", "details-"),
    )

    assert named(picture, "details").waypoint == "w"
    assert named(picture, "details").versions[0].proxy.kind == "ztunnel"
    assert problems(picture)["details"] == ("no waypoint w",)


@pytest.mark.parametrize(("ready", "said"), [(1, ()), (0, ("waypoint w: 0 of 1 ready",))])
def test_a_running_waypoint_is_no_service(ready: int, said: tuple[str, ...]) -> None:
    """Its Deployment and Service are of istiod; without ready pods its users have a problem."""
    own = {"gateway.networking.k8s.io/gateway-name": "w"}
    details = service("details")
    details["metadata"]["labels"] = {"istio.io/use-waypoint": "w"}
    picture = live(
        obj("Gateway", "w", api=GATEWAY_API, spec={"gatewayClassName": "istio-waypoint"}),
        *workload("w", own, ready=ready),
        obj("Service", "w", spec={"selector": own}),
        details,
        *version("details"),
        without_names=("details",),
    )

    assert {each.name: each.waypoint for each in picture.services} == {
        "details": "w",
        "productpage": "",
        "ratings": "",
        "reviews": "",
    }
    assert problems(picture) == ({"details": said} if said else {})


def test_a_gateway_that_isnt_programmed_is_a_problem() -> None:
    """One of the Gateway API says so itself; and its pods may not be ready."""
    own = {"gateway.networking.k8s.io/gateway-name": "edge"}
    gateway = obj("Gateway", "edge", api=GATEWAY_API, spec={"gatewayClassName": "istio"})
    route = obj(
        "HTTPRoute",
        "pages",
        api=GATEWAY_API,
        spec={
            "parentRefs": [{"name": "edge"}],
            "hostnames": ["a.example.com"],
            "rules": [{"backendRefs": [{"name": "productpage"}]}],
        },
    )
    programmed = {**gateway, "status": {"conditions": [{"type": "Programmed", "status": "True"}]}}

    early = live(gateway, route, obj("Service", "edge-istio", spec={"selector": own}))
    late = live(programmed, route, *workload("edge-istio", own, ready=0))

    assert problems(early) == {"edge": ("isn't programmed", "no Deployment")}
    assert problems(late) == {"edge": ("0 of 1 ready",)}
    assert ("a.example.com",) in {each.hosts for each in late.gateways}
    assert "bookinfo/edge" in {call.caller for call in late.calls}


def test_pods_that_opt_out_arent_wrong() -> None:
    """They say themselves that they want no sidecar."""
    labels = {"app": "batch", "sidecar.istio.io/inject": "false"}
    picture = live(service("batch"), *workload("batch", labels, proxy=""))

    assert not problems(picture)
    assert named(picture, "batch").versions[0].proxy.kind == "none"


def test_the_default_stack_has_no_problem(deployed: RecordingEngine) -> None:
    """Nothing of what the program would create is refused or missing."""
    picture = of_stack(deployed)

    assert [each.name for each in picture.services] == [
        "details",
        "productpage",
        "ratings",
        "reviews",
    ]
    assert {each.proxy.kind for one in picture.services for each in one.versions} == {"sidecar"}
    assert not problems(picture)
    assert len(picture.calls) == 5


def test_a_waypoint_lets_in_what_the_stack_allows(
    run_program: Callable[..., RecordingEngine],
) -> None:
    """With deny by default: at the waypoint the callers, at the pods the waypoint."""
    picture = of_stack(
        run_program(
            injection="ambient",
            gatewayApiCrds="cluster",
            waypoints=json.dumps([{}]),
            trafficPlan=json.dumps({"reviews": {"to": {"v1": 90, "v3": 10}}}),
            denyByDefault="true",
            mtls="strict",
        )
    )

    assert {each.waypoint for each in picture.services} == {"waypoint"}
    assert {each.mtls for each in picture.services} == {"strict"}
    assert all(each.is_closed for each in picture.services)
    assert routes(picture, "reviews") == {"v1": ("90 %",), "v3": ("10 %",)}
    assert not problems(picture)
    assert not refusals(picture)


def test_a_plan_of_the_gateway_api_is_drawn(run_program: Callable[..., RecordingEngine]) -> None:
    """Its gateway too, with deny by default."""
    picture = of_stack(
        run_program(
            routingApi="gateway-api",
            gatewayApiCrds="cluster",
            denyByDefault="true",
            trafficPlan=json.dumps(
                {"reviews": {"to": "v1", "mirror": {"to": "v2", "percent": 100}}}
            ),
        )
    )

    assert [(each.name, each.hosts) for each in picture.gateways] == [
        ("istio-ingressgateway", ("bookinfo.test.localhost",))
    ]
    assert routes(picture, "reviews") == {"v1": (), "v2*": ("copy of all",)}
    assert not refusals(picture)


def test_a_deployment_may_select_by_expressions() -> None:
    """Kubernetes takes a selector without labels, too."""
    *rest, deployment, sidecar = [*mesh(), *version("quotes", proxy="")]
    expression = {"key": "app", "operator": "In", "values": ["quotes"]}
    deployment["spec"]["selector"] = {"matchExpressions": [expression]}
    objects = Objects(every=(*rest, deployment, sidecar, service("quotes")), is_live=True)

    assert problems(reader.read(objects))["quotes v1"] == ("no sidecar",)


def test_a_control_plane_before_istiod_is_drawn() -> None:
    """Its Deployment has the label that verify looks for."""
    pilot = istiod("1.0.5")
    pilot["metadata"] |= {"name": "istio-pilot", "labels": {"app": "istio-pilot"}}

    (plane,) = reader.read(Objects(every=(pilot,))).control_planes

    assert (plane.name, plane.version) == ("istio-pilot", "1.0.5")


def in_namespace(kind: str, name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """Return an object of Istio's API for routes in another namespace."""
    return obj(kind, name, namespace, api="networking.istio.io/v1", spec=spec)


HOST = "reviews.bookinfo.svc.cluster.local"


@pytest.mark.parametrize(
    ("host", "export_to", "is_seen"),
    [
        (HOST, ["*"], True),
        (HOST, ["bookinfo"], True),
        (HOST, ["."], False),
        ("reviews", ["*"], False),
        ("reviews.bookinfo.example.com", ["*"], False),
    ],
)
def test_a_route_of_another_namespace_counts_where_it_is_seen(
    host: str, export_to: list[str], *, is_seen: bool
) -> None:
    """A short host is of the route's own namespace, and one of another domain is no Service."""
    to = [{"destination": {"host": HOST, "subset": "v3"}}]
    route = in_namespace(
        "VirtualService", "r", "routes", hosts=[host], exportTo=export_to, http=[{"route": to}]
    )

    assert (routes(live(ALL, route), "reviews") == {"v3": ()}) is is_seen


def test_the_namespaces_own_route_is_preferred() -> None:
    """Before one that is for all namespaces, however old."""
    routed = [
        in_namespace(
            "VirtualService",
            "r",
            namespace,
            hosts=[HOST],
            exportTo=[to],
            http=[{"route": [{"destination": {"host": HOST, "subset": subset}}]}],
        )
        for namespace, to, subset in (("routes", "*", "v3"), ("bookinfo", ".", "v1"))
    ]

    assert routes(live(ALL, *routed), "reviews") == {"v1": ()}


def test_the_route_with_the_most_specific_host_counts() -> None:
    """Not an older one for many hosts, in whatever order they are listed."""
    routed = [
        networking(
            "VirtualService",
            f"r{subset}",
            hosts=[host],
            http=[{"route": [{"destination": {"host": "reviews", "subset": subset}}]}],
        )
        for host, subset in (("*", "v1"), ("*.bookinfo.svc.cluster.local", "v2"), ("reviews", "v3"))
    ]

    assert routes(live(ALL, *routed), "reviews") == {"v3": ()}
    assert routes(live(ALL, *routed[:2]), "reviews") == {"v2": ()}


def test_a_gateways_route_may_be_in_another_namespace() -> None:
    """Its arrow leads to the service that its host names in full."""
    to = [{"destination": {"host": "details.bookinfo.svc.cluster.local"}}]
    route = in_namespace(
        "VirtualService",
        "books",
        "edge",
        hosts=["api.example.com"],
        gateways=["bookinfo/door"],
        http=[{"route": to}],
    )

    picture = live(route)

    assert picture.gateways[0].hosts == ("books.example.com", "api.example.com")
    assert {call.service for call in picture.calls if not call.version} == {
        "productpage",
        "details",
    }
    assert not problems(picture)


def test_a_cluster_may_have_another_domain() -> None:
    """Istiod is told which; then cluster.local is a domain like any other."""
    plane = istiod()
    containers = plane["spec"]["template"]["spec"]["containers"]
    containers[0]["args"] = ["discovery", "--domain", "corp.example"]
    to = [{"destination": {"host": "reviews.bookinfo.svc.corp.example", "subset": "v2"}}]
    route = networking("VirtualService", "r", hosts=["reviews"], http=[{"route": to}])

    picture = live(plane, ALL, route, without_names=("istiod",))

    assert routes(picture, "reviews") == {"v2": ()}
    assert not problems(picture)


def test_hosts_outside_the_mesh_are_drawn() -> None:
    """Those that the namespace sees, with the egress gateway that leads to one."""
    leaving, _ = workload("egress", {"istio": "egress"}, namespace="istio-system")
    annotations = {"inject.istio.io/templates": "gateway"}
    leaving["spec"]["template"]["metadata"]["annotations"] = annotations
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    entries = [
        in_namespace("ServiceEntry", host, "shop", hosts=[host], ports=ports, **more)
        for host, more in (
            ("bank.example.com", {}),
            ("secret.example.com", {"exportTo": ["."]}),
            ("vm.example.com", {"location": "MESH_INTERNAL"}),
        )
    ]
    door = networking("Gateway", "out", selector={"istio": "egress"}, servers=[])
    to = [{"destination": {"host": "bank.example.com"}}]
    route = networking(
        "VirtualService",
        "out",
        hosts=["bank.example.com"],
        gateways=["mesh", "out"],
        tls=[{"route": to}],
    )

    picture = live(leaving, *entries, door, route)

    assert [(each.host, each.ports) for each in picture.outside] == [
        ("bank.example.com", ("TLS 443",))
    ]
    assert ("istio-system/egress", "") in {(call.caller, call.service) for call in picture.calls}
    assert not problems(picture)


OLD = {"destination": {"host": "old.shop.svc.cluster.local"}}


def test_a_route_to_another_namespace_is_no_problem_if_its_service_exists() -> None:
    """What isn't there is one in a cluster; elsewhere nobody knows."""
    rules = [{"route": [weighted("v1", 50), {**OLD, "weight": 50}]}]
    route = networking("VirtualService", "reviews", hosts=["reviews"], http=rules)
    old = obj("Service", "old", "shop", spec={"selector": {"app": "old"}})

    assert not problems(live(ALL, route, old))
    said = ("a route leads to old.shop.svc.cluster.local, which has no pods",)
    assert problems(live(ALL, route)) == {"reviews": said}
    rendered = reader.read(Objects(every=(*mesh(), ALL, route)))
    assert not problems(rendered)


def test_the_policies_of_a_whole_mesh_may_be_in_another_namespace() -> None:
    """MeshConfig's rootNamespace says where."""
    config = obj("ConfigMap", "istio", "istio-system", data={"mesh": "rootNamespace: policies"})
    strict = security("PeerAuthentication", "default", "policies", mtls={"mode": "STRICT"})

    assert named(live(strict), "details").mtls == "permissive"
    assert named(live(strict, config), "details").mtls == "strict"


def test_a_gateway_of_istioctl_is_drawn() -> None:
    """Its template has the whole proxy, for the injector doesn't add it."""
    deployment, _ = workload("ingress", {"istio": "ingressgateway"}, namespace="istio-system")
    proxy = {"name": "istio-proxy", "image": "auto", "args": ["proxy", "router"]}
    deployment["spec"]["template"]["spec"]["containers"] = [proxy]

    picture = live(deployment, without_names=("ingress",))

    assert [gateway.name for gateway in picture.gateways] == ["ingress"]
    assert not problems(picture)


def test_a_waypoint_may_be_in_another_namespace() -> None:
    """It is named with it; the pods' policies know it by its account there."""
    labels = {
        "istio.io/dataplane-mode": "ambient",
        "istio.io/use-waypoint": "w",
        "istio.io/use-waypoint-namespace": "shared",
    }
    rules = [{"from": [{"source": {"principals": ["cluster.local/ns/shared/sa/w"]}}]}]
    picture = live(
        obj("Namespace", "bookinfo", "", labels=labels),
        obj("Gateway", "w", "shared", api=GATEWAY_API, spec={"gatewayClassName": "istio-waypoint"}),
        *workload("w", {"gateway.networking.k8s.io/gateway-name": "w"}, namespace="shared"),
        security("AuthorizationPolicy", "waypoint", rules=rules),
        *version("details", proxy=""),
        without_names=("bookinfo", "details-"),
    )

    assert named(picture, "details").waypoint == "shared/w"
    assert "details" not in problems(picture)
    assert "productpage v1 > details" not in refusals(picture)
