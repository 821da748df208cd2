"""Namespaces: the labels and annotations that a stack gives to all that it creates."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pulumi
import pytest

from mesh.kubernetes import ownership
from mesh.kubernetes.ownership import ANNOTATION
from mesh.preflight import adoption
from mesh.settings.data_plane import DataPlane, Injection
from mesh.settings.schema import Settings
from mesh.validation import config
from tests.fakes.engine import RecordingEngine, run
from tests.fakes.mesh import istio_object, running_mesh

TEAM = json.dumps({"team": "mesh", "cost-center": "4711"})
NOTE = json.dumps({"example.com/owner": "Ann B."})


def test_every_namespace_has_the_stacks_labels(
    run_program: Callable[..., RecordingEngine],
) -> None:
    """Istio's, the gateways', the node agents' and Bookinfo's, beside those that they need."""
    engine = run_program(
        namespaceLabels=TEAM,
        namespaceAnnotations=NOTE,
        injection="ambient",
        gateways=json.dumps([{"namespace": "edge"}]),
    )

    made = [name for name in engine.requests if name.startswith("Namespace/")]
    assert len(made) == 4
    for name in made:
        metadata = engine.inputs(name)["metadata"]
        assert json.loads(TEAM).items() <= metadata["labels"].items(), name
        assert json.loads(NOTE).items() <= metadata["annotations"].items(), name
        assert ANNOTATION in metadata["annotations"], name
    labels = engine.inputs("Namespace/bookinfo-namespace")["metadata"]["labels"]
    assert labels["istio.io/dataplane-mode"] == "ambient"


@pytest.mark.parametrize(
    ("setting", "key", "value", "rule"),
    [
        ("Labels", "istio-injection", "disabled", "is set by mesh:injection"),
        ("Labels", "istio.io/rev", "x", "is set by mesh:injection and mesh:bookinfoRevision"),
        ("Labels", "pod-security.kubernetes.io/warn", "baseline", "is set by mesh:podSecurity"),
        ("Labels", "kubernetes.io/metadata.name", "x", "is Kubernetes' own"),
        ("Annotations", "mesh.pulumi.com/stack", "x", "is the stack's own: drop it, got 'x'"),
        ("Annotations", "pulumi.com/skipAwait", "true", "tells Pulumi how to handle an object"),
        ("Labels", "team", "a b", "a label's value is up to 63 letters"),
        ("Labels", "te am", "a", "a key is up to 63 letters"),
        ("Labels", "team", 1, "must be a string, in quotes: pulumi config set --type string"),
        ("Labels", "team", "a" * 64, "a label's value is up to 63 letters"),
    ],
)
def test_what_is_not_the_stacks_to_set_is_refused(
    configure: Callable[..., None], setting: str, key: str, value: object, rule: str
) -> None:
    """Also what Kubernetes would refuse when the update is half done."""
    configure(**{f"namespace{setting}": json.dumps({key: value})})

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    assert f"mesh:namespace{setting}" in str(caught.value)
    assert rule in str(caught.value)


def test_a_namespace_of_somebody_else_is_only_patched(release_dir: Path, tmp_path: Path) -> None:
    """A destroy takes back what the stack set there, and leaves the namespace (istio#27063)."""
    owners = {"istio-system": None, "bookinfo": "mesh/test", "other": None}
    theirs = istio_object("Namespace", managers=("kubectl-create",))
    running = running_mesh(owners=owners, namespaces=dict.fromkeys(owners, theirs))
    engine = RecordingEngine(running=running)

    run(engine, tmp_path, slim=True, releaseDir=str(release_dir), adopt="true")

    assert "Namespace/bookinfo-namespace" in engine.requests
    assert "Namespace/istio-namespace" not in engine.requests
    annotations = engine.inputs("NamespacePatch/istio-namespace")["metadata"]["annotations"]
    assert annotations[ownership.ADOPTED] == "true"


def test_it_stays_that_way_when_the_stack_has_marked_it() -> None:
    """The mark says who made it, also when `adopt` is no longer set."""
    part = istio_object("Namespace", managers=("pulumi-kubernetes-1a2b",))
    own = running_mesh(
        namespaces={"bookinfo": part},
        owners={"bookinfo": "mesh/test"},
        adopted=frozenset({"bookinfo"}),
    )
    settings = Settings.defaults()

    assert own.there_before(settings) == {"bookinfo"}
    assert replace(own, adopted=frozenset()).there_before(settings) == frozenset()
    assert replace(own, kubernetes="v1.15.12").there_before(settings) == frozenset()


def test_a_namespace_that_lost_its_mark_is_never_adopted(configure: Callable[..., None]) -> None:
    """The stack's state may have it: as somebody else's it would be deleted, with all in it."""
    configure(adopt="true")
    part = istio_object("Namespace", name="bookinfo", managers=("pulumi-kubernetes-1a2b",))
    running = running_mesh(namespaces={"bookinfo": part}, owners={"bookinfo": None})
    settings = config.read_settings()

    assert running.there_before(settings) == frozenset()
    (refusal,) = adoption._unmarked(running, settings)
    assert "kubectl annotate namespace bookinfo mesh.pulumi.com/stack=mesh/test" in refusal
    assert "kubectl annotate namespace bookinfo mesh.pulumi.com/adopted=true" in refusal


ISTIOD = "Deployment/istio-system/istiod"


@pytest.mark.parametrize("exists", [True, False])
def test_a_new_namespace_is_there_before_istiod(
    release_dir: Path, tmp_path: Path, *, exists: bool
) -> None:
    """So that a destroy deletes both at the same time; its pods come after istiod in any case."""
    part = istio_object("Namespace", name="bookinfo")
    running = running_mesh(
        namespaces={"bookinfo": part} if exists else {}, owners={"bookinfo": "mesh/test"}
    )
    engine = RecordingEngine(running=running)

    run(engine, tmp_path, slim=True, releaseDir=str(release_dir), cni="true")

    assert (ISTIOD in engine.waits_for("Namespace/bookinfo-namespace")) is exists
    assert {ISTIOD, "DaemonSet/istio-node-agents/istio-cni-node"} <= engine.waits_for(
        "Deployment/bookinfo-reviews-v1"
    )


@pytest.mark.parametrize(
    ("injection", "label", "today", "joins"),
    [
        ("auto", None, "sidecars", True),
        ("auto", "canary", "sidecars", False),
        ("auto", None, "ambient", False),
        ("ambient", None, "ambient", True),
        ("ambient", None, "sidecars", False),
        ("manual", None, "sidecars", False),
        ("manual", None, "nothing", True),
        ("off", None, "nothing", True),
        ("off", None, "ambient", False),
    ],
)
def test_a_label_waits_where_pods_join_the_mesh_in_another_way_than_today(
    injection: Injection, label: str | None, today: str, *, joins: bool
) -> None:
    """A pod that is recreated meanwhile would be left out of the mesh."""
    data_plane = DataPlane(injection=injection, cni=False)
    running = running_mesh(
        namespaces={"bookinfo": istio_object("Namespace")},
        injectors=(istio_object("MutatingWebhookConfiguration"),),
        revision_by_namespace={"bookinfo": "default"} if today == "sidecars" else {},
        ambient_namespaces=frozenset({"bookinfo"} if today == "ambient" else ()),
    )

    assert running.takes_in("bookinfo", data_plane, label) is joins
    assert running.takes_in("new", data_plane, label)


def test_a_namespace_of_somebody_else_loses_its_label_before_istio_goes(
    release_dir: Path, tmp_path: Path
) -> None:
    """Its other pods would be redirected to a ztunnel that is gone."""
    theirs = istio_object("Namespace", managers=("kubectl-create",))
    running = running_mesh(
        owners={"bookinfo": "mesh/test"},
        namespaces={"bookinfo": theirs},
        adopted=frozenset({"bookinfo"}),
        injectors=(istio_object("MutatingWebhookConfiguration"),),
    )
    engine = RecordingEngine(running=running)

    run(engine, tmp_path, slim=True, releaseDir=str(release_dir), adopt="true")

    assert ISTIOD in engine.waits_for("NamespacePatch/bookinfo-namespace")
