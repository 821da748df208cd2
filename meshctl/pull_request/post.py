"""A comment on a pull request at GitHub or GitLab: posted once, and then edited.

A pull request has one comment of each kind. The first line, an invisible marker, names the kind.
"""

from collections.abc import Generator
from contextlib import contextmanager

import httpx2

from console import UserError

AUTHOR = "github-actions[bot]"
"""The user that a workflow's token belongs to; comments of other users are left alone."""
TIMEOUT = 30.0  # seconds


class CommentError(UserError):
    """The comment can't be posted; the message says why and what to do."""


def to_github(body: str, *, api: str, repository: str, pull_request: int, token: str) -> None:
    """Post the comment on a pull request, or edit the earlier one."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    right = "`permissions: pull-requests: write`, which a fork's pull request never has"
    with _client(api, headers, right) as client:
        comments = f"/repos/{repository}/issues/{pull_request}/comments"
        earlier = _find(client, f"{comments}?per_page=100", body, ("user", "login", AUTHOR))
        if earlier is None:
            answer = client.post(comments, json={"body": body})
        else:
            comment = f"/repos/{repository}/issues/comments/{earlier}"
            answer = client.patch(comment, json={"body": body})
        answer.raise_for_status()


def to_gitlab(body: str, *, api: str, project: str, merge_request: int, token: str) -> None:
    """Post the comment on a merge request, or edit the earlier one."""
    right = "a project access token with the scope api and the role Reporter"
    with _client(api, {"PRIVATE-TOKEN": token}, right) as client:
        user = client.get("/user").raise_for_status().json()["username"]
        notes = f"/projects/{project}/merge_requests/{merge_request}/notes"
        earlier = _find(client, f"{notes}?per_page=100", body, ("author", "username", user))
        if earlier is None:
            answer = client.post(notes, json={"body": body})
        else:
            answer = client.put(f"{notes}/{earlier}", json={"body": body})
        answer.raise_for_status()


@contextmanager
def _client(api: str, headers: dict[str, str], right: str) -> Generator[httpx2.Client]:
    """Connect to a host and explain its errors; `right` is what the job's token needs."""
    with httpx2.Client(base_url=api, headers=headers, timeout=TIMEOUT) as client:
        try:
            yield client
        except httpx2.HTTPStatusError as error:
            code = error.response.status_code
            raise CommentError(
                f"{error.request.url} refuses the comment with status {code}: the job needs {right}"
            ) from error
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise CommentError(f"{api} doesn't answer: {reason}; run the job again") from error


def _find(client: httpx2.Client, page: str, body: str, by: tuple[str, str, str]) -> int | None:
    """Return the id of the author's earlier comment of the same kind, or None."""
    role, name, author = by
    marker = body.partition("\n")[0]
    next_page: str | None = page
    while next_page:
        answer = client.get(next_page).raise_for_status()
        for found in answer.json():
            if found[role][name] == author and found["body"].startswith(marker):
                return int(found["id"])
        next_page = answer.links.get("next", {}).get("url")
    return None
