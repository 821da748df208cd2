"""What a pull request is told of its review stack."""

MARKER = "<!-- mesh: review stack of a pull request -->"
"""The first line of the comment, by which the next one finds it."""


def brought_up(stack: str, url: str) -> str:
    """Say where the pull request's own Bookinfo is."""
    return f"{MARKER}\n\nReview stack `{stack}` is up, as of the last push: {url}\n"


def removed(stack: str) -> str:
    """Say that the address of before is none any more."""
    return f"{MARKER}\n\nReview stack `{stack}` is removed.\n"
