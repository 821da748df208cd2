"""What is read of a cluster, and what is noted where the user may not."""

from collections.abc import Iterator

import pytest

from mesh.kubernetes.client import plain
from meshctl.verify.reader import METADATA, Kind, Reader, Right
from tests.fakes.api_server import Answer, Request, cluster_at, serving

ROUTES = Kind(group="networking.istio.io", plural="virtualservices")
PODS, SECRETS = Kind(plural="pods"), Kind(plural="secrets")
ANSWERS: dict[str, Answer] = {
    "/apis/networking.istio.io": (
        200,
        {
            "versions": [{"version": "v1beta1"}, {"version": "v1"}],
            "preferredVersion": {"version": "v1"},
        },
    ),
    "/apis/networking.istio.io/v1": (
        200,
        {"resources": [{"name": "virtualservices"}, {"name": "virtualservices/status"}]},
    ),
    "/apis/networking.istio.io/v1beta1": (200, {"resources": [{"name": "sidecars"}]}),
    "/apis/networking.istio.io/v1/virtualservices?limit=500": (
        200,
        {"items": [{"metadata": {"name": "one"}}], "metadata": {"continue": "next"}},
    ),
    "/apis/networking.istio.io/v1/virtualservices?limit=500&continue=next": (
        200,
        {"items": [{"metadata": {"name": "two"}}], "metadata": {}},
    ),
    "/apis/networking.istio.io/v1beta1/sidecars?limit=500": (
        200,
        {"items": [{"metadata": {"name": "three"}}], "metadata": {}},
    ),
    "/api/v1/pods?limit=500": (403, {"message": "pods is forbidden", "code": 403}),
    "/api/v1/namespaces/shop/secrets/mine": (200, {"metadata": {"name": "mine"}}),
    "/api/v1/namespaces/shop/secrets/yours": (403, {"message": "forbidden", "code": 403}),
}


@pytest.fixture
def asked() -> list[Request]:
    """Return what the API server was asked."""
    return []


@pytest.fixture
def reader(tmp_path_factory: pytest.TempPathFactory, asked: list[Request]) -> Iterator[Reader]:
    """Return a reader of an API server that has few objects."""

    def answer(request: Request) -> Answer:
        asked.append(request)
        return ANSWERS.get(request.path, (404, {"message": "not found", "code": 404}))

    with (
        serving(answer) as url,
        plain(cluster_at(url, tmp_path_factory.mktemp("kubeconfig"))) as client,
    ):
        yield Reader(client=client)


def test_all_pages_of_the_preferred_version_are_read(reader: Reader) -> None:
    """An API server may answer long lists in parts."""
    found = reader.every(ROUTES)

    assert [each["metadata"]["name"] for each in found or ()] == ["one", "two"]
    assert reader.lacking == set()


def test_a_kind_that_is_not_served_has_no_objects(reader: Reader) -> None:
    """As Istio's kinds on a cluster without Istio."""
    assert reader.every(Kind(group="security.istio.io", plural="authorizationpolicies")) == []


def test_a_kind_that_only_an_older_version_serves_is_read(reader: Reader) -> None:
    """CRDs of a half-finished upgrade have other versions than the group's preferred one."""
    sidecars = reader.every(Kind(group="networking.istio.io", plural="sidecars"))

    assert [each["metadata"]["name"] for each in sidecars or ()] == ["three"]
    assert reader.every(Kind(group="networking.istio.io", plural="serviceentries")) == []


def test_a_right_that_is_missing_is_noted(reader: Reader) -> None:
    """And what it forbids is unknown, not empty."""
    assert reader.every(PODS) is None
    assert reader.one(SECRETS, "shop", "yours", needed_by="a check") is None

    assert reader.lacking == {
        Right(verb="list", kind=PODS),
        Right(verb="get", kind=SECRETS, namespace="shop", name="yours"),
    }
    assert sorted(map(str, reader.lacking)) == [
        "get secrets yours in namespace shop",
        "list pods in all namespaces",
    ]


def test_of_a_secret_only_the_metadata_is_asked_for(reader: Reader, asked: list[Request]) -> None:
    """Its content never comes here."""
    assert reader.one(SECRETS, "shop", "mine", needed_by="a check", accept=METADATA)

    assert asked[-1].headers["Accept"] == METADATA


def test_kinds_are_listed_in_each_served_version(reader: Reader) -> None:
    """Without the subresources."""
    assert reader.served("networking.istio.io") == {
        "virtualservices.networking.istio.io/v1",
        "sidecars.networking.istio.io/v1beta1",
    }
