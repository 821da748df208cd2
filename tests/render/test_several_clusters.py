"""The charts of a cluster among others: with an istiod of its own, and served by another's."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.engine import RecordingEngine, run

from .helm import PluginCluster
from .test_charts import Key, of_charts

ISTIOD = ("Deployment", "istio-system", "istiod")


def rendered(version: str, release_dir: Path, folder: Path, **settings: Any) -> dict[Key, Any]:
    """Return the objects of the charts of a platform."""
    engine = RecordingEngine(PluginCluster())
    given = {key: v if isinstance(v, str) else json.dumps(v) for key, v in settings.items()}
    run(
        engine,
        folder,
        slim=True,
        istioVersion=version,
        releaseDir=str(release_dir),
        mode="platform",
        meshId="shop",
        clusterName="east",
        network="net-east",
        **given,
    )
    return of_charts(engine)


def variables(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of a Deployment's first container."""
    (container, *_) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def test_a_cluster_with_an_istiod(
    helm: None, version: str, release_dir: Path, tmp_path: Path
) -> None:
    """Its istiod knows the cluster's name, and the gateway's Service is the network's entrance."""
    gateways = [{"direction": "east-west"}]
    made = rendered(version, release_dir, tmp_path, gateways=gateways, externalIstiod="true")

    assert variables(made[ISTIOD])["CLUSTER_ID"] == "east"
    assert variables(made[ISTIOD])["EXTERNAL_ISTIOD"] == "true"
    values = json.loads(
        made["ConfigMap", "istio-system", "istio-sidecar-injector"]["data"]["values"]
    )
    assert values["global"]["multiCluster"]["clusterName"] == "east"
    assert values["global"]["network"] == "net-east"
    assert "meshId: shop" in made["ConfigMap", "istio-system", "istio"]["data"]["mesh"]
    entrance = made["Service", "istio-system", "istio-eastwestgateway"]
    assert entrance["metadata"]["labels"]["topology.istio.io/network"] == "net-east"
    assert 15443 in [port["port"] for port in entrance["spec"]["ports"]]
    assert ("ServiceAccount", "istio-system", "istio-reader-service-account") in made


@pytest.mark.parametrize("address", ["192.0.2.10", "istiod.example.com"])
def test_a_cluster_without_an_istiod(
    helm: None, version: str, release_dir: Path, tmp_path: Path, address: str
) -> None:
    """Another cluster's is the Service istiod; its injector is told whose pods they are."""
    served = {"cluster": "west", "address": address}
    gateways = [{"direction": "east-west"}]
    made = rendered(version, release_dir, tmp_path, gateways=gateways, remoteControlPlane=served)

    assert [key for key in made if key[0] == "Deployment"] == [
        ("Deployment", "istio-system", "istio-eastwestgateway")
    ]
    service = made["Service", "istio-system", "istiod"]["spec"]
    slices = [name for kind, _, name in made if kind == "EndpointSlice"]
    assert service.get("externalName") == (None if address[0].isdigit() else address)
    assert slices == (["istiod"] if address[0].isdigit() else [])
    injector = made["MutatingWebhookConfiguration", "", "istio-sidecar-injector"]
    assert {hook["clientConfig"]["service"]["path"] for hook in injector["webhooks"]} == {
        "/inject/cluster/east/net/net-east"
    }
    assert "pulumi.com/waitFor" not in injector["metadata"].get("annotations", {})
    assert not [key for key in made if key[0] == "ValidatingWebhookConfiguration"]
