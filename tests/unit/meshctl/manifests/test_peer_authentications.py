"""PeerAuthentications: which of several counts for a pod."""

from typing import Any

from meshctl.manifests import peer_authentications

CART = {"app": "cart"}


def policy(mode: str, namespace: str, created: int = 1, labels: Any = None) -> dict[str, Any]:
    """Return a PeerAuthentication that was created on a day."""
    metadata = {"namespace": namespace, "creationTimestamp": f"2026-11-0{created}T00:00:00Z"}
    selector = {"selector": {"matchLabels": labels}} if labels else {}
    return {"metadata": metadata, "spec": {"mtls": {"mode": mode}, **selector}}


def mode(*policies: dict[str, Any]) -> str:
    """Return the mode of the pods of cart in namespace shop."""
    found = peer_authentications.of_pod(policies, "shop", CART, ("root",))
    return peer_authentications.mode(found)[0]


def test_the_oldest_of_one_level_counts() -> None:
    """Whatever the others say."""
    assert mode(policy("STRICT", "shop", 2), policy("DISABLE", "shop", 1)) == "DISABLE"


def test_an_unset_mode_is_that_of_the_level_above() -> None:
    """From the pods to their namespace, and to the mesh; without any, both are accepted."""
    own, around = policy("UNSET", "shop", labels=CART), policy("UNSET", "shop")

    assert mode(own, around, policy("STRICT", "root")) == "STRICT"
    assert mode(own, around) == "PERMISSIVE"


def test_one_for_some_pods_is_ignored_in_a_root_namespace() -> None:
    """It is for the whole mesh, or for nothing."""
    assert mode(policy("STRICT", "root", labels=CART)) == "PERMISSIVE"
