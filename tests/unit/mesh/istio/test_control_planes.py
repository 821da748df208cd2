"""Two control planes side by side, and which of them gives pods their proxies."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh.settings.revisions import ROLLED_BY
from mesh.validation import config
from tests.fakes.engine import RecordingEngine, find_release

CANARY = {"revision": "1-30-3", "istioVersion": "1.30.3"}
OLD = {"istioVersion": "1.29.3", "revision": "1-29-3"}
Run = Callable[..., RecordingEngine]


@pytest.fixture(scope="module")
def old_release() -> str:
    """Find the release to upgrade from, or skip."""
    return str(find_release("1.29.3"))


@pytest.fixture(scope="module")
def new_release() -> str:
    """Find the release to upgrade to, or skip."""
    return str(find_release("1.30.3"))


@pytest.fixture(scope="module")
def upgrade(run_program: Run, old_release: str, new_release: str) -> Run:
    """Run the program with 1.29.3 as its own control plane and 1.30.3 as its canary."""

    def run(**overrides: str) -> RecordingEngine:
        canary = json.dumps({**CANARY, "releaseDir": new_release})
        return run_program(**{**OLD, "releaseDir": old_release, "canary": canary, **overrides})

    return run


@pytest.fixture(scope="module")
def beside(upgrade: Run) -> RecordingEngine:
    """Run it with nothing moved over yet."""
    return upgrade()


def values(engine: RecordingEngine, chart: str) -> dict[str, Any]:
    """Return the values that a chart was rendered with."""
    return engine.cluster.rendered[chart]["values"]


def test_a_canary_is_a_chart_of_its_own(beside: RecordingEngine) -> None:
    """Each istiod is rendered from its own release, by its own revision."""
    for revision, version in (("1-29-3", "1.29.3"), ("1-30-3", "1.30.3")):
        chart = beside.cluster.rendered[f"istiod-{revision}"]
        assert chart["values"]["revision"] == revision
        assert chart["values"]["global"]["tag"] == version
        assert f"/{version}/" in chart["path"]


def test_what_a_cluster_has_once_is_the_newer_ones(beside: RecordingEngine) -> None:
    """CRDs serve older istiods; the validator of all is the stack's own until it is promoted."""
    assert "/1.30.3/" in beside.cluster.rendered["istio-base"]["path"]
    assert values(beside, "istio-base")["defaultRevision"] == "1-29-3"


def test_a_canary_alone_moves_nothing(beside: RecordingEngine) -> None:
    """Gateway and Bookinfo stay with the stack's own revision."""
    ingress = values(beside, "istio-ingressgateway")
    namespace = beside.inputs("Namespace/bookinfo-namespace")["metadata"]
    template = beside.inputs("Deployment/bookinfo-ratings-v1")["spec"]["template"]["metadata"]

    assert ingress["revision"] == "1-29-3"
    assert namespace["labels"] == {"istio.io/rev": "1-29-3"}
    assert template["annotations"] == {ROLLED_BY: "1-29-3"}


def test_one_setting_moves_bookinfo(upgrade: Run) -> None:
    """Its namespace asks the canary, and its pods are made anew to get the new sidecars."""
    engine = upgrade(bookinfoRevision="1-30-3")

    namespace = engine.inputs("Namespace/bookinfo-namespace")["metadata"]
    template = engine.inputs("Deployment/bookinfo-productpage-v1")["spec"]["template"]["metadata"]
    assert namespace["labels"] == {"istio.io/rev": "1-30-3"}
    assert template["annotations"][ROLLED_BY] == "1-30-3"
    assert template["annotations"]["prometheus.io/port"] == "9080"
    assert values(engine, "istio-ingressgateway")["revision"] == "1-29-3"


def test_one_setting_moves_the_gateway(upgrade: Run) -> None:
    """To the chart of the canary's release too."""
    engine = upgrade(gatewayRevision="1-30-3")

    ingress = engine.cluster.rendered["istio-ingressgateway"]
    assert ingress["values"]["revision"] == "1-30-3"
    assert ingress["values"]["podAnnotations"] == {ROLLED_BY: "1-30-3"}
    assert "/1.30.3/" in ingress["path"]


def test_a_tag_that_moves_takes_all_that_use_it(upgrade: Run) -> None:
    """The label stays, the injector behind it changes, and so do the pods."""
    uses = {"gatewayRevision": "prod", "bookinfoRevision": "prod"}
    before = upgrade(**uses, revisionTags='{"prod": "1-29-3"}')
    after = upgrade(**uses, revisionTags='{"prod": "1-30-3"}')

    for engine, holder, other in ((before, "1-29-3", "1-30-3"), (after, "1-30-3", "1-29-3")):
        namespace = engine.inputs("Namespace/bookinfo-namespace")["metadata"]
        template = engine.inputs("Deployment/bookinfo-ratings-v1")["spec"]["template"]["metadata"]
        assert namespace["labels"] == {"istio.io/rev": "prod"}
        assert template["annotations"] == {ROLLED_BY: holder}
        assert values(engine, "istio-ingressgateway")["podAnnotations"] == {ROLLED_BY: holder}
        assert values(engine, f"istiod-{holder}")["revisionTags"] == ["prod"]
        assert values(engine, f"istiod-{other}")["revisionTags"] == []


def test_a_promoted_canary_keeps_every_name(
    upgrade: Run, run_program: Run, new_release: str
) -> None:
    """The same objects by the same URNs: an update at most, and only where they tell the default.

    A URN holds the types of the parents and the resource's own name; not the parents' names.
    """
    before = upgrade(bookinfoRevision="1-30-3", gatewayRevision="1-30-3")
    after = run_program(revision="1-30-3", istioVersion="1.30.3", releaseDir=new_release)

    assert after.cluster.rendered["istiod-1-30-3"] == before.cluster.rendered["istiod-1-30-3"]
    ingress = "istio-ingressgateway"
    assert after.cluster.rendered[ingress] == before.cluster.rendered[ingress]
    gone = before.requests.keys() - after.requests.keys()
    assert after.requests.keys() <= before.requests.keys()
    assert all("1-29-3" in name for name in gone)


def test_the_default_revision_has_plain_names(deployed: RecordingEngine) -> None:
    """Without a revision it is as it always was: no annotation, the old label, chart istiod."""
    template = deployed.inputs("Deployment/bookinfo-ratings-v1")["spec"]["template"]["metadata"]

    assert "annotations" not in template
    assert values(deployed, "istiod")["revision"] == ""
    assert values(deployed, "istio-base")["defaultRevision"] == "default"


def canary(**more: str) -> str:
    """Return a canary as the engine hands it to the program."""
    return json.dumps({**CANARY, **more})


@pytest.mark.parametrize(
    ("overrides", "mistake"),
    [
        ({"revision": "1.30.3"}, "mesh:revision: a revision or tag is 1 to 40 lower-case letters"),
        ({"revision": "default"}, "mesh:revision: 'default' is the revision without a name"),
        ({"revision": "1-30-3", "canary": canary()}, "mesh:canary.revision: must differ from"),
        (
            {"canary": canary(istioVersion="1.33.0")},
            "two control planes are at most 2 minors apart",
        ),
        ({"canary": '{"revision": "a"}'}, "canary"),
        ({"canary": canary(revison="a")}, "canary"),
        ({"revisionTags": '{"prod": "blue"}'}, "mesh:revisionTags.prod: must be a revision"),
        (
            {"canary": canary(), "revisionTags": '{"1-30-3": "default"}'},
            'mesh:revisionTags["1-30-3"]: is the revision of a control plane',
        ),
        ({"revisionTags": '{"default": "default"}'}, "mesh:revisionTags.default: is the revision"),
        ({"bookinfoRevision": "blue"}, "mesh:bookinfoRevision: must be a revision or a tag"),
        ({"gatewayRevision": "blue"}, "mesh:gatewayRevision: must be a revision or a tag"),
        ({"adopt": "perhaps"}, "mesh:adopt: "),
    ],
)
def test_a_mistake_is_told(
    configure: Callable[..., None], overrides: dict[str, str], mistake: str
) -> None:
    """Key, rule and value got, before anything is rendered."""
    configure(**overrides)

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()

    assert mistake in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3


def test_a_tag_may_stand_for_the_default_revision(configure: Callable[..., None]) -> None:
    """So that namespaces can be labelled before there is a second control plane."""
    configure(revisionTags='{"prod": "default"}', bookinfoRevision="prod")

    assert config.read_settings().revision_tags == {"prod": "default"}
