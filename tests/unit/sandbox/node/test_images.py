"""The programs in place of images: which images, and what the applications answer."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sandbox.node.images import bookinfo, programs
from sandbox.node.images.bookinfo import Handler
from tests.fakes.http_server import running


@contextmanager
def serving(image: str) -> Generator[str]:
    """Serve a service's version, and return its URL."""
    service, _, version = image.partition("-")
    handler = type("Its", (Handler,), {"service": service, "version": version, "ratings": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


def get(url: str, **headers: str) -> Any:
    """Return what a URL answers."""
    return httpx2.get(url, headers=headers, trust_env=False).json()


@pytest.mark.parametrize(
    "image",
    [
        "docker.io/istio/examples-bookinfo-details-v1:1.20.3",
        "examples-bookinfo-reviews-v3",
        "mirror.example.com:5000/a/b/examples-bookinfo-ratings-v1@sha256:00",
    ],
)
def test_an_image_is_known_by_its_name(image: str) -> None:
    """From any registry, with any tag."""
    assert re.search(programs.PATTERN, image)


@pytest.mark.parametrize(
    "image",
    ["istio/examples-bookinfo-ratings-v2:1", "istio/examples-bookinfo-details-v10", "mongo"],
)
def test_others_stay_fake(image: str, tmp_path: Path) -> None:
    """No program stands in for what isn't known."""
    assert not re.search(programs.PATTERN, image)
    with pytest.raises(programs.ImageError, match=f"no program for image {image}"):
        programs.of(image, tmp_path, tmp_path)


def test_details_and_ratings_answer_as_the_originals() -> None:
    """With the fields that productpage and reviews read."""
    with serving("details-v1") as details, serving("ratings-v1") as ratings:
        assert get(f"{details}/details/0") == {"id": 0, **bookinfo.DETAILS}
        assert get(f"{ratings}/ratings/0")["ratings"] == {"Reviewer1": 5, "Reviewer2": 4}
        posted = httpx2.post(f"{ratings}/ratings/7", json={"Reviewer1": 1}, trust_env=False)
        assert (
            posted.json() == get(f"{ratings}/ratings/7") == {"id": 7, "ratings": {"Reviewer1": 1}}
        )


@pytest.mark.parametrize(("version", "colour"), [("v1", None), ("v2", "black"), ("v3", "red")])
def test_the_version_of_reviews_decides_about_stars(
    monkeypatch: pytest.MonkeyPatch, version: str, colour: str | None
) -> None:
    """None, black and red ones, as many as ratings has."""
    with serving("ratings-v1") as ratings, serving(f"reviews-{version}") as reviews:
        point_to(monkeypatch, ratings)
        shown = [each.get("rating") for each in get(f"{reviews}/reviews/0")["reviews"]]

    stars = [{"stars": count, "color": colour} for count in (5, 4)]
    assert shown == ([None, None] if colour is None else stars)


def test_reviews_live_without_ratings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page then says so in place of stars."""
    point_to(monkeypatch, "http://127.0.0.1:9")
    with serving("reviews-v3") as reviews:
        first, _ = get(f"{reviews}/reviews/0")["reviews"]

    assert first["rating"] == {"error": "Ratings service is currently unavailable"}


def test_headers_of_plans_and_traces_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan for jason must reach ratings, too."""
    seen: dict[str, str] = {}

    class Ratings(Handler):
        service, version = "ratings", "v1"

        def _ratings(self, product: int) -> bookinfo.Answer:
            seen.update((name.lower(), value) for name, value in self.headers.items())
            return super()._ratings(product)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ratings)
    with running(server), serving("reviews-v2") as reviews:
        point_to(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        get(f"{reviews}/reviews/0", **{"end-user": "jason", "x-request-id": "1", "other": "2"})

    assert (seen["end-user"], seen["x-request-id"]) == ("jason", "1")
    assert "other" not in seen


def test_an_answer_says_whose_it_is() -> None:
    """These aren't the originals, and nobody should take them for it."""
    with serving("details-v1") as details:
        answer = httpx2.get(f"{details}/health", trust_env=False)

    assert answer.headers["x-sandbox-program"] == "details v1 of the sandbox"
    assert json.loads(answer.text) == {"status": "Details is healthy"}


def point_to(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let reviews find ratings at a URL."""
    host, _, port = url.removeprefix("http://").partition(":")
    monkeypatch.setenv("RATINGS_HOSTNAME", host)
    monkeypatch.setenv("RATINGS_SERVICE_PORT", port)
