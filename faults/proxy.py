"""A proxy before a sandbox's API server, which refuses or delays a share of the requests."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import yaml

from sandbox import wheels
from sandbox.cluster import Sandbox

PATIENCE = 30.0  # seconds until it must listen
HTTP = "type.googleapis.com/envoy.extensions"
HEALTH = "/healthz"
"""The path by which the commands ask whether the sandbox is up: it is never refused."""
BUSY, BROKEN, SLOW = "faults.busy", "faults.broken", "faults.slow"
"""Shares of requests, in percent, as Envoy's runtime knows them."""
DELAY = "0.5s"


@dataclass(frozen=True)
class Proxy:
    """An Envoy that lets everything through until it is told something else."""

    _admin: Path

    def set(self, shares: Mapping[str, int]) -> None:
        """Set the shares of requests that are refused or delayed."""
        transport = httpx2.HTTPTransport(uds=str(self._admin))
        with httpx2.Client(transport=transport, base_url="http://envoy") as client:
            client.post("/runtime_modify", params=dict(shares)).raise_for_status()


@contextmanager
def running(sandbox: Sandbox) -> Generator[Proxy]:
    """Run the proxy, and lead the sandbox's kubeconfig through it.

    It asks for the same certificates as the API server, for all but the health: nobody gets in who
    didn't before.
    """
    before = sandbox.kubeconfig.read_text()
    config = yaml.safe_load(before)
    (server,) = (entry["cluster"] for entry in config["clusters"])
    (user,) = (entry["user"] for entry in config["users"])
    upstream, port = urlsplit(server["server"]), _free_port()
    with tempfile.TemporaryDirectory(prefix="faults-proxy-") as folder:
        admin, file = Path(folder, "admin"), Path(folder, "envoy.yaml")
        pair = {
            "certificate_chain": {"filename": user["client-certificate"]},
            "private_key": {"filename": user["client-key"]},
        }
        tls = {
            "tls_certificates": [pair],
            "validation_context": {"trusted_ca": {"filename": server["certificate-authority"]}},
        }
        file.write_text(yaml.safe_dump(_bootstrap(admin, port, upstream.port or 443, tls)))
        with (
            Path(folder, "log").open("w") as log,
            subprocess.Popen(
                [wheels.envoy_program(), "--config-path", file, "--disable-hot-restart"],
                stdout=log,
                stderr=log,
            ) as envoy,
        ):
            try:
                _await_listening(port)
                server["server"] = f"https://127.0.0.1:{port}"
                sandbox.kubeconfig.write_text(yaml.safe_dump(config))
                yield Proxy(admin)
            finally:
                sandbox.kubeconfig.write_text(before)
                envoy.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_listening(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _bootstrap(admin: Path, port: int, upstream: int, tls: Mapping[str, Any]) -> dict[str, Any]:
    manager = {
        "@type": f"{HTTP}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "api",
        "stream_idle_timeout": "0s",  # for watches
        "http_filters": [
            _refusal(429, BUSY),
            _refusal(503, BROKEN),
            _fault({"delay": {"fixed_delay": DELAY, "percentage": {}}}, {"delay": SLOW}),
            {
                "name": "router",
                "typed_config": {"@type": f"{HTTP}.filters.http.router.v3.Router"},
            },
        ],
        # As an API server with too many requests does: clients wait so long, and ask again.
        "local_reply_config": {
            "mappers": [
                {
                    "filter": {
                        "status_code_filter": {
                            "comparison": {
                                "op": "EQ",
                                "value": {"default_value": 429, "runtime_key": "faults.none"},
                            }
                        }
                    },
                    "headers_to_add": [{"header": {"key": "Retry-After", "value": "1"}}],
                }
            ]
        },
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "api",
                    "domains": ["*"],
                    "routes": [
                        _route(HEALTH),
                        _route("/", tls_context={"presented": True, "validated": True}),
                    ],
                }
            ]
        },
    }
    return {
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
        "static_resources": {
            "listeners": [
                {
                    "address": _address(port),
                    "filter_chains": [
                        {
                            "filters": [{"name": "http", "typed_config": manager}],
                            "transport_socket": _tls("Downstream", tls),
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "api",
                    "connect_timeout": "5s",
                    "transport_socket": _tls("Upstream", tls),
                    "load_assignment": {
                        "cluster_name": "api",
                        "endpoints": [
                            {"lb_endpoints": [{"endpoint": {"address": _address(upstream)}}]}
                        ],
                    },
                }
            ],
        },
    }


def _refusal(status: int, share: str) -> dict[str, Any]:
    return _fault({"abort": {"http_status": status, "percentage": {}}}, {"abort": share})


def _fault(what: Mapping[str, Any], shares: Mapping[str, str]) -> dict[str, Any]:
    """Return a filter for a fault; its share is 0 until the runtime says something else."""
    return {
        "name": next(iter(shares.values())),
        "typed_config": {
            "@type": f"{HTTP}.filters.http.fault.v3.HTTPFault",
            **what,
            **{f"{kind}_percent_runtime": share for kind, share in shares.items()},
            "headers": [
                {"name": ":path", "string_match": {"prefix": HEALTH}, "invert_match": True}
            ],
        },
    }


def _route(prefix: str, **more: Any) -> dict[str, Any]:
    # Without a limit of time, for watches.
    return {"match": {"prefix": prefix, **more}, "route": {"cluster": "api", "timeout": "0s"}}


def _tls(side: str, common: Mapping[str, Any]) -> dict[str, Any]:
    kind = f"{HTTP}.transport_sockets.tls.v3.{side}TlsContext"
    return {"name": "tls", "typed_config": {"@type": kind, "common_tls_context": dict(common)}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
