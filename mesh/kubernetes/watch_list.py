"""WatchList: how newer Kubernetes plugins list objects. API servers before 1.27 don't know it."""

import os

from mesh.kubernetes import apis

SINCE = (1, 27)
"""The first Kubernetes that knows the watch parameter sendInitialEvents (KEP-3157)."""
OFF = {"KUBE_FEATURE_WatchListClient": "false"}
"""The environment that makes a plugin list objects without WatchList.

Without it plugin 4.32 waits for ever for its first list from Kubernetes 1.15, at the first CRDs;
plugin 4.25 doesn't use WatchList (both tried).
"""


def is_unknown(kubernetes: str) -> bool:
    """Return whether an API server of this version doesn't know WatchList."""
    return apis.minor(kubernetes) < SINCE


def is_off() -> bool:
    """Return whether WatchList is turned off for this process and its children."""
    return all(os.environ.get(name) == value for name, value in OFF.items())


def remedy(kubernetes: str) -> str:
    """Return a message about the symptom on an old API server, and its remedy."""
    settings = " ".join(f"{name}={value}" for name, value in OFF.items())
    return (
        f"Kubernetes {kubernetes.removeprefix('v')} doesn't know WatchList, and newer kubernetes "
        "plugins of Pulumi wait for ever for their first list of objects: if nothing moves, stop, "
        f"and run it again after `export {settings}`"
    )
