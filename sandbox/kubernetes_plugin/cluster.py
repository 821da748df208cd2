"""The API server: one connection pool, generic paths, errors by their reason."""

import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SingleConfig

from .discovery import Discovery
from .errors import ApiError, UnreachableError
from .objects import Gvk, Object, gvk_of, namespace_of

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_CONNECT_SECONDS = 10.0
_TRIES = 11
_VERSION = re.compile(r"v(\d+)\.(\d+)\.\d+")
_UNKNOWN_VERSION = ("1", "14")
_RECONNECTS = 3


class Cluster:
    """A Kubernetes cluster, as one user of a kubeconfig sees it."""

    def __init__(self, config: SingleConfig, *, timeout: float | None = None) -> None:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
        timeouts = httpx2.Timeout(timeout, connect=_CONNECT_SECONDS)
        params = ConnectionParams(timeout=timeouts).httpx_params(config)
        # The transport of its own is what takes limits; proxies come from the environment.
        self._http = httpx2.Client(
            **params,
            limits=limits,
            headers={
                "User-Agent": "pulumi-kubernetes stand-in",
                "Accept": "application/json",
                # Packing an answer takes the API server longer than sending it.
                "Accept-Encoding": "identity",
            },
        )
        self.server: str = config.cluster.server
        self.discovery = Discovery(self.get_document)
        self._version: dict[str, Any] | None = None
        self._version_lock = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def version(self) -> dict[str, Any]:
        """Ask once for the server's version."""
        with self._version_lock:
            if self._version is None:
                self._version = self.get_document("/version")
            return self._version

    def minor(self) -> tuple[int, int]:
        """Give the server's version as two numbers, such as (1, 36)."""
        version = self.version()
        # Some clouds write 27+, and some builds nothing.
        numbers = version.get("major", ""), version.get("minor", "").removesuffix("+")
        if not all(map(str.isdigit, numbers)):
            found = _VERSION.match(version.get("gitVersion", ""))
            numbers = found.groups() if found else _UNKNOWN_VERSION
        return int(numbers[0]), int(numbers[1])

    def get_document(self, path: str, accept: str = "application/json") -> Any:
        """Get any JSON document of the API server."""
        return self._request("GET", path, headers={"Accept": accept})

    def path(self, gvk: Gvk, namespace: str, name: str = "") -> str:
        """Give the path of a kind's collection, or of one object."""
        mapping = self.discovery.mapping(gvk)
        root = f"/apis/{gvk.group}/{gvk.version}" if gvk.group else f"/api/{gvk.version}"
        if mapping.namespaced:
            root += f"/namespaces/{namespace or 'default'}"
        return f"{root}/{mapping.plural}" + (f"/{name}" if name else "")

    def path_of(self, obj: Object, name: str = "") -> str:
        """Give the path of an object's collection, or of the object of that name."""
        return self.path(gvk_of(obj), namespace_of(obj), name)

    def get(self, path: str) -> Object:
        """Read an object or a list."""
        return self._request("GET", path)

    def create(self, path: str, obj: Object, **query: str) -> Object:
        """Create an object; it must not exist."""
        return self._request("POST", path, obj, query=query, content_type="application/json")

    def replace(self, path: str, obj: Object, **query: str) -> Object:
        """Replace an object whole."""
        return self._request("PUT", path, obj, query=query, content_type="application/json")

    def patch(self, path: str, patch: Any, content_type: str, **query: str) -> Object:
        """Patch an object, or with `APPLY` apply it."""
        return self._request("PATCH", path, patch, query=query, content_type=content_type)

    def delete(self, path: str, options: Object) -> Object:
        """Ask for an object's deletion."""
        return self._request("DELETE", path, options, content_type="application/json")

    def watch(self, path: str, version: str, *, seconds: int) -> Iterator[Object]:
        """Follow a collection's events from a resource version on, until the server ends it."""
        query = {
            "watch": "1",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        timeout = httpx2.Timeout(seconds + 30, connect=_CONNECT_SECONDS)
        with self._http.stream("GET", path, params=query, timeout=timeout) as response:
            if response.status_code >= 400:
                raise _api_error(response.status_code, response.read())
            rest = b""
            for chunk in response.iter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield msgspec.json.decode(line)

    def _request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "",
        headers: dict[str, str] | None = None,
    ) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        extra = dict(headers or {})
        if content is not None:
            extra["Content-Type"] = content_type
        for attempt in range(_TRIES):
            try:
                response = self._http.request(
                    method, path, content=content, params=query, headers=extra
                )
            except httpx2.TransportError as error:
                # A kept connection that the server closed meanwhile; only a create might have
                # been done all the same.
                closed = isinstance(error, httpx2.RemoteProtocolError)
                if closed and method != "POST" and attempt < _RECONNECTS:
                    continue
                raise UnreachableError(f"{method} {self.server}{path}: {error}") from error
            delay = response.headers.get("Retry-After", "")
            overloaded = response.status_code == 429 or response.status_code >= 500
            if overloaded and delay.isdigit() and attempt < _TRIES - 1:
                # As client-go does, also for a create: the server hasn't done it.
                time.sleep(min(int(delay), 10))
                continue
            if response.status_code >= 400:
                raise _api_error(response.status_code, response.content)
            return msgspec.json.decode(response.content)
        raise UnreachableError(f"{method} {self.server}{path}: no answer in {_TRIES} tries")


def _api_error(status: int, content: bytes) -> ApiError:
    try:
        return ApiError(status, json.loads(content))
    except ValueError:
        return ApiError(status, content.decode(errors="replace").strip())
