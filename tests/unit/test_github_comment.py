"""The comment at GitHub: one, edited and not repeated, and nobody else's."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from mesh import github_comment
from mesh.github_comment import CommentError
from mesh.preview_comment import MARKER

BODY = f"{MARKER}\n\n## Preview"
API = "https://api.example.com"
TOKEN = "t0ken"  # noqa: S105 - a made-up one


class GitHub:
    """Keeps the comments of pull request 7, two on a page."""

    def __init__(self, *comments: tuple[str, str]) -> None:
        self.comments: list[dict[str, Any]] = [
            {"id": i, "user": {"login": login}, "body": body}
            for i, (login, body) in enumerate(comments)
        ]
        self.requests: list[str] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as GitHub's REST API does."""
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        self.requests.append(f"{request.method} {request.url.path}")
        if request.method == "GET":
            page = int(request.url.params.get("page", 1))
            more = f'<{request.url.copy_set_param("page", page + 1)}>; rel="next"'
            links = {"link": more} if len(self.comments) > page * 2 else {}
            return httpx2.Response(
                200, json=self.comments[page * 2 - 2 : page * 2], headers=links, request=request
            )
        body = json.loads(request.content)["body"]
        if request.method == "POST":
            login = github_comment.AUTHOR
            self.comments.append({"id": len(self.comments), "user": {"login": login}, "body": body})
        else:
            self.comments[int(request.url.path.rpartition("/")[2])]["body"] = body
        return httpx2.Response(200, json={"html_url": "https://example.com/7"}, request=request)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Post a comment to a GitHub that answers by a function."""
    real = httpx2.Client

    def posted(answer: Callable[[httpx2.Request], httpx2.Response], body: str = BODY) -> str:
        def client(**options: Any) -> httpx2.Client:
            return real(transport=httpx2.MockTransport(answer), **options)

        monkeypatch.setattr("mesh.github_comment.httpx2.Client", client)
        return github_comment.post(
            body, api=API, repository="team/mesh", pull_request=7, token=TOKEN
        )

    return posted


def test_the_comment_is_edited_not_repeated(post: Callable[..., str]) -> None:
    """However many others there are before it."""
    github = GitHub(*[("somebody", "nice")] * 5)

    post(github.answer)
    assert post(github.answer, f"{BODY} again") == "https://example.com/7"

    assert [each["body"] for each in github.comments] == ["nice"] * 5 + [f"{BODY} again"]
    assert github.requests[-1] == "PATCH /repos/team/mesh/issues/comments/5"


@pytest.mark.parametrize(
    ("login", "body"),
    [
        ("somebody", BODY),
        (github_comment.AUTHOR, f"> {MARKER}\n\nwhat is this?"),
        (github_comment.AUTHOR, "another workflow's"),
    ],
)
def test_others_comments_are_left_alone(post: Callable[..., str], login: str, body: str) -> None:
    """Somebody may quote the marker, and the same author writes for every workflow."""
    github = GitHub((login, body))

    post(github.answer)

    assert [each["body"] for each in github.comments] == [body, BODY]


def test_a_refusal_says_what_the_job_needs(post: Callable[..., str]) -> None:
    """A fork's token may only read."""
    with pytest.raises(CommentError, match="403; the job needs `permissions: pull-requests"):
        post(lambda request: httpx2.Response(403, request=request))


def test_a_github_that_is_down_is_one_message(post: Callable[..., str]) -> None:
    """Without a traceback."""

    def down(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no route", request=request)

    with pytest.raises(CommentError, match="doesn't answer: no route"):
        post(down)
