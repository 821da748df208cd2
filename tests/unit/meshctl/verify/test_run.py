"""What verify finds in a running mesh: all is well, or what isn't and what helps."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError

from mesh.istio import versions
from mesh.istio.certificates import fingerprints
from mesh.istio.running_mesh import IstioObject, RunningMesh
from mesh.settings.schema import Settings
from mesh.validation import config
from meshctl.verify import (
    bookinfo,
    certificates,
    control_plane,
    gateways,
    injectors,
    pods,
    webhooks,
)
from meshctl.verify.snapshot import Finding, Snapshot

Manifest = dict[str, Any]

ISTIOD: Manifest = {
    "metadata": {"namespace": "istio-system", "name": "istiod"},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "istiod"}}},
    "status": {"readyReplicas": 1},
}
NAMES = ("details-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3", "productpage-v1")
BOOKINFO: list[Manifest] = [
    {
        "metadata": {"namespace": "bookinfo", "name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name[:-3]}}},
        "status": {"readyReplicas": 1},
    }
    for name in NAMES
]
WEBHOOK: Manifest = {
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "istio-sidecar-injector"},
    "webhooks": [
        {
            "clientConfig": {
                "caBundle": "QQ==",
                "service": {"namespace": "istio-system", "name": "istiod"},
            }
        }
    ],
}
SERVICES: list[Manifest] = [
    {
        "metadata": {"namespace": "istio-system", "name": "istiod"},
        "spec": {"type": "ClusterIP", "selector": {"app": "istiod"}},
    },
    {
        "metadata": {"namespace": "istio-system", "name": "istio-ingressgateway"},
        "spec": {"type": "LoadBalancer", "selector": {"istio": "ingressgateway"}},
        "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}},
    },
]
PROXY = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.30.3"}
POD: Manifest = {
    "metadata": {
        "namespace": "bookinfo",
        "name": "details-v1-5b4f-x2x2x",
        "labels": {"pod-template-hash": "5b4f"},
        "annotations": {"istio.io/rev": "default"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "details-v1-5b4f"}],
    },
    "spec": {"containers": [{"name": "details"}, PROXY]},
}
GATEWAY: Manifest = {
    "metadata": {
        "namespace": "istio-system",
        "name": "istio-ingressgateway-7c9f-k4k4k",
        "labels": {"istio": "ingressgateway", "sidecar.istio.io/inject": "true"},
    },
    "spec": {"containers": [PROXY]},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
RESTART = "kubectl rollout restart deployment/details-v1 -n bookinfo"


def part(kind: str = "Deployment", **fields: Any) -> IstioObject:
    """Return an istiod of the stack, or what differs from it."""
    own: Manifest = {
        "name": "istiod",
        "namespace": "istio-system",
        "control_plane_namespace": "istio-system",
        "revision": "default",
        "version": "1.30.3",
        "managers": ("helm",),
    }
    return IstioObject(kind=kind, **{**own, **fields})


def injector(revision: str = "default", name: str = "istio-sidecar-injector") -> IstioObject:
    """Return an injector of the stack's istiod."""
    return part("MutatingWebhookConfiguration", name=name, revision=revision)


def snapshot(**fields: Any) -> Snapshot:
    """Return a healthy mesh, or what differs from it."""
    mesh = RunningMesh(
        kubernetes="v1.36.3",
        namespaces={},
        owners={"istio-system": "mesh/test"},
        adopted=frozenset(),
        contexts={},
        ambient_namespaces=frozenset(),
        foreign_injection_labels={},
        hosts={},
        revision_by_namespace=fields.pop("revision_by_namespace", {"bookinfo": "default"}),
        istiods=fields.pop("istiods", (part(),)),
        injectors=fields.pop("injectors", (injector(),)),
        scaled_to_zero={},
    )
    healthy: Manifest = {
        "deployments": [ISTIOD, *BOOKINFO],
        "webhooks": [WEBHOOK],
        "services": SERVICES,
        "pods": [POD, GATEWAY],
    }
    return Snapshot(mesh=mesh, **{**healthy, **fields})


@pytest.fixture
def stack(configure: Callable[..., None]) -> Settings:
    """Return the settings of a stack with nothing but defaults."""
    configure()
    return config.read_settings()


def changed(manifest: Manifest, **spec: Any) -> Manifest:
    """Return a copy of a manifest with other parts."""
    return {**copy.deepcopy(manifest), **spec}


def check(found: Snapshot, stack: Settings) -> list[Finding]:
    """Run every check over a snapshot."""
    return [
        *control_plane.check(found, stack),
        *webhooks.check(found),
        *injectors.check(found, stack),
        *bookinfo.check(found, stack),
        *pods.sidecars(found, stack),
        *gateways.check(found, stack),
        *pods.proxy_versions(found),
        *control_plane.leftovers(found, stack),
    ]


def wrong(found: Snapshot, stack: Settings) -> tuple[str, str, str, str]:
    """Return the one finding that isn't ok."""
    (finding,) = [each for each in check(found, stack) if each.status != "ok"]
    return finding.status, finding.subject, finding.found, finding.remedy


def test_a_healthy_mesh_has_nothing_wrong(stack: Settings) -> None:
    """And each concern says so with a line of its own."""
    findings = check(snapshot(), stack)

    assert {finding.status for finding in findings} == {"ok"}
    assert [finding.check for finding in findings] == [
        "control plane",
        "webhook",
        "bookinfo",
        "sidecar",
        "sidecar",
        "gateway",
        "version",
    ]


def test_an_istiod_that_is_not_there_is_wrong(stack: Settings) -> None:
    """Each revision of the stack has one."""
    _, subject, found, _ = wrong(snapshot(deployments=BOOKINFO), stack)

    assert (subject, found) == ("istiod", "not in namespace istio-system")


def test_a_canary_has_its_own_istiod(configure: Callable[..., None]) -> None:
    """The stack's own one doesn't stand in for it."""
    configure(canary='{"revision": "next", "istioVersion": "1.30.4"}')

    assert wrong(snapshot(), config.read_settings())[1] == "istiod-next"


def test_a_release_before_istiod_has_none(configure: Callable[..., None]) -> None:
    """Its control plane is whatever its namespace holds."""
    configure(istioVersion="1.0.5")
    pilot = changed(ISTIOD, metadata={**ISTIOD["metadata"], "name": "istio-pilot"})

    findings = list(control_plane.check(snapshot(deployments=[pilot]), config.read_settings()))

    assert [(each.subject, each.status) for each in findings] == [("istio-pilot", "ok")]


@pytest.mark.parametrize(
    ("replicas", "found", "remedy"),
    [
        (1, "0 of 1 pods ready", "kubectl describe pods -n istio-system -l app=istiod"),
        (0, "0 of 0 pods ready", "start Deployments that are scaled to 0: make up STACK=test"),
    ],
)
def test_an_istiod_without_pods_is_wrong(
    stack: Settings, replicas: int, found: str, remedy: str
) -> None:
    """Scaled to nothing is no kind of ready."""
    istiod = changed(ISTIOD, status={}, spec={**ISTIOD["spec"], "replicas": replicas})

    assert wrong(snapshot(deployments=[istiod, *BOOKINFO]), stack)[2:] == (found, remedy)


def test_a_webhook_without_a_ca_bundle_is_wrong(stack: Settings) -> None:
    """The API server can't trust it: istiod has not come to it yet."""
    webhook = copy.deepcopy(WEBHOOK)
    del webhook["webhooks"][0]["clientConfig"]["caBundle"]

    assert wrong(snapshot(webhooks=[webhook]), stack)[2] == "0 of 1 webhooks have a caBundle"


def test_a_webhook_whose_service_is_gone_is_a_leftover(stack: Settings) -> None:
    """It fails every pod that it is asked about."""
    _, _, found, remedy = wrong(snapshot(services=SERVICES[1:]), stack)

    assert found == "no Service istio-system/istiod: left by an earlier installation"
    assert remedy == "kubectl delete mutatingwebhookconfiguration istio-sidecar-injector"


def test_a_pod_without_its_sidecar_is_named_with_the_remedy(stack: Settings) -> None:
    """Its namespace asks for one."""
    plain = changed(POD, spec={"containers": [{"name": "details"}]})

    status, subject, _, remedy = wrong(snapshot(pods=[plain, GATEWAY]), stack)

    assert (status, subject, remedy) == ("wrong", "bookinfo/details-v1-5b4f-x2x2x", RESTART)


BARE = changed(POD, spec={"containers": [{"name": "details"}]})


def test_a_missing_injector_is_named_with_what_brings_it_back(stack: Settings) -> None:
    """Before anything is restarted: a pod made anew would come back without a sidecar."""
    bare = [
        each
        for each in check(snapshot(pods=[BARE, GATEWAY], injectors=()), stack)
        if each.status != "ok"
    ]

    missing, sidecar = bare
    assert missing.subject == "injector default"
    assert "ask for it in namespace bookinfo, istio-system: new pods" in missing.found
    assert "python -m meshctl up --stack test -- --refresh" in missing.remedy
    assert (sidecar.subject, sidecar.remedy) == ("bookinfo/details-v1-5b4f-x2x2x", "")
    assert sidecar.found == "no istio-proxy: default has no injector"


@pytest.mark.parametrize(
    ("there", "missing"),
    [((), {"default", "stable"}), (("default",), {"stable"}), (("stable", "default"), set())],
)
def test_each_revision_or_tag_has_an_injector_of_its_own(
    configure: Callable[..., None], there: tuple[str, ...], missing: set[str]
) -> None:
    """Who asks for a tag isn't served by the revision's, nor a gateway by its namespace."""
    configure(revisionTags='{"stable": "default"}')
    gateway = changed(POD)
    gateway["metadata"] |= {
        "namespace": "istio-system",
        "labels": {"sidecar.istio.io/inject": "true"},
    }
    found = snapshot(
        revision_by_namespace={"bookinfo": "stable"},
        injectors=tuple(map(injector, there)),
        pods=[POD, gateway],
    )

    findings = injectors.check(found, config.read_settings())

    assert {each.subject for each in findings} == {f"injector {name}" for name in missing}


def test_a_revision_that_is_nobodys_is_asked_for_in_vain(stack: Settings) -> None:
    """No update of the stack brings what it doesn't have."""
    found = snapshot(revision_by_namespace={"bookinfo": "gone"})

    (finding,) = injectors.check(found, stack)

    assert finding.subject == "injector gone"
    assert "(default) instead of istio.io/rev=gone" in finding.remedy


def test_an_apps_injector_is_its_platforms(configure: Callable[..., None]) -> None:
    """It is the platform's stack that brings it back."""
    configure()
    app = config.read_settings().model_copy(
        update={"mode": "app", "platform_stack": "acme/mesh/shared"}
    )

    (finding,) = injectors.check(snapshot(injectors=()), app)

    assert "meshctl up --stack acme/mesh/shared -- --refresh" in finding.remedy
    assert "make verify STACK=test" in finding.remedy


@pytest.mark.parametrize(
    ("pod", "wanted"),
    [
        ({"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}, False),
        ({"metadata": {"annotations": {"sidecar.istio.io/inject": "false"}}}, False),
        ({"spec": {"hostNetwork": True}}, False),
        ({"metadata": {"namespace": "other"}}, False),
        (
            {"metadata": {"namespace": "other", "labels": {"sidecar.istio.io/inject": "true"}}},
            True,
        ),
    ],
)
def test_a_pod_is_missed_only_where_it_would_be_injected(
    stack: Settings, pod: Manifest, *, wanted: bool
) -> None:
    """Its own label goes before its namespace's; the host's network is never touched."""
    made = {
        "metadata": {"namespace": "bookinfo", "name": "a", **pod.get("metadata", {})},
        "spec": {"containers": [{"name": "a"}], **pod.get("spec", {})},
    }

    found = list(pods.sidecars(snapshot(pods=[made]), stack))

    assert any(finding.status == "wrong" for finding in found) is wanted


def test_a_deployment_that_is_gone_is_named(stack: Settings) -> None:
    """The pods that are left say nothing of it."""
    _, subject, found, remedy = wrong(snapshot(deployments=[ISTIOD, *BOOKINFO[1:]]), stack)

    assert (subject, found) == ("bookinfo", "no Deployment details-v1")
    assert "python -m meshctl up --stack test -- --refresh" in remedy


@pytest.mark.parametrize(
    ("replicas", "remedy"),
    [
        (2, "kubectl describe pods -n bookinfo -l app=details"),
        (0, "start Deployments that are scaled to 0: recreate what was deleted: "),
    ],
)
def test_a_deployment_that_lacks_pods_is_named(stack: Settings, replicas: int, remedy: str) -> None:
    """No pod of it has to be there to tell."""
    details = changed(BOOKINFO[0], spec={**BOOKINFO[0]["spec"], "replicas": replicas}, status={})

    found = wrong(snapshot(deployments=[ISTIOD, details, *BOOKINFO[1:]]), stack)

    assert found[:3] == ("wrong", "bookinfo/details-v1", f"0 of {replicas} pods ready")
    assert found[3].startswith(remedy)


def test_nothing_is_well_of_a_namespace_without_pods_or_with_a_bare_one(stack: Settings) -> None:
    """Pods with a proxy are no good news beside one that lacks it; and none are no news."""
    empty = list(pods.sidecars(snapshot(pods=[]), stack))
    mixed = list(pods.sidecars(snapshot(pods=[POD, BARE]), stack))

    assert empty == []
    assert [each.status for each in mixed] == ["wrong"]


def test_a_proxy_that_istiod_deploys_is_no_sidecar(stack: Settings) -> None:
    """A waypoint, a Gateway's proxy, a node's ztunnel: by their label none is injected."""
    waypoint = copy.deepcopy(POD)
    waypoint["metadata"]["labels"] = {"sidecar.istio.io/inject": "false"}

    (found,) = pods.sidecars(snapshot(pods=[POD, waypoint]), stack)

    assert found.found == "1 pod with istio-proxy"


def test_one_is_no_plural(stack: Settings) -> None:
    """And two are."""
    one, two = snapshot(pods=[POD]), snapshot(pods=[POD, POD])

    assert [f.found for f in pods.sidecars(one, stack)] == ["1 pod with istio-proxy"]
    assert [f.found for f in pods.sidecars(two, stack)] == ["2 pods with istio-proxy"]
    (version,) = pods.proxy_versions(one)
    assert version.found == "1 proxy of istiod's version, 1.30.3"


def test_a_platform_has_no_bookinfo(stack: Settings) -> None:
    """Whatever its namespace would be called."""
    platform = stack.model_copy(update={"mode": "platform"})
    bare = changed(BARE)
    found = snapshot(deployments=[ISTIOD], revision_by_namespace={}, pods=[bare, GATEWAY])

    assert {each.status for each in check(found, platform)} == {"ok"}


def test_a_gateway_without_a_ready_pod_is_wrong(stack: Settings) -> None:
    """Its Service and its address may be there all the same."""
    starting = changed(GATEWAY, status={"conditions": [{"type": "Ready", "status": "False"}]})

    _, subject, found, remedy = wrong(snapshot(pods=[POD, starting]), stack)

    assert (subject, found) == (
        "istio-system/istio-ingressgateway",
        "none of its pods is ready",
    )
    assert remedy == "kubectl get deployments,pods -n istio-system -l istio=ingressgateway"


def test_a_gateway_of_another_revision_is_wrong(stack: Settings) -> None:
    """A tag was moved, and istiod or somebody keeps the gateway where it was."""
    behind = changed(GATEWAY)
    behind["metadata"]["annotations"] = {"istio.io/rev": "1-29-3"}
    found = snapshot(pods=[POD, behind])

    findings = [each.found for each in gateways.check(found, stack)]

    assert findings == ["has proxies of revision 1-29-3, not of default"]


def test_a_load_balancer_without_an_address_is_wrong(stack: Settings) -> None:
    """Nobody reaches the mesh by it."""
    waiting = changed(SERVICES[1], status={"loadBalancer": {}})

    _, subject, found, remedy = wrong(snapshot(services=[SERVICES[0], waiting]), stack)

    assert subject == "istio-system/istio-ingressgateway"
    assert found == "its load balancer has no address"
    assert remedy == "kubectl describe service istio-ingressgateway -n istio-system"


@pytest.mark.parametrize(
    ("istiod", "status"),
    [("1.30.4", "warning"), ("1.31.0", "warning"), ("1.32.0", "wrong"), ("1.29.3", "wrong")],
)
def test_proxies_are_at_most_a_minor_behind(stack: Settings, istiod: str, status: str) -> None:
    """And never ahead of the istiod that they ask."""
    found = wrong(snapshot(istiods=(part(version=istiod),)), stack)

    assert found[0] == status
    assert found[2].startswith(f"proxy 1.30.3, istiod {istiod}")
    assert found[3] == RESTART


def test_a_variant_of_the_images_is_no_other_version() -> None:
    """In ambient mode istiod's image is distroless, and a gateway from before it isn't."""
    images = (
        "istio/pilot:1.30.8-distroless",
        "istio/proxyv2:1.30.8",
        "r:5000/istio/pilot:1.30.8-debug",
    )

    assert {versions.of_image(image) for image in images} == {"1.30.8"}


def test_a_proxy_whose_istiod_is_gone_is_wrong(stack: Settings) -> None:
    """It keeps what it was told last, until it starts anew."""
    _, _, found, remedy = wrong(snapshot(istiods=()), stack)

    assert found == "its proxy needs an istiod of revision default, and there is none"
    assert remedy == RESTART


def test_another_installs_istiod_is_a_warning(stack: Settings) -> None:
    """It may be in use: nobody but its owner knows."""
    other = part(control_plane_namespace="istio", namespace="istio", revision="old")

    status, subject, found, _ = wrong(snapshot(istiods=(part(), other)), stack)

    assert (status, subject) == ("warning", "istiod")
    assert found == "Deployment istiod in namespace istio, by helm: no stack owns it"


def test_a_revision_that_the_stack_lacks_is_a_warning(stack: Settings) -> None:
    """It is in the stack's own namespace, and nobody there asked for it."""
    istiods = (part(), part(name="istiod-old", revision="old"))

    _, subject, found, remedy = wrong(snapshot(istiods=istiods), stack)

    assert subject == "istiod-old"
    assert found.endswith("by helm: the stack has no revision or tag old")
    # A revision that was refused to go, while pods use it, is the stack's own.
    assert "once nothing uses it: make up" in remedy


def test_two_injectors_of_one_name_are_a_warning(stack: Settings) -> None:
    """As after an `istioctl install` that was taken over: its tag stays beside the stack's own."""
    injectors = (injector(name="istio-revision-tag-default"), injector(name="istio"))

    found = list(control_plane.leftovers(snapshot(injectors=injectors), stack))

    assert {finding.subject for finding in found} == {"istio-revision-tag-default", "istio"}
    assert all(each.found.endswith("2 injectors serve revision default") for each in found)


class FakeClient(Client):
    """Answers each dry run alike."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        """Take what to do with an object."""
        self.answer = answer

    def create(self, obj: Any, *_: Any, dry_run: bool = False, **__: Any) -> Any:
        """Insist on a dry run."""
        assert dry_run
        return self.answer(obj)


def refusal(message: str) -> Callable[[Any], Any]:
    """Refuse as an API server does."""

    def refuse(_: Any) -> Any:
        response = httpx2.Response(
            500,
            json={"message": message, "code": 500},
            request=httpx2.Request("POST", "http://test"),
        )
        raise ApiError(request=response.request, response=response)

    return refuse


def injected(pod: Any) -> Any:
    """Do as the gateway's template does."""
    pod.spec.containers[0].image = "proxyv2"
    return pod


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (injected, "ok"),
        (lambda pod: pod, "wrong"),
        (refusal("failed calling webhook: connection refused"), "wrong"),
        (refusal('pods "mesh-verify" is forbidden: violates PodSecurity'), "ok"),
        (refusal('User "me" cannot create resource "pods"'), "warning"),
    ],
)
def test_an_injector_answers_when_it_injects(answer: Callable[[Any], Any], status: str) -> None:
    """A pod that comes back as it went has met no webhook."""
    assert webhooks.inject(FakeClient(answer), "istio-system", "default")[0] == status


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (refusal('admission webhook "validation.istio.io" denied the request'), "ok"),
        (lambda route: route, "wrong"),
        (refusal("failed calling webhook: connection refused"), "wrong"),
    ],
)
def test_a_validator_answers_when_it_refuses(answer: Callable[[Any], Any], status: str) -> None:
    """What it lets in was never shown to it."""
    assert webhooks.validate(FakeClient(answer), "istio-system", "default")[0] == status


def served_in(*versions: str) -> Callable[[Any], Any]:
    """Deny a route in an API version that is served, and answer others as an API server does."""

    def answer(route: Any) -> Any:
        if type(route)._api_info.resource.version in versions:
            return refusal('admission webhook "validation.istio.io" denied the request')(route)
        request = httpx2.Request("POST", "http://test")
        raise httpx2.HTTPStatusError(
            "not found", request=request, response=httpx2.Response(404, request=request)
        )

    return answer


@pytest.mark.parametrize(
    ("versions", "status"), [(["v1", "v1alpha3"], "ok"), (["v1alpha3"], "ok"), ([], "warning")]
)
def test_a_validator_of_any_release_is_tested(versions: list[str], status: str) -> None:
    """Istio before 1.22 has no VirtualService of version v1."""
    client = FakeClient(served_in(*versions))

    assert webhooks.validate(client, "istio-system", "default")[0] == status


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (lambda route: route, "recreate what was deleted: "),
        (
            refusal("failed calling webhook: connection refused"),
            "the API server can't reach istiod",
        ),
        (
            refusal("failed calling webhook: x509: certificate signed by unknown authority"),
            "the API server doesn't trust istiod's certificate",
        ),
    ],
)
def test_a_validator_that_is_not_asked_is_no_firewall(
    answer: Callable[[Any], Any], remedy: str
) -> None:
    """Its configuration is gone; only one that can't be reached is an error."""
    (found,) = webhooks.dry_runs(
        FakeClient(answer),
        "istio-system",
        snapshot(injectors=()).mesh,
        "recreate what was deleted: make up",
    )

    assert (found.subject, found.status) == ("validator default", "wrong")
    assert found.remedy.startswith(remedy)


BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
OLD, NEW = BLOCK.format("T0xE"), BLOCK.format("TkVX")


def roots(bundle: str, changed: timedelta | None = None) -> Manifest:
    """Return the ConfigMap with the mesh's roots, written days ago and changed some time ago."""
    now = datetime.now(UTC)
    fields = [{"manager": "pilot-discovery", "time": now - changed}] if changed else []
    metadata = {"creationTimestamp": now - timedelta(days=9), "managedFields": fields}
    return {"istio-system": {"metadata": metadata, "data": {"root-cert.pem": bundle}}}


@pytest.mark.parametrize(("trusted", "status"), [(NEW, "ok"), (OLD, "wrong"), (OLD + NEW, "wrong")])
def test_the_mesh_trusts_the_stacks_root(stack: Settings, trusted: str, status: str) -> None:
    """An istiod that wasn't restarted still has the one of before."""
    found = snapshot(istiods=(part(roots=fingerprints(NEW)),), root_certificates=roots(trusted))

    (finding,) = certificates.check(found, stack)

    assert finding.status == status
    if status == "wrong":
        assert finding.remedy == "kubectl rollout restart deployment/istiod -n istio-system"


@pytest.mark.parametrize(
    ("started", "changed", "listed"),
    [
        (timedelta(hours=3), timedelta(hours=1), True),
        (timedelta(minutes=30), timedelta(hours=1), False),
        (timedelta(hours=30), timedelta(hours=25), False),
        (timedelta(hours=3), None, False),
    ],
)
def test_a_pod_from_before_the_root_is_listed(
    stack: Settings, started: timedelta, changed: timedelta | None, *, listed: bool
) -> None:
    """Until its certificate has been renewed, a day later at most."""
    pod = copy.deepcopy(POD)
    pod["status"] = {**pod.get("status", {}), "startTime": datetime.now(UTC) - started}
    found = snapshot(pods=[pod], root_certificates=roots(NEW, changed))

    findings = list(certificates.check(found, stack))

    assert bool(findings) is listed
    for finding in findings:
        assert finding.status == "warning"
        assert finding.remedy.startswith("kubectl rollout restart deployment/")
