"""MeshConfig: what istiod would pass over, or drop the whole mesh config for."""

from pathlib import Path
from typing import Any

import pytest

from mesh import fast_yaml
from mesh.validation import mesh_config

PLACE = "meshConfig"


def mistakes(config: dict[str, Any], version: str = "1.30.3") -> list[str]:
    """Check a mesh config as a stack's."""
    return [each.line() for each in mesh_config.conflicts(version, config, (PLACE,))]


@pytest.mark.parametrize(
    ("config", "mistake"),
    [
        (
            {"accesLogFile": "/dev/stdout"},
            ".accesLogFile: no such field in Istio 1.30, did you mean accessLogFile?, "
            "got '/dev/stdout'",
        ),
        # istiod would read this spelling, but the chart's own accessLogFile would be there too.
        ({"access_log_file": "x"}, ".access_log_file: no such field in Istio 1.30, did you mean"),
        ({"enableTracing": "true"}, ".enableTracing: must be true or false, got 'true'"),
        ({"accessLogFile": 1}, ".accessLogFile: must be a string, in quotes: pulumi config set"),
        ({"accessLogEncoding": "Json"}, ".accessLogEncoding: must be one of TEXT, JSON, got 'Json"),
        ({"connectTimeout": "10"}, ".connectTimeout: must be a duration, such as 10s, 1m30s or"),
        ({"connectTimeout": 10}, ".connectTimeout: must be a duration"),
        ({"proxyListenPort": 15001.5}, ".proxyListenPort: must be a whole number of 32 bits"),
        ({"proxyListenPort": True}, ".proxyListenPort: must be a whole number of 32 bits"),
        ({"proxyListenPort": 70000}, ".proxyListenPort: must be a port, 1 to 65535, got 70000"),
        ({"trustDomain": "td_1"}, ".trustDomain: must be a domain name, got 'td_1'"),
        ({"trustDomainAliases": "td"}, ".trustDomainAliases: must be a list, got 'td'"),
        ({"trustDomainAliases": ["a", 2]}, ".trustDomainAliases[1]: must be a string"),
        ({"trustDomainAliases": ["a", "-"]}, ".trustDomainAliases: must be a domain name, got '-'"),
        ({"outboundTrafficPolicy": "ALLOW_ANY"}, ".outboundTrafficPolicy: must be an object"),
        (
            {"outboundTrafficPolicy": {"mode": "REGISTRY"}},
            ".outboundTrafficPolicy.mode: must be one of REGISTRY_ONLY, ALLOW_ANY",
        ),
        (
            {"defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": True}}},
            ".defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE: must be a string, in quotes",
        ),
        (
            {"defaultConfig": {"discoveryAddress": "istiod"}},
            ".defaultConfig.discoveryAddress: must be HOST:PORT, got 'istiod'",
        ),
        (
            {"defaultConfig": {"tracing": {"zipkn": {}}}},
            ".defaultConfig.tracing.zipkn: no such field in Istio 1.30, did you mean zipkin?",
        ),
        (
            {"extensionProviders": [{"name": "otel", "opentelemetry": {"port": "many"}}]},
            ".extensionProviders[0].opentelemetry.port: must be a whole number of 32 bits",
        ),
        (
            {"extensionProviders": [{"name": "a", "zipkin": {}, "skywalking": {}}]},
            ".extensionProviders[0]: only one of envoyExtAuthzHttp,",
        ),
        (
            {"localityLbSetting": {"distribute": [{"from": "a", "to": {"b": 0.5}}]}},
            ".localityLbSetting.distribute[0].to.b: must be a whole number of 32 bits",
        ),
    ],
)
def test_a_mistake_is_named(config: dict[str, Any], mistake: str) -> None:
    """With its whole path, the rule and what is allowed there."""
    (found,) = mistakes(config)

    assert found.startswith(f"{PLACE}{mistake}")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"accessLogFile": "/dev/stdout", "accessLogEncoding": "JSON", "enableTracing": True},
        {"connectTimeout": "1m30.5s", "protocolDetectionTimeout": "0", "proxyListenPort": "15001"},
        {"defaultConfig": {"concurrency": 0, "holdApplicationUntilProxyStarts": True}},
        {"defaultConfig": {"discoveryAddress": "[::1]:15012", "proxyMetadata": {"A": "1"}}},
        {"trustDomain": "cluster.local.", "accessLogFile": None},
        {"extensionProviders": [{"name": "j", "opentelemetry": {"service": "s", "port": 4317}}]},
        {
            "extensionProviders": [
                {"name": "j", "envoyFileAccessLog": {"logFormat": {"labels": {}}}}
            ]
        },
        {"localityLbSetting": {"distribute": [{"from": "a/*", "to": {"a/*": 80, "b/*": 20}}]}},
    ],
)
def test_what_istiod_takes_is_taken(config: dict[str, Any]) -> None:
    """The rules are istiod's own, no stricter: it reads Go's durations and quoted numbers."""
    assert mistakes(config) == []


def test_all_mistakes_are_found() -> None:
    """Not the first of each level."""
    found = mistakes({"a": 1, "defaultConfig": {"b": 1, "concurrency": "x"}, "enableTracing": 0})

    assert len(found) == 4


def test_a_field_is_known_from_its_version_on() -> None:
    """Each minor version has its own table."""
    config = {"serviceEntryVisibility": {"defaultVisibility": "PUBLIC"}}

    assert mistakes(config, "1.31.1") == []
    assert "no such field in Istio 1.30" in mistakes(config, "1.30.3")[0]


@pytest.mark.parametrize(
    ("version", "table"),
    [("1.29.3", "1.29"), ("1.30.0", "1.30"), ("1.99.0", "1.32"), ("1.9.0", "1.29")],
)
def test_a_version_without_a_table_gets_the_nearest(version: str, table: str) -> None:
    """The newest older one: an API only grows. The message says which it was."""
    assert mesh_config.fields(version).minor == table
    assert f"in Istio {table}," in mistakes({"accesLogFile": ""}, version)[0]


@pytest.mark.parametrize("file", sorted(mesh_config.FIELDS.glob("*.json")), ids=lambda f: f.stem)
def test_every_kind_of_a_table_can_be_checked(file: Path) -> None:
    """A newer API with a new kind of field fails here, and not on somebody's stack."""
    api = mesh_config.fields(f"{file.stem}.0")

    kinds = {kind.strip("[]{}") for fields in api.messages.values() for kind in fields.values()}
    assert kinds <= {*api.messages, *api.enums, *mesh_config.SCALARS}
    assert mesh_config.ROOT in api.messages
    for rule in mesh_config.RULES:
        assert rule.field in (None, *api.messages[rule.message])


def test_the_releases_own_mesh_configs_are_fine(release_dir: Path) -> None:
    """What its charts and profiles set is valid: the tables know at least that."""
    chart = release_dir / "manifests/charts/istio-control/istio-discovery"
    profiles = [fast_yaml.load(f.read_bytes()) or {} for f in chart.glob("files/profile-*.yaml")]
    configs = [profile["meshConfig"] for profile in profiles if "meshConfig" in profile]

    assert len(configs) >= 3
    for config in configs:
        assert mistakes(config) == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("concurrency: 2", None),
        ("concurency: 2", ".concurency: no such field in Istio 1.30, did you mean concurrency?"),
        ("concurrency: many", ".concurrency: must be a whole number of 32 bits"),
        ("just text", ": must be an object, got 'just text'"),
        ("{", ": must be an object, got '{'"),
    ],
)
def test_a_proxys_own_config_in_an_annotation_is_checked(text: str, mistake: str | None) -> None:
    """It is a ProxyConfig as YAML, wherever raw values have the annotation."""
    values = {"podAnnotations": {"proxy.istio.io/config": text}}

    found = mesh_config.annotation_conflicts("1.30.3", values, ("values", "istiod"))

    lines = [each.line() for each in found]
    place = 'values.istiod.podAnnotations["proxy.istio.io/config"]'
    assert lines == [] if mistake is None else lines[0].startswith(f"{place}{mistake}")
