"""Shortened lists for messages: the first names, and how many more there are."""

from collections.abc import Collection
from itertools import islice


def shortened(names: Collection[str], most: int) -> str:
    """Return the first `most` names with commas between, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(islice(names, most)) + more
