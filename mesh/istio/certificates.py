"""The mesh's root certificates: those that a stack sets, and those that the cluster trusts."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import ConfigMap

CONFIG_MAP = "istio-ca-root-cert"
"""The ConfigMap in which istiod publishes the trusted roots to every namespace."""
KEY = "root-cert.pem"
ROOTS = "mesh.pulumi.com/root-certificates"
"""An annotation of istiod's pods: the fingerprints of the roots that the stack sets."""
SHORT = 12  # hexadecimal digits that a person compares
PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def fingerprints(bundle: str) -> tuple[str, ...]:
    """Return the SHA-256 fingerprints of the certificates in a PEM bundle, each once.

    They are what `openssl x509 -fingerprint -sha256` prints, without colons and in lower case.
    """
    return tuple(dict.fromkeys(_fingerprint(block) for block in PEM.findall(bundle)))


def published(client: Client, namespace: str) -> Mapping[str, Any] | None:
    """Read the ConfigMap with the roots; None without one (Istio before 1.6) or the right to it."""
    try:
        return client.get(ConfigMap, CONFIG_MAP, namespace=namespace).to_dict()
    except ApiError as error:
        if error.status.code in (403, 404):
            return None
        raise


def roots_of(config_map: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the fingerprints of the roots in such a ConfigMap."""
    return fingerprints(((config_map or {}).get("data") or {}).get(KEY, ""))


def short(roots: tuple[str, ...]) -> str:
    """Return fingerprints, shortened for people to compare."""
    return ", ".join(root[:SHORT] for root in roots) or "none"


def _fingerprint(block: str) -> str:
    try:
        certificate = base64.b64decode(block)
    except binascii.Error:  # istiod will report it
        certificate = block.encode()
    return hashlib.sha256(certificate).hexdigest()
