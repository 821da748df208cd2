"""An in-memory engine for the whole program: no cluster, no Pulumi CLI, no helm."""

import asyncio
import base64
import contextlib
import copy
import functools
import gc
import json
import os
import runpy
import time
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import get_root_resource, resource
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto.source_pb2 import StackTrace
from pulumi.runtime.stack import Stack, run_pulumi_func

from mesh import fast_yaml, project
from mesh.istio import running_mesh
from mesh.istio.release import Release
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes.cluster import SANDBOX
from mesh.kubernetes.field_ownership import FORCE
from mesh.preflight import app, platform, remote_clusters, sidecars
from mesh.project import PROJECT


def find_release(version: str) -> Path:
    """Find an Istio release to test with, else another patch of its minor, or skip."""
    given = PROJECT.parent / "shared" / "istio"
    candidates = (
        Path(os.environ.get("ISTIO_RELEASE_DIR", "/nonexistent")),
        PROJECT / "releases" / version,
        given / version,
        *sorted(given.glob(f"{version.rpartition('.')[0]}.*")),
    )
    for candidate in candidates:
        if (candidate / ("install" if version.startswith("1.0.") else "manifests")).is_dir():
            return candidate
    pytest.skip(f"no Istio {version}: set ISTIO_RELEASE_DIR, or get it with `make release`")


def defaults() -> dict[str, str]:
    """Read the defaults from their one home, in the form the engine hands them to a program."""
    return {f"mesh:{key}": value for key, value in project.defaults(PROJECT).items()}


ISTIO = defaults()["mesh:istioVersion"]
"""The Istio version that stacks deploy by default."""

# What a platform says of itself to app stacks.
CONTRACT: dict[str, Any] = {
    "contract": 1,
    "istioNamespace": "istio-system",
    "revision": "default",
    "versions": {"default": ISTIO},
    "revisionTags": {"stable": "default"},
    "routingApi": "istio",
    "trustDomain": "cluster.local",
    "autoMtls": True,
    "nodeAgents": ["istio-cni", "ztunnel"],
    "gateway": {
        "name": "front",
        "namespace": "istio-system",
        "account": "front",
        "selector": {"istio": "front"},
        "port": 80,
    },
}

# What the charts render to, as far as order and transformations are concerned.
CHARTS: dict[str, list[dict[str, Any]]] = {
    "istio-base": [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "istiod-default-validator"},
            "webhooks": [{"name": "validation.istio.io", "failurePolicy": "Ignore"}],
        },
    ],
    "istiod": [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "istiod", "namespace": "istio-system"},
            "spec": {"selector": {}, "template": {}},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "istiod", "namespace": "istio-system", "annotations": {"a": "b"}},
            "spec": {"ports": []},
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "istio-sidecar-injector"},
            "webhooks": [],
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": {"mesh": "trustDomain: cluster.local"},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
            "data": {"config": "defaultTemplates: [sidecar]", "values": "{}"},
        },
    ],
    "istio": [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "istio-pilot-service-account", "namespace": "istio-system"},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": "istio-cleanup-secrets",
                "namespace": "istio-system",
                "annotations": {"helm.sh/hook": "post-delete"},
            },
            "spec": {},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": {"mesh": ""},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
            "data": {"config": "policy: enabled"},
        },
    ],
    "istio-cni": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio-cni-config", "namespace": "istio-system"},
            "data": {},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "istio-cni-node", "namespace": "istio-system"},
            "spec": {"selector": {}, "template": {}},
        },
    ],
    "ztunnel": [
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "ztunnel", "namespace": "istio-system"},
            "spec": {"selector": {}, "template": {}},
        },
    ],
}


def _gateway(name: str) -> list[dict[str, Any]]:
    """Return what the gateway chart renders to under a release's name."""
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "istio-system"},
            "spec": {"selector": {}, "template": {}},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "istio-system"},
            "spec": {"type": "LoadBalancer"},
        },
    ]


class FakeCluster(Mocks):
    """Accepts every resource; renders each chart to the few objects above."""

    def __init__(self) -> None:
        """Start without a rendered chart, and without another stack."""
        self.stacks: dict[str, dict[str, Any]] = {}
        self.rendered: dict[str, dict[str, Any]] = {}

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Take the inputs for the state, and give load balancers an address."""
        state = dict(args.inputs)
        if state.get("spec", {}).get("type") == "LoadBalancer":
            state["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
        if args.typ == "kubernetes:gateway.networking.k8s.io/v1:Gateway":
            state["status"] = {"addresses": [{"type": "IPAddress", "value": "192.0.2.2"}]}
        if state.get("type") == "kubernetes.io/service-account-token":
            token = f"the token of {state['metadata']['name']}".encode()
            state["data"] = {"ca.crt": "Q0E=", "token": base64.b64encode(token).decode()}
        return f"{args.name}-id", state

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Tell another stack's outputs; or render a chart, and remember what with."""
        if args.token.endswith(":readStackOutputs"):
            return {"outputs": self.stacks.get(args.args["name"], {})}, []
        time.sleep(0.05)  # helm takes its time: what doesn't wait for a chart's objects misses them
        options = json.loads(args.args["jsonOpts"])
        self.rendered[options["release_name"]] = options
        return {"result": self.render(options)}, []

    def render(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        """Fill the values that matter here into the few objects of a chart."""
        name = options["release_name"]
        revision = name.partition("istiod-")[2]
        chart = "istiod" if revision else name
        manifests = copy.deepcopy(CHARTS[chart]) if chart in CHARTS else _gateway(name)
        for manifest in manifests:
            if revision:
                manifest["metadata"]["name"] += f"-{revision}"
            if "namespace" in manifest["metadata"]:
                manifest["metadata"]["namespace"] = options["namespace"]
            if manifest.get("spec", {}).get("type"):
                manifest["spec"]["type"] = options["values"]["service"]["type"]
        return manifests


class RecordingEngine(MockMonitor):
    """Remembers every request, by the resource's type and name."""

    def __init__(
        self, cluster: FakeCluster | None = None, running: RunningMesh | None = None
    ) -> None:
        """Run the program against a fake cluster, with the mesh that runs there already."""
        self.running = running
        self.cluster = cluster or FakeCluster()
        super().__init__(self.cluster)
        self.requests: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.checked: list[tuple[Any, ...]] = []

    def check(self, *args: Any) -> None:
        """Record what the cluster was checked for."""
        self.checked.append(args)

    def RegisterResource(self, request: Any) -> Any:
        """Record the request under a short name such as Deployment/istio-system/istiod."""
        self.requests[f"{request.type.rpartition(':')[2]}/{request.name}"] = request
        return super().RegisterResource(request)

    def inputs(self, resource: str) -> dict[str, Any]:
        """Return what the engine was asked to make of a resource.

        Without the annotation that every object has (test_program.py).
        """
        found = self.raw_inputs(resource)
        metadata = found.get("metadata") or {}
        if metadata.get("annotations", {}).pop(FORCE, None) and not metadata["annotations"]:
            del metadata["annotations"]
        return found

    def raw_inputs(self, resource: str) -> dict[str, Any]:
        """Return the same, whole."""
        return pulumi.runtime.rpc.deserialize_properties(self.requests[resource].object)

    def waits_for(self, resource: str) -> set[str]:
        """Return everything that must be there before a resource, its parent's needs included."""
        request = self.requests[resource]
        urns = set(request.dependencies)
        names = {_short(urn) for urn in urns}
        if request.parent and not request.parent.endswith("::mesh-test"):
            names |= self.waits_for(_short(request.parent))
        return names


def run(
    engine: RecordingEngine,
    folder: Path,
    *,
    concealed: str = "",
    slim: bool = False,
    **overrides: str,
) -> None:
    """Run __main__.py in a sandbox, with a config: the defaults, and what differs.

    `concealed` names the keys set with --secret; `slim` leaves the megabyte of schemas out of
    the CRDs, which is most of a run's time.
    """
    kubeconfig = folder / "kubeconfig.yaml"
    kubeconfig.write_text("current-context: sandbox\n")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(engine.mocks, project="mesh", stack="test", monitor=engine)
    set_config(concealed=concealed, **overrides)
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(loop):
        patch.setenv(SANDBOX, str(kubeconfig))
        patch.setattr(platform, "check", engine.check)
        patch.setattr(app, "check", engine.check)
        patch.setattr(remote_clusters, "check", engine.check)
        patch.setattr(running_mesh, "look", lambda _: engine.running)
        patch.setattr(sidecars, "announce", lambda *_: None)
        patch.setattr(resource, "_get_stack_trace", StackTrace)  # slow: the stack is deep
        # Pulumi waits for all outputs, and looks at each of hundreds whenever one is there.
        patch.setattr(asyncio, "FIRST_COMPLETED", asyncio.FIRST_EXCEPTION)
        patch.setattr(gc, "disable", lambda: None)  # hundreds of runs in one process leave much
        if slim:
            patch.setattr(Release, "crds", property(_slim_crds))
        loop.run_until_complete(_run(engine))


def _slim_crds(release: Release) -> list[dict[str, Any]]:
    return _without_schemas(release.folder / release.layout.crds)


@functools.cache
def _without_schemas(file: Path) -> list[dict[str, Any]]:
    """Read a file of CRDs, and keep their names and versions only."""
    crds = [crd for crd in fast_yaml.load_all(file.read_bytes()) if crd]
    for crd in crds:
        for version in crd["spec"].get("versions", ()):  # none before apiextensions v1
            del version["schema"]
    return crds


def set_config(*, concealed: str = "", **overrides: str) -> None:
    """Set a stack's config as the exec host does, `concealed` naming the keys set with --secret."""
    secrets = [f"mesh:{key}" for key in concealed.split()]
    pulumi.runtime.set_all_config(config(**overrides), secrets)


def config(**overrides: str) -> dict[str, str]:
    """Return a stack's config as the engine would: the defaults, and what differs."""
    return {**defaults(), **{f"mesh:{key}": value for key, value in overrides.items()}}


async def _run(engine: RecordingEngine) -> None:
    """Run the program as the exec host does, but in the stack that set_mocks made."""
    exported = cast("Stack", get_root_resource()).outputs
    exported.clear()  # set_mocks keeps the stack of an earlier run in this process

    def program() -> None:
        runpy.run_path(str(PROJECT / "__main__.py"))

    await run_pulumi_func(program)
    engine.outputs = {
        name: await pulumi.Output.from_input(value).future() for name, value in exported.items()
    }


def _short(urn: str) -> str:
    qualified_type, _, name = urn.split("::", 2)[2].partition("::")
    return f"{qualified_type.rpartition(':')[2]}/{name}"
