"""The comments on a pull request about its review stack."""

MARKER = "<!-- mesh: review stack of a pull request -->"
"""The comment's first line, by which a later run finds the comment."""


def brought_up(stack: str, url: str) -> str:
    """Return the comment with the URL of the pull request's own Bookinfo."""
    return f"{MARKER}\n\nReview stack `{stack}` is up, as of the last push: {url}\n"


def removed(stack: str) -> str:
    """Return the comment for a review stack that was removed."""
    return f"{MARKER}\n\nReview stack `{stack}` is removed.\n"
