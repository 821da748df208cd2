"""One comment on a pull request at GitHub: written once, and then edited."""

import httpx2

from mesh.preview_comment import MARKER

AUTHOR = "github-actions[bot]"
"""Whom a workflow's own token speaks for; anybody else's comment is left alone."""
TIMEOUT = 30.0  # seconds


class CommentError(Exception):
    """The comment can't be posted; the message says why and what helps."""


def post(body: str, *, api: str, repository: str, pull_request: int, token: str) -> str:
    """Write the comment, or edit the one that is there; return its address."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    with httpx2.Client(base_url=api, headers=headers, timeout=TIMEOUT) as client:
        try:
            issues = f"/repos/{repository}/issues"
            earlier = _find(client, f"{issues}/{pull_request}/comments?per_page=100")
            if earlier is None:
                answer = client.post(f"{issues}/{pull_request}/comments", json={"body": body})
            else:
                answer = client.patch(f"{issues}/comments/{earlier}", json={"body": body})
            answer.raise_for_status()
        except httpx2.HTTPStatusError as error:
            code = error.response.status_code
            raise CommentError(
                f"GitHub refuses the comment on {repository}#{pull_request} with {code}; the "
                "job needs `permissions: pull-requests: write`, which a fork's never has"
            ) from error
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise CommentError(f"{api} doesn't answer: {reason}; run the job again") from error
        return str(answer.json()["html_url"])


def _find(client: httpx2.Client, page: str) -> int | None:
    """Look for the comment through all pages."""
    next_page: str | None = page
    while next_page:
        answer = client.get(next_page)
        answer.raise_for_status()
        for found in answer.json():
            if found["user"]["login"] == AUTHOR and found["body"].startswith(MARKER):
                return int(found["id"])
        next_page = answer.links.get("next", {}).get("url")
    return None
