"""Credentials in plain text are refused, with the place that can keep them."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh.validation import config

Configure = Callable[..., None]


def refusal(configure: Configure, **overrides: Any) -> str:
    """Return the message that settings are refused with."""
    configure(**{key: json.dumps(value) for key, value in overrides.items()})
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    return str(caught.value)


def provider(name: str, value: str) -> dict[str, Any]:
    """Return a mesh config that sends traces with a header."""
    http = {"path": "/v1/traces", "headers": [{"name": name, "value": value}]}
    service = {"service": "otlp.example.com", "port": 443, "http": http}
    return {"extensionProviders": [{"name": "t", "opentelemetry": service}]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Api-Token made-up"),
        ("authorization", "Bearer made-up"),
        ("Proxy-Authorization", "Basic bWFkZTp1cA=="),
        ("X-Forwarded-Authorization", "made-up"),
        ("Cookie", "session=made-up"),
        ("Set-Cookie", "session=made-up"),
        ("x-api-key", "made-up-key"),
        ("X-Honeycomb-Team-Key", "made-up-key"),
        ("DD-API-KEY", "made-up-key"),
        ("X-Vault-Token", "made-up-token"),
        ("x-amz-security-token", "made-up-token"),
        ("lightstep-access-token", "made-up-token"),
    ],
)
def test_a_header_with_a_credential_is_refused(configure: Configure, name: str, value: str) -> None:
    """Whatever the scheme; its value is in no message (pulumi-kubernetes#2003)."""
    message = refusal(configure, meshConfig=provider(name, value))

    place = "mesh:meshConfig.extensionProviders[0].opentelemetry.http.headers[0].value"
    assert f"{place}: holds a credential in plain text" in message
    assert "envName" in message
    assert "values.istiod.envVarFrom" in message
    assert value not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-tenant", "made-up"),
        ("x-scope-orgid", "1234567"),
        ("x-request-id", "%REQ(X-REQUEST-ID)%"),
        ("authorization", "%REQ(AUTHORIZATION)%"),
        ("x-b3-sampled", "1"),
    ],
)
def test_another_header_is_taken(configure: Configure, name: str, value: str) -> None:
    """Neither are those that Envoy fills in."""
    configure(meshConfig=json.dumps(provider(name, value)))

    assert config.read_settings().mesh_config


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYWRlLXVwIn0.bWFkZS11cC1zaWduYXR1cmU",
        "AKIA" + "MADEUP0123456789",
        "ghp_" + "madeup0123456789madeup0123456789madeup",
        "glpat-" + "madeup0123456789madeup",
        "AIza" + "madeup0123456789madeup0123456789mad",
        "xoxb-" + "madeup0123456789",
        "https://user:" + "hunter2@traces.example.com",
        "-----BEGIN RSA PRIVATE " + "KEY-----\nbWFkZXVw\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_token_is_known_by_its_form(configure: Configure, token: str) -> None:
    """In a value of a chart, an annotation or a plan: wherever a text may stand."""
    message = refusal(
        configure,
        values={"istiod": {"pilot": {"extraContainerArgs": [f"--given={token}"]}}},
        gateways=[{"annotations": {"example.com/given": token}}],
    )

    assert "mesh:values.istiod.pilot.extraContainerArgs[0]: holds a credential" in message
    assert 'mesh:gateways[0].annotations["example.com/given"]: holds a credential' in message
    assert token not in message


@pytest.mark.parametrize(
    ("env", "is_refused"),
    [
        ({"API_TOKEN": "made-up-token"}, True),
        ({"DB_PASSWORD": "made-up-pass"}, True),
        ({"ENABLE_TOKEN": "true", "TOKEN_SECRET": "/var/run/secret", "X_TOKEN": "24h"}, False),
        ({"PILOT_ENABLE_AMBIENT": "true"}, False),
    ],
)
def test_a_variable_of_istiod_may_hold_no_credential(
    configure: Configure, env: dict[str, str], *, is_refused: bool
) -> None:
    """It comes from a Secret; flags, paths and durations are none, whatever their name."""
    values = json.dumps({"istiod": {"pilot": {"env": env}}})
    configure(values=values)
    if is_refused:
        assert "holds a credential" in refusal(configure, values=json.loads(values))
    else:
        assert config.read_settings().values.istiod


def test_a_value_got_is_shown_without_credentials(configure: Configure) -> None:
    """A mistake elsewhere in the same object prints it."""
    config_of_mesh = provider("Authorization", "Api-Token made-up")
    config_of_mesh["extensionProviders"][0]["opentelemtry"] = config_of_mesh["extensionProviders"][
        0
    ].pop("opentelemetry")

    assert "made-up" not in refusal(configure, meshConfig=config_of_mesh, mtls="loose")
