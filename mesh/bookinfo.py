"""Bookinfo's services as routes see them: names, versions, port, and the pages of the front."""

from collections.abc import Mapping
from typing import Literal

PORT = 9080
VERSIONS: Mapping[str, tuple[str, ...]] = {
    "details": ("v1",),
    "ratings": ("v1",),
    "reviews": ("v1", "v2", "v3"),
    "productpage": ("v1",),
}
"""The versions that a stack deploys of each service: what a route can send requests to."""

FRONT = "productpage"
PAGES: tuple[tuple[Literal["exact", "prefix"], str], ...] = (
    ("exact", "/productpage"),
    ("prefix", "/static"),
    ("exact", "/login"),
    ("exact", "/logout"),
    ("prefix", "/api/v1/products"),
)
"""What the front serves to the world, by the way the path is matched."""
