"""Configs by chance: whatever the program accepts, the API server and istiod accept, too.

CONFIGS=2000 venv/bin/pytest tests/e2e/test_generated_configs.py tries many more.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pulumi
import pytest
from hypothesis import assume, given
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from mesh.istio import gateway_api_crds
from mesh.kubernetes import client
from mesh.kubernetes.cluster import Cluster
from mesh.validation import config
from meshctl.workspace.download import get_gateway_api
from sandbox import kubernetes_plugin, plugin_process
from tests.fakes.engine import (
    CHARTS,
    ISTIO,
    FakeCluster,
    RecordingEngine,
    find_release,
    run,
    set_config,
)
from tests.tries import tries
from tests.valid_configs import CONCEALED, CONFIGS

from .checkout import Checkout

NAMESPACE = "generated"
"""An empty namespace, in which all objects with a namespace are tried."""


class GatewayCharts(FakeCluster):
    """Accepts every resource, and has the gateways' charts rendered by the real plugin."""

    def __init__(self, plugin: plugin_process.Process) -> None:
        super().__init__()
        self._plugin = plugin

    def render(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        """Render a gateway's chart; the others don't depend on these configs."""
        if options["release_name"] in CHARTS:
            return []
        return self._plugin.render(json.dumps(options))


class DryRun:
    """The API server, asked whether it would take an object."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}

    def refusal(self, manifest: Mapping[str, Any]) -> str | None:
        """Return the server's message about an object that it refuses."""
        version, kind = manifest["apiVersion"], manifest["kind"]
        path = f"/api{'s' if '/' in version else ''}/{version}"
        if version not in self._kinds:
            listed = client.checked(self._http.get(path)).json()["resources"]
            self._kinds[version] = {
                each["kind"]: (each["name"], each["namespaced"])
                for each in listed
                if "/" not in each["name"]
            }
        manifest = _plain(manifest)
        plural, is_namespaced = self._kinds[version][kind]
        if is_namespaced:
            manifest = {**manifest, "metadata": {**manifest["metadata"], "namespace": NAMESPACE}}
            path += f"/namespaces/{NAMESPACE}"
        answer = self._http.patch(
            f"{path}/{plural}/{manifest['metadata']['name']}",
            params={
                "dryRun": "All",
                "fieldManager": "test",
                "fieldValidation": "Strict",
                "force": "true",
            },
            content=_text(manifest),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return answer.json()["message"] if answer.is_error else None


def _text(manifest: Mapping[str, Any]) -> bytes:
    """Return a manifest as JSON that is YAML, too: without a letter written as two surrogates."""
    text = json.dumps(manifest, ensure_ascii=False)
    return re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _plain(value: Any) -> Any:
    """Return a value without Pulumi's marks of secrets."""
    if is_rpc_secret(value):
        return _plain(unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def dry_run(checkout: Checkout, first_up: str) -> Iterator[DryRun]:
    """Ask the server of a sandbox with Istio, whose webhook checks its objects."""
    assert first_up
    sandbox, bundle = checkout.sandbox, gateway_api_crds.of(ISTIO)
    assert bundle is not None
    get_gateway_api(bundle)
    file = checkout.folder / "gateway-api.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": bundle.crds}))
    checkout.shell(
        f"kubectl create namespace {NAMESPACE}; kubectl apply --server-side -f {file}; "
        f"kubectl wait --for condition=Established -f {file}"
    )
    with client.plain(Cluster(kubeconfig=sandbox.kubeconfig, context=sandbox.context)) as http:
        yield DryRun(http)
    checkout.shell(f"kubectl delete namespace {NAMESPACE} --wait=false; kubectl delete -f {file}")


@pytest.fixture(scope="module")
def charts() -> Iterator[GatewayCharts]:
    """Run one plugin for all charts."""
    with plugin_process.run(kubernetes_plugin.find()[0].program) as plugin:
        yield GatewayCharts(plugin)


@tries(20)
@given(changed=CONFIGS)
def test_what_is_accepted_can_be_applied(
    dry_run: DryRun,
    charts: GatewayCharts,
    tmp_path_factory: pytest.TempPathFactory,
    changed: dict[str, str],
) -> None:
    """Each object of the stack passes the server's dry run, with all of its webhooks."""
    whole = {"releaseDir": str(find_release(ISTIO)), **changed}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi, "get_project", lambda: "mesh")
        patch.setattr(pulumi, "get_stack", lambda: "test")
        set_config(concealed=CONCEALED, **whole)
        try:
            config.read()
        except pulumi.RunError:
            assume(False)
    engine = RecordingEngine(charts)
    run(engine, tmp_path_factory.mktemp("generated"), slim=True, concealed=CONCEALED, **whole)

    objects = [engine.raw_inputs(name) for name in engine.requests]
    refused = {
        f"{each['kind']} {each['metadata']['name']}": refusal
        for each in objects
        if "apiVersion" in each
        and each["kind"] not in ("CustomResourceDefinition", "Chart")
        and (refusal := dry_run.refusal(each))
    }
    assert refused == {}
