"""The API server of another cluster, asked with the kubeconfig that istiod gets."""

import base64
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
from lightkube import KubeConfig
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ConfigError

from mesh import fast_yaml
from mesh.istio.certificates import CONFIG_MAP, roots_of
from mesh.kubernetes import server_certificate
from mesh.settings.clusters import NETWORK_LABEL, read_kubeconfig

PATIENCE = 2.0  # seconds until a silent API server counts as one that can't be reached
WRONG_CA = "CERTIFICATE_VERIFY_FAILED"
# One thread at a time: lightkube reads by msgspec, which crashes when two threads decode a type for
# the first time.
_READING = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class RemoteAPIServer:
    """What an API server has answered."""

    address: str
    fault: str = ""
    """Reason why istiod can't ever use the kubeconfig."""
    silence: str = ""
    """Reason why it can't be asked from this machine; istiod may have another way to it."""
    has_istio: bool = False
    network: str | None = None
    roots: tuple[str, ...] = ()
    """Fingerprints of the roots that its proxies trust; none = they can't be read."""


def ask_all(kubeconfigs: Sequence[str], namespace: str) -> list[RemoteAPIServer]:
    """Ask several API servers for Istio's namespace, at the same time."""
    if not kubeconfigs:
        return []
    with ThreadPoolExecutor(len(kubeconfigs)) as threads:
        return list(threads.map(lambda text: ask(text, namespace), kubeconfigs))


def ask(kubeconfig: str, namespace: str) -> RemoteAPIServer:
    """Ask an API server for Istio's namespace, and the roots in it."""
    try:
        server, user = read_kubeconfig(kubeconfig)
    except ValueError as error:
        return RemoteAPIServer(address="unknown", fault=f"its kubeconfig {error}")
    address = server["server"]
    if end := _end(user, datetime.now(UTC)):
        return RemoteAPIServer(address=address, fault=end)
    try:
        return _ask(kubeconfig, namespace, address)
    except (httpx2.HTTPError, ConfigError, OSError) as error:
        reason = str(error) or type(error).__name__
        if WRONG_CA in reason:
            wrong = "has a certificate that the kubeconfig's CA didn't sign, or for another name"
            return RemoteAPIServer(address=address, fault=wrong)
        return RemoteAPIServer(address=address, silence=reason)


def _ask(kubeconfig: str, namespace: str, address: str) -> RemoteAPIServer:
    with _READING:
        config = cast("SingleConfig", KubeConfig.from_dict(fast_yaml.load(kubeconfig)).get())
    way = client_adapter.ConnectionParams(timeout=httpx2.Timeout(PATIENCE))
    with client_adapter.Client(config, way) as client:
        found = client.get(f"/api/v1/namespaces/{namespace}")
        if found.status_code == httpx2.codes.UNAUTHORIZED:
            fault = "refuses the token or certificate: it has ended, or was withdrawn"
            return RemoteAPIServer(address=address, fault=fault)
        if found.status_code == httpx2.codes.FORBIDDEN:
            fault = f"doesn't let the user of the kubeconfig read namespace {namespace}"
            return RemoteAPIServer(address=address, fault=fault)
        if found.status_code == httpx2.codes.NOT_FOUND:
            return RemoteAPIServer(address=address)
        if found.is_error:
            return RemoteAPIServer(address=address, silence=f"it answers {found.status_code}")
        roots = client.get(f"/api/v1/namespaces/{namespace}/configmaps/{CONFIG_MAP}")
        labels = found.json()["metadata"].get("labels") or {}
        return RemoteAPIServer(
            address=address,
            has_istio=True,
            network=labels.get(NETWORK_LABEL),
            roots=roots_of(roots.json()) if roots.is_success else (),
        )


def _end(user: dict[str, Any], now: datetime) -> str:
    """Return when a user's token or certificate ended; empty = it hasn't, or doesn't say."""
    if token := user.get("token"):
        end = _end_of_token(token)
        if end and end < now:
            return f"its token ended on {end:%Y-%m-%d %H:%M} UTC"
    elif data := user.get("client-certificate-data"):
        try:
            certificate, *_ = server_certificate.certificates(base64.b64decode(data).decode())
        except ValueError:
            return "its client certificate can't be read"
        end = certificate.not_valid_after_utc
        if end < now:
            return f"its client certificate ended on {end:%Y-%m-%d %H:%M} UTC"
    return ""


def _end_of_token(token: str) -> datetime | None:
    """Return the end of a JSON Web Token; None for one without an end, or another kind of token."""
    try:
        claims = token.split(".")[1]
        end = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("exp")
        return datetime.fromtimestamp(end, UTC) if end else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
