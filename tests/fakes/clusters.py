"""Other clusters of a mesh: their kubeconfigs, and the contracts that their stacks offer."""

import json
from typing import Any

CONTRACT: dict[str, Any] = {
    "contract": 1.0,
    "clusterName": "west",
    "meshId": "shop",
    "istioNamespace": "istio-system",
    "trustDomain": "cluster.local",
    "rootCertificates": [],
    "hasEastWestGateway": False,
    "access": {
        "server": "https://west.example.com:6443",
        "certificateAuthority": "Q0E=",
        "token": "a-token",
    },
}
"""What a stack with the clusterName `west` says of its cluster."""


def kubeconfig(
    server: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **parts: Any
) -> str:
    """Return the text of a kubeconfig, with what differs in its server, its user, or as a whole."""
    return json.dumps(
        {
            "clusters": [
                {"name": "c", "cluster": {"server": "https://west.example.com", **(server or {})}}
            ],
            "users": [{"name": "u", "user": {"token": "a-token"} if user is None else user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
            **parts,
        }
    )
