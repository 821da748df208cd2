"""The comment at GitHub and GitLab: one, edited and not repeated, and nobody else's."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from meshctl.commands import review_comment
from meshctl.pull_request import post as posting
from meshctl.pull_request.comment import MARKER
from meshctl.pull_request.post import CommentError

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
            login = posting.AUTHOR
            self.comments.append({"id": len(self.comments), "user": {"login": login}, "body": body})
        else:
            self.comments[int(request.url.path.rpartition("/")[2])]["body"] = body
        return httpx2.Response(200, request=request)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Post a comment to a GitHub that answers by a function."""
    real = httpx2.Client

    def posted(answer: Callable[[httpx2.Request], httpx2.Response], body: str = BODY) -> None:
        def client(**options: Any) -> httpx2.Client:
            return real(transport=httpx2.MockTransport(answer), **options)

        monkeypatch.setattr("meshctl.pull_request.post.httpx2.Client", client)
        posting.to_github(body, api=API, repository="team/mesh", pull_request=7, token=TOKEN)

    return posted


def test_the_comment_is_edited_not_repeated(post: Callable[..., None]) -> None:
    """However many others there are before it."""
    github = GitHub(*[("somebody", "nice")] * 5)

    post(github.answer)
    post(github.answer, f"{BODY} again")

    assert [each["body"] for each in github.comments] == ["nice"] * 5 + [f"{BODY} again"]
    assert github.requests[-1] == "PATCH /repos/team/mesh/issues/comments/5"


@pytest.mark.parametrize(
    ("login", "body"),
    [
        ("somebody", BODY),
        (posting.AUTHOR, f"> {MARKER}\n\nwhat is this?"),
        (posting.AUTHOR, "another workflow's"),
        (posting.AUTHOR, review_comment.removed("pr-7")),
    ],
)
def test_others_comments_are_left_alone(post: Callable[..., None], login: str, body: str) -> None:
    """Somebody may quote the marker; the same author writes for every workflow, and of stacks."""
    github = GitHub((login, body))

    post(github.answer)

    assert [each["body"] for each in github.comments] == [body, BODY]


def test_a_refusal_says_what_the_job_needs(post: Callable[..., None]) -> None:
    """A fork's token may only read."""
    with pytest.raises(CommentError, match="with status 403: the job needs `permissions"):
        post(lambda request: httpx2.Response(403, request=request))


def test_a_github_that_is_down_is_one_message(post: Callable[..., None]) -> None:
    """Without a traceback."""

    def down(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no route", request=request)

    with pytest.raises(CommentError, match="doesn't answer: no route"):
        post(down)


def test_the_same_at_gitlab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever the token is of is asked first: only that one's note is edited."""
    notes: list[dict[str, Any]] = [
        {"id": 1, "author": {"username": "somebody"}, "body": BODY},
        {"id": 2, "author": {"username": "bot"}, "body": "merged"},
    ]
    requests = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["private-token"] == TOKEN
        requests.append(f"{request.method} {request.url.path}")
        if request.url.path == "/api/v4/user":
            return httpx2.Response(200, json={"username": "bot"}, request=request)
        if request.method == "POST":
            notes.append({"id": 3, "author": {"username": "bot"}, **json.loads(request.content)})
        return httpx2.Response(200, json=notes, request=request)

    real = httpx2.Client
    transport = httpx2.MockTransport(answer)
    monkeypatch.setattr(
        "meshctl.pull_request.post.httpx2.Client",
        lambda **options: real(transport=transport, **options),
    )
    for _ in range(2):
        posting.to_gitlab(BODY, api=f"{API}/api/v4", project="5", merge_request=7, token=TOKEN)

    assert [each for each in requests if not each.startswith("GET")] == [
        "POST /api/v4/projects/5/merge_requests/7/notes",
        "PUT /api/v4/projects/5/merge_requests/7/notes/3",
    ]
