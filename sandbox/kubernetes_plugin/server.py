"""The plugin's process: its start, what it serves, and its end."""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import grpc
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

from .engine import Engine
from .provider import PLUGIN_VERSION, STAND_IN, Provider

_WORKERS = 256
_PARENT_SECONDS = 0.5
_ENGINE_TRIES = 3
_COLLECT_EVERY = 200_000
# Of glibc's mallopt(3): M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, in bytes; the latter's maximum.
_KEPT_MEMORY = {-1: 256 << 20, -3: 32 << 20}
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)


def serve(arguments: list[str]) -> None:
    """Serve until the engine stops the plugin, or is gone."""
    address = arguments[0] if arguments and not arguments[0].startswith("-") else None
    parent = os.getppid()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    provider = Provider(Engine(address))
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=_OPTIONS)
    add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # Standard output is the engine's: the port, and nothing else.
    print(port, flush=True)
    if not address:
        sys.stderr.write(f"{STAND_IN} {PLUGIN_VERSION}, without an engine\n")

    _spare_the_collector()
    _keep_memory()
    threading.Thread(target=_warm_up, daemon=True).start()
    threading.Thread(target=_follow, args=(parent, address, stop), daemon=True).start()
    stop.wait()
    server.stop(grace=0)
    # Threads may still wait for something on the cluster; nobody waits for them.
    os._exit(0)


def _follow(parent: int, address: str | None, stop: threading.Event) -> None:
    """End the plugin when the engine, or what started the plugin for it, is gone."""
    missed = beat = 0
    while not stop.wait(_PARENT_SECONDS):
        if os.getppid() != parent:
            stop.set()
        beat += 1
        if address and beat % 4 == 0:
            missed = 0 if _is_listening(address) else missed + 1
            if missed >= _ENGINE_TRIES:
                stop.set()


def _is_listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except (OSError, ValueError):
        return False


def _spare_the_collector() -> None:
    # A CRD is thousands of dicts without a cycle: looking for one, time and again, through all
    # of them and all modules takes longer than making them.
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)


def _keep_memory() -> None:
    # A large CRD is megabytes in each of its forms. By default what is freed goes back to the
    # kernel at once, and is got again page by page for the next.
    with contextlib.suppress(AttributeError, OSError):  # another C library has no such function
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, size in _KEPT_MEMORY.items():
            mallopt(parameter, size)


def _warm_up() -> None:
    # What httpx2 imports with its first client; the engine is busy with the program meanwhile.
    import_module("httpcore2")
