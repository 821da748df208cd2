"""What the stand-in plugin adds to the API server's own time."""

import statistics
import subprocess
import sys
import time

import grpc
import httpx2
import lightkube
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from mesh.release import PROJECT
from sandbox.cluster import Sandbox

OBJECTS = 100


def overhead(sandbox: Sandbox) -> float:
    """Return seconds a resource: creating ConfigMaps through the plugin, less without it."""
    client = lightkube.Client(
        config=lightkube.KubeConfig.from_file(sandbox.kubeconfig), timeout=httpx2.Timeout(30)
    )
    direct = []
    for number in range(OBJECTS):
        name = ObjectMeta(name=f"direct-{number}", namespace="default")
        began = time.monotonic()
        client.create(ConfigMap(metadata=name, data={"a": "b"}))
        direct.append(time.monotonic() - began)

    through = []
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.kubernetes_plugin"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        port = process.stdout.readline().strip()
        stub = provider_pb2_grpc.ResourceProviderStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
        stub.Configure(
            provider_pb2.ConfigureRequest(
                variables={"kubernetes:config:kubeconfig": str(sandbox.kubeconfig)},
                acceptSecrets=True,
            )
        )
        for number in range(OBJECTS):
            urn = f"urn:pulumi:bench::mesh::kubernetes:core/v1:ConfigMap::through-{number}"
            inputs = ParseDict(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": f"through-{number}", "namespace": "default"},
                    "data": {"a": "b"},
                },
                Struct(),
            )
            began = time.monotonic()
            checked = stub.Check(provider_pb2.CheckRequest(urn=urn, news=inputs))
            stub.Create(provider_pb2.CreateRequest(urn=urn, properties=checked.inputs))
            through.append(time.monotonic() - began)
        process.terminate()
    return statistics.median(through) - statistics.median(direct)
