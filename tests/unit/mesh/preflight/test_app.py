"""What an app stack's preview refuses of a cluster, before anything changes."""

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pulumi
import pytest

from mesh.istio.running_mesh import IstioObject, RunningMesh
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import app, existing_objects, gateways
from mesh.preflight.existing_objects import Foreign
from mesh.validation.config import read_settings
from tests.fakes import mesh as fakes
from tests.fakes.engine import CONTRACT

Refusal = Callable[..., str]


def part(kind: str, name: str, home: str = "istio-system", **fields: Any) -> IstioObject:
    """Return a part of a mesh, as a look at the cluster finds it."""
    return IstioObject(
        kind=kind,
        name=name,
        namespace=None,
        control_plane_namespace=home,
        managers=("kubectl",),
        **fields,
    )


def istiod(**fields: Any) -> IstioObject:
    """Return the platform's istiod."""
    return part("Deployment", "istiod", **{"revision": "default", "version": "1.30.3", **fields})


def injector(revision: str = "default") -> IstioObject:
    """Return its injector."""
    return part("MutatingWebhookConfiguration", "injector", revision=revision)


def mesh(
    *istiods: IstioObject,
    injectors: tuple[IstioObject, ...] = (),
    owners: Mapping[str, str | None] | None = None,
    contexts: dict[str, str] | None = None,
    hosts: dict[str, str] | None = None,
    labelled: dict[str, str] | None = None,
    scaled_to_zero: Mapping[tuple[str, str], int] = MappingProxyType({}),
) -> RunningMesh:
    """Return a mesh; `owners` are its namespaces, each with the stack it belongs to."""
    owners = {"istio-system": "mesh/platform", **(owners or {})}
    return fakes.running_mesh(
        namespaces={name: part("Namespace", name, name) for name in owners},
        owners=owners,
        contexts=contexts or {},
        hosts=hosts or {},
        revision_by_namespace={},
        foreign_injection_labels=labelled or {},
        istiods=istiods,
        injectors=injectors,
        scaled_to_zero=scaled_to_zero,
    )


UP = (injector(), injector("stable"))


@pytest.fixture
def check(configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Check a cluster that has a mesh, as app stack mesh/test with some settings."""

    def check(found: RunningMesh, **overrides: str) -> None:
        contract = overrides.pop("contract", json.dumps(CONTRACT))
        configure(mode="app", platformContract=contract, **overrides)
        monkeypatch.setattr(app, "connect", lambda _: contextlib.nullcontext())
        monkeypatch.setattr(existing_objects, "find", lambda *_, **__: Foreign({}))
        stack = read_settings()
        assert stack.platform_contract is not None
        cluster = Cluster(kubeconfig=Path("/kubeconfig"), context="test")
        app.check(cluster, stack, stack.platform_contract, found)

    return check


@pytest.fixture
def refusal(check: Callable[..., None]) -> Refusal:
    """Return the message that a cluster is refused with."""

    def refusal(found: RunningMesh, **config: str) -> str:
        with pytest.raises(pulumi.RunError) as caught:
            check(found, **config)
        message = str(caught.value)
        assert "nothing was changed" in message
        return message

    return refusal


def test_a_label_that_beats_the_revisions_is_refused(
    check: Callable[..., None], refusal: Refusal
) -> None:
    """No pod would get a sidecar, and none would say so; who has no revision is fine."""
    owners = {"bookinfo-test": "mesh/test"}
    found = mesh(
        istiod(), injectors=UP, owners=owners, labelled={"bookinfo-test": "enabled", "shop": "x"}
    )

    message = refusal(found, bookinfoRevision="stable")

    assert "labelled istio-injection=enabled, which overrides istio.io/rev=stable" in message
    assert "kubectl label namespace bookinfo-test istio-injection-" in message
    assert "shop" not in message
    check(found)
    check(found, bookinfoRevision="stable", injection="off")


def test_a_cluster_by_another_name_is_refused(check: Callable[..., None], refusal: Refusal) -> None:
    """Its own; of the platform's name for the cluster an app knows nothing."""
    owners = {"bookinfo-test": "mesh/test"}
    found = mesh(istiod(), injectors=UP, owners=owners, contexts={"bookinfo-test": "old"})
    others = mesh(istiod(), injectors=UP, owners=owners, contexts={"istio-system": "old"})

    assert "the stack was deployed by the context 'old'" in refusal(found)
    check(others)


def test_a_platform_that_is_up_is_fine(check: Callable[..., None]) -> None:
    """Beside other apps, and with what the stack made before."""
    owners = {"bookinfo-test": "mesh/test", "bookinfo-other": "mesh/other"}
    hosts = {
        "bookinfo-test": "bookinfo.test.localhost",
        "bookinfo-other": "bookinfo.other.localhost",
    }

    check(mesh(istiod(), injectors=UP, owners=owners, hosts=hosts))
    check(mesh(istiod(), injectors=UP, owners=owners, hosts=hosts), bookinfoRevision="stable")


@pytest.mark.parametrize(
    ("found", "config", "reason"),
    [
        (mesh(), {}, "there is no istiod of revision default in namespace istio-system"),
        (
            mesh(istiod(home="other"), injectors=UP),
            {},
            "there is no istiod of revision default",
        ),
        (
            mesh(istiod(revision="blue"), injectors=UP),
            {},
            "there is no istiod of revision default",
        ),
        (
            mesh(istiod(), injectors=UP, scaled_to_zero={("istio-system", "istiod"): 2}),
            {},
            "istiod in namespace istio-system was scaled",
        ),
        (mesh(istiod()), {}, "no injector serves default"),
        (
            mesh(istiod(), injectors=(injector(),)),
            {"bookinfoRevision": "stable"},
            "no injector serves stable",
        ),
        (
            mesh(istiod(version="1.21.6"), injectors=UP),
            {},
            "istiod is 1.21.6; the routes",
        ),
        (
            mesh(istiod(version="1.23.1"), injectors=UP),
            {"injection": "ambient"},
            "istiod is 1.23.1; ambient mode is for use since Istio 1.24",
        ),
        (
            mesh(istiod(), injectors=UP, owners={"istio-system": "mesh/test"}),
            {},
            "namespace istio-system is this stack's own, and as an app it would",
        ),
    ],
)
def test_a_platform_that_is_not_up_or_too_old_is_one_error(
    refusal: Refusal, found: RunningMesh, config: dict[str, str], reason: str
) -> None:
    """What it lacks, and the command that brings it up."""
    message = refusal(found, **config)

    assert "has no platform that stack mesh/test can use" in message
    assert reason in message
    assert "deploy it: pulumi up --refresh --stack PLATFORM" in message


@pytest.mark.parametrize(
    ("taken", "reason"),
    [
        (
            {"owners": {"bookinfo-test": "mesh/Test"}},
            "Namespace bookinfo-test, by kubectl, of stack mesh/Test",
        ),
        ({"owners": {"bookinfo-test": None}}, "Namespace bookinfo-test, by kubectl"),
        (
            {"owners": {"shop": "mesh/shop"}, "hosts": {"shop": "bookinfo.test.localhost"}},
            "host bookinfo.test.localhost, of stack mesh/shop in namespace shop",
        ),
    ],
)
def test_what_others_have_is_not_taken(
    refusal: Refusal, taken: dict[str, Any], reason: str
) -> None:
    """Two stacks whose names come to the same, a namespace made by hand, one host for two."""
    message = refusal(mesh(istiod(), injectors=UP, **taken))

    assert reason in message
    assert "pulumi config set bookinfoNamespace NAME" in message


def test_a_namespace_by_hand_may_be_adopted(
    check: Callable[..., None], refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is nobody's, and never another stack's."""
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", said.append)

    check(mesh(istiod(), injectors=UP, owners={"bookinfo-test": None}), adopt="true")
    assert "mesh/test adopts Namespace bookinfo-test" in said[0]

    others = mesh(istiod(), injectors=UP, owners={"bookinfo-test": "mesh/other"})
    assert "of stack mesh/other" in refusal(others, adopt="true")


@pytest.mark.parametrize("notes", [None, {}])
def test_a_waypoint_needs_the_gateway_api(
    check: Callable[..., None],
    refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
    notes: dict[str, str] | None,
) -> None:
    """Its platform may route by Istio's API, and then brings none."""
    monkeypatch.setattr(gateways, "crd_notes", lambda _: notes)
    contract = {**CONTRACT, "nodeAgents": ["istio-cni", "ztunnel"]}
    ambient = {"injection": "ambient", "waypoints": "[{}]", "contract": json.dumps(contract)}
    found = mesh(istiod(), injectors=UP)

    if notes is None:
        message = refusal(found, **ambient)
        assert "there is no CRD gateways.gateway.networking.k8s.io: install" in message
        assert "/v1.5.1/standard-install.yaml`, or have the platform do it" in message
    else:
        check(found, **ambient)
