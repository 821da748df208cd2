"""A pasted IstioOperator is recognised, and each of its parts told its setting."""

import json
from typing import Any

import pytest

from mesh.validation.istio_operator import pasted

WHOLE: dict[str, Any] = {
    "apiVersion": "install.istio.io/v1alpha1",
    "kind": "IstioOperator",
    "spec": {
        "profile": "default",
        "meshConfig": {"accessLogFile": "/dev/stdout"},
        "components": {"ingressGateways": [{"name": "istio-ingressgateway"}], "cni": {}},
        "values": {"global": {"proxy": {}}},
        "addonComponents": {"kiali": {}},
    },
}


def lines(**config: Any) -> list[str]:
    """Spell the mistakes of a config."""
    texts = {key: json.dumps(value) for key, value in config.items()}
    return [mistake.line("mesh:") for mistake in pasted(texts)]


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"values": {"istiod": WHOLE}}, "values.istiod"),
        ({"values": {"base": {"spec": WHOLE["spec"]}}}, "values.base"),
        ({"values": WHOLE}, "values"),
        ({"meshConfig": WHOLE}, "meshConfig"),
        ({"gateways": [{"values": WHOLE}]}, "gateways[0].values"),
    ],
)
def test_it_is_recognised_wherever_it_is_pasted(config: dict[str, Any], place: str) -> None:
    """Whole, or from its spec on."""
    (line,) = lines(**config)

    assert line.startswith(f"mesh:{place}: is an IstioOperator, which istioctl reads")
    for part in (
        "spec.profile: mesh:profile",
        "spec.meshConfig: mesh:meshConfig",
        "spec.components.ingressGateways: mesh:gateways, one item each",
        "spec.components.cni: mesh:cni true",
        "spec.values.global: mesh:values.istiod.global",
        "spec.addonComponents.kiali: has no setting of its own",
    ):
        assert f"\n      {part}" in line


@pytest.mark.parametrize(
    "config",
    [
        {"values": {"istiod": {"profile": "demo", "env": {"spec": "x"}}}},
        {"meshConfig": {"defaultConfig": {"tracing": {}}}},
        {"gateways": [{"values": {"resources": {}}}]},
        {"values": []},
    ],
)
def test_values_of_charts_are_none(config: dict[str, Any]) -> None:
    """They have neither its kind nor its spec."""
    assert lines(**config) == []
