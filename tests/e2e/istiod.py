"""What a real istiod tells the proxies of fake pods: its own view of the mesh."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import grpc
import httpx2
from google.protobuf.struct_pb2 import Struct

from .checkout import Checkout

STREAM = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
LISTENERS = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True)
class Istiod:
    """The istiod of a namespace, on the loopback address of its Service."""

    address: str

    @classmethod
    def of(cls, checkout: Checkout, namespace: str = "istio-system") -> "Istiod":
        """Find the one that the checkout's stack has deployed."""
        service = checkout.kubectl("get", "service", "istiod", "-n", namespace)
        return cls(service["spec"]["clusterIP"])

    def debug(self, page: str, **query: str) -> Any:
        """Return one of its debug pages, which it shows to this machine only."""
        answer = httpx2.get(f"http://{self.address}:8080/debug/{page}", params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def listeners(self, pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the listeners that a pod's proxy would get now, by name."""
        dynamic = self._dump("sidecar", pod, _field(4, LISTENERS.encode()), "dynamicListeners")
        found = [listener["activeState"]["listener"] for listener in dynamic]
        return {listener["name"]: listener for listener in found}

    def waypoint(self, pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return what a waypoint's pod would do with a service's requests, by Service and port."""
        asked = _field(4, LISTENERS.encode())
        dynamic = self._dump("waypoint", pod, asked, "dynamicListeners")
        listeners = {each["name"]: each["activeState"]["listener"] for each in dynamic}
        chains = listeners["main_internal"]["filterChains"]
        found = {}
        for chain in chains:
            direction, port, _, host = (*chain["name"].split("|"), "", "", "")[:4]
            if direction == "inbound-vip":
                (http,) = (
                    each["typedConfig"] for each in chain["filters"] if "http_conn" in each["name"]
                )
                found[f"{host.partition('.')[0]}:{port}"] = http
        return found

    def way_in(self, gateway: dict[str, Any], port: int) -> dict[str, set[str]]:
        """Return where a gateway's pod would send requests to: clusters by their host."""
        asked = _field(3, f"http.{port}".encode()) + _field(4, ROUTES.encode())
        (routes,) = self._dump("router", gateway, asked, "dynamicRouteConfigs")
        return {
            domain: {route["route"]["cluster"] for route in host.get("routes", ())}
            for host in routes["routeConfig"]["virtualHosts"]
            for domain in host["domains"]
        }

    def _dump(self, kind: str, pod: dict[str, Any], asked: bytes, part: str) -> Any:
        """Return a part of the configuration that a pod's proxy would get now."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        node = f"{kind}~{pod['status']['podIP']}~{name}.{namespace}~{namespace}.svc.cluster.local"
        metadata = Struct()
        metadata.update(
            {
                "CLUSTER_ID": "Kubernetes",
                "NAMESPACE": namespace,
                "LABELS": pod["metadata"]["labels"],
            }
        )
        with self._connected(node, metadata, asked):
            dump = self.debug("config_dump", proxyID=f"{name}.{namespace}")
        return next(found[part] for found in dump["configs"] if part in found)

    @contextmanager
    def _connected(self, node: str, metadata: Struct, asked: bytes) -> Generator[None]:
        """Be a proxy that has asked for something: istiod shows no other's configuration."""
        # A DiscoveryRequest, field by field: its node, and the names and type that are asked for.
        who = _field(1, node.encode()) + _field(3, metadata.SerializeToString())
        request = _field(2, who) + asked
        requests: SimpleQueue[bytes | None] = SimpleQueue()
        requests.put(request)
        with grpc.insecure_channel(f"{self.address}:15010") as channel:
            # A proxy that has no more to ask has gone: the end comes with the queue's None.
            stream = channel.stream_stream(STREAM)(iter(requests.get, None), timeout=10)
            next(stream)
            try:
                yield
            finally:
                requests.put(None)


def _field(number: int, value: bytes) -> bytes:
    """Encode a field of a protobuf message; lengths of two bytes are enough here."""
    size = len(value)
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + value


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Give istiod the moment in which it gathers changes before it tells the proxies."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.2)
