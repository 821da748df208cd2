"""What the stand-in plugin adds to the API server's own time."""

import copy
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx2
import msgspec
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from mesh.release import PROJECT, Release
from sandbox.cluster import Sandbox

CONFIG_MAPS = 100
CRDS = 30


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """Seconds that a resource takes beyond the API server's own time; medians."""

    what: str
    create: float
    """A new resource: Check and Create, less the same POST without the plugin.

    Both as a dry run: what a new kind costs the API server later falls on neither.
    """
    same: float
    """An unchanged resource: Check and Diff, which ask the API server nothing."""


def overheads(sandbox: Sandbox, release: Release) -> list[Overhead]:
    """Measure an ordinary object, and the largest that a stack deploys."""
    largest = max(release.crds, key=lambda crd: len(msgspec.json.encode(crd)))
    size = len(msgspec.json.encode(largest)) // 1000
    with _plugin(sandbox) as channel, _client(sandbox) as client:
        return [
            _overhead("a ConfigMap", [_config_map(i) for i in range(CONFIG_MAPS)], channel, client),
            _overhead(
                f"the largest CRD ({size} kB)",
                [_crd(largest, i) for i in range(CRDS)],
                channel,
                client,
            ),
        ]


def _overhead(
    what: str,
    objects: list[dict[str, Any]],
    channel: grpc.Channel,
    client: httpx2.Client,
) -> Overhead:
    create, same = [], []
    for obj in objects:
        # Each beside its own POST, so that whatever else the machine does falls on both.
        began = time.monotonic()
        client.post(f"{_path(obj)}?dryRun=All", content=msgspec.json.encode(obj)).raise_for_status()
        direct = time.monotonic() - began

        urn = f"urn:pulumi:bench::mesh::kubernetes:{_token(obj)}::{obj['metadata']['name']}"
        news = ParseDict(obj, Struct())
        asked = provider_pb2.CheckRequest(urn=urn, news=news)
        answer, checking = _timed(channel, "Check", asked)
        checked = provider_pb2.CheckResponse.FromString(answer).inputs
        asked = provider_pb2.CreateRequest(urn=urn, properties=checked, preview=True)
        answer, making = _timed(channel, "Create", asked)
        made = provider_pb2.CreateResponse.FromString(answer).properties
        create.append(checking + making - direct)

        asked = provider_pb2.CheckRequest(urn=urn, olds=checked, news=news)
        answer, checking = _timed(channel, "Check", asked)
        checked = provider_pb2.CheckResponse.FromString(answer).inputs
        asked = provider_pb2.DiffRequest(urn=urn, id="x", olds=made, news=checked)
        _, comparing = _timed(channel, "Diff", asked)
        same.append(checking + comparing)
    return Overhead(what=what, create=statistics.median(create), same=statistics.median(same))


def _timed(channel: grpc.Channel, method: str, request: Message) -> tuple[bytes, float]:
    # Writing requests and reading answers is the engine's part: only what is between counts.
    call = channel.unary_unary(f"/pulumirpc.ResourceProvider/{method}")
    raw = request.SerializeToString()
    began = time.monotonic()
    return call(raw), time.monotonic() - began


@contextmanager
def _plugin(sandbox: Sandbox) -> Generator[grpc.Channel]:
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.kubernetes_plugin"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        port = process.stdout.readline().strip()
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        provider_pb2_grpc.ResourceProviderStub(channel).Configure(
            provider_pb2.ConfigureRequest(
                variables={"kubernetes:config:kubeconfig": str(sandbox.kubeconfig)},
                acceptSecrets=True,
            )
        )
        yield channel
        process.terminate()


def _client(sandbox: Sandbox) -> httpx2.Client:
    config = KubeConfig.from_file(sandbox.kubeconfig).get()
    assert config is not None  # noqa: S101 - a sandbox's kubeconfig has a current context
    params = ConnectionParams(timeout=httpx2.Timeout(30)).httpx_params(config)
    return httpx2.Client(**params, headers={"Content-Type": "application/json"})


def _config_map(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"bench-{number}", "namespace": "default"},
        "data": {"a": "b"},
    }


def _crd(like: dict[str, Any], number: int) -> dict[str, Any]:
    """Make the CRD one of a group of its own."""
    crd = copy.deepcopy(like)
    group = f"bench{number}.istio.io"
    crd["spec"]["group"] = group
    crd["metadata"] = {"name": f"{crd['spec']['names']['plural']}.{group}"}
    return crd


def _path(obj: dict[str, Any]) -> str:
    if obj["kind"] == "ConfigMap":
        return "/api/v1/namespaces/default/configmaps"
    return "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def _token(obj: dict[str, Any]) -> str:
    if obj["kind"] == "ConfigMap":
        return "core/v1:ConfigMap"
    return "apiextensions.k8s.io/v1:CustomResourceDefinition"
