"""The rules about MeshConfig, compared with Istio's own: istioctl reads one just as istiod does."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.validation import mesh_config
from sandbox import toolchain
from sandbox.programs import ISTIO
from scripts import mesh_config_fields

CASES = """
- connectTimeout: 1h
- connectTimeout: 1h1ms
- connectTimeout: 0s
- connectTimeout: -1s
- connectTimeout: 1.5ms
- connectTimeout: .5s
- protocolDetectionTimeout: 0s
- protocolDetectionTimeout: 100us
- proxyListenPort: 0
- proxyListenPort: 65535
- trustDomain: a.1
- trustDomain: ""
- trustDomain: a..b
- trustDomainAliases: [a, b_c]
- meshMTLS: {minProtocolVersion: TLSV1_3}
- meshMTLS: {ecdhCurves: [P-256]}
- tlsDefaults: {ecdhCurves: [P-256, X]}
- serviceSettings: [{hosts: ["*", "*.example.com", "*-a.example.com"]}]
- serviceSettings: [{hosts: ["a.*.com"]}]
- serviceSettings: [{hosts: ["a.123"]}]
- serviceSettings: [{hosts: [""]}]
- extensionProviders: [{name: "", zipkin: {service: "_", port: 0}}]
- defaultConfig: {configPath: ""}
- defaultConfig: {binaryPath: ""}
- defaultConfig: {serviceCluster: ""}
- defaultConfig: {tracingServiceName: APP_LABEL_AND_NAMESPACE}
- defaultConfig: {drainDuration: 1s}
- defaultConfig: {drainDuration: 0s}
- defaultConfig: {drainDuration: 1500ms}
- defaultConfig: {terminationDrainDuration: 1.5ms}
- defaultConfig: {proxyAdminPort: 0}
- defaultConfig: {statusPort: 70000}
- defaultConfig: {concurrency: -1}
- defaultConfig: {discoveryAddress: "istiod:15012"}
- defaultConfig: {discoveryAddress: ""}
- defaultConfig: {discoveryAddress: "[::1]:15012"}
- defaultConfig: {discoveryAddress: "::1:15012"}
- defaultConfig: {discoveryAddress: "istiod.1:15012"}
- defaultConfig: {discoveryAddress: "10.0.0.300:15012"}
- defaultConfig: {discoveryAddress: "a..b:15012"}
- defaultConfig: {discoveryAddress: "istiod:0"}
- defaultConfig: {statsdUdpAddress: ""}
- defaultConfig: {statsdUdpAddress: "a"}
- defaultConfig: {envoyMetricsServiceAddress: "a"}
- defaultConfig: {envoyMetricsService: {}}
- defaultConfig: {envoyMetricsService: {address: "a"}}
- defaultConfig: {envoyAccessLogService: {address: "a:1"}}
- defaultConfig: {envoyAccessLogService: {address: "a:1", tlsSettings: {mode: MUTUAL}}}
- defaultConfig: {controlPlaneAuthPolicy: NONE}
- defaultConfig: {controlPlaneAuthPolicy: INHERIT}
- defaultConfig: {tracing: {sampling: 200}}
- defaultConfig: {tracing: {zipkin: {}}}
- defaultConfig: {tracing: {zipkin: {address: "$(HOST_IP):9411"}}}
- defaultConfig: {tracing: {datadog: {address: "datadog"}}}
- defaultConfig: {tracing: {lightstep: {address: "a:1"}}}
- defaultConfig: {tracing: {lightstep: {address: "a:1", accessToken: t}}}
- defaultConfig: {tracing: {openCensusAgent: {}}}
- defaultConfig: {tracing: {customTags: {a: {literal: {value: b}}, c: {}}}}
- defaultConfig: {tracing: {tlsSettings: {mode: SIMPLE}}}
- defaultConfig: {tracing: {tlsSettings: {mode: MUTUAL, clientCertificate: a}}}
- defaultConfig: {tracing: {tlsSettings: {mode: MUTUAL, credentialName: a}}}
- defaultConfig: {tracing: {tlsSettings: {mode: SIMPLE, credentialName: a, caCertificates: b}}}
- defaultConfig: {tracing: {tlsSettings: {mode: DISABLE, credentialName: a, caCertificates: b}}}
- defaultConfig: {tracing: {tlsSettings: {mode: SIMPLE, insecureSkipVerify: true, caCrl: a}}}
- defaultConfig: {tracing: {tlsSettings: {mode: SIMPLE, insecureSkipVerify: true, sni: a}}}
- defaultConfig:
    tracing: {tlsSettings: {mode: MUTUAL, insecureSkipVerify: true, credentialName: a}}
- defaultConfig:
    tracing: {tlsSettings: {mode: SIMPLE, insecureSkipVerify: true, credentialName: a}}
- defaultConfig: {privateKeyProvider: {}}
- defaultConfig: {privateKeyProvider: {cryptomb: {}}}
- defaultConfig: {privateKeyProvider: {cryptomb: {pollDelay: 0s}}}
- defaultConfig: {privateKeyProvider: {qat: {pollDelay: 1us}}}
- localityLbSetting: {distribute: [{from: a, to: {a: 80, b: 20}}]}
- localityLbSetting: {distribute: [{from: a, to: {a: 80, b: 10}}]}
- localityLbSetting: {distribute: [{from: a, to: {a: 100, b: 0}}]}
- localityLbSetting: {distribute: [{from: a}]}
# Not tried: localities of one "to" that overlap. Istio goes through that map in an order that
# changes from run to run, and finds some overlaps in one order only.
- localityLbSetting: {distribute: [{from: a/b, to: {a: 100}}, {from: a/*, to: {a: 100}}]}
- localityLbSetting: {distribute: [{from: a/*, to: {a: 100}}, {from: a/b, to: {a: 100}}]}
- localityLbSetting: {distribute: [{from: a/b/c, to: {a: 100}}, {from: a/b/d, to: {a: 100}}]}
- localityLbSetting: {distribute: [{from: a/b, to: {a: 100}}, {from: a, to: {a: 100}}]}
- localityLbSetting: {distribute: [{from: a//c, to: {a: 100}}]}
- localityLbSetting: {distribute: [{from: "*/b", to: {a: 100}}]}
- localityLbSetting: {distribute: [{from: a, to: {a: 100}}], failover: [{from: a, to: b}]}
- localityLbSetting: {failover: [{from: a, to: b}]}
- localityLbSetting: {failover: [{from: a, to: a}]}
- localityLbSetting: {failover: [{from: a/b, to: c}]}
- localityLbSetting: {failover: [{from: a, to: "*"}]}
- localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: [x]}
- localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: [topology.istio.io/subzone]}
- localityLbSetting: {failoverPriority: [topology.istio.io/subzone], distribute: null}
"""


@pytest.fixture(scope="module")
def istioctl() -> Path:
    """Find the istioctl of the sandbox, which is one of 1.30."""
    return toolchain.ensure((ISTIO,))["istioctl"]


def refusal(istioctl: Path, config: dict[str, Any], folder: Path) -> str:
    """Return what Istio says against a mesh config, or nothing."""
    files = {
        "--meshConfigFile": yaml.safe_dump(config),
        "--injectConfigFile": "templates: {sidecar: 'spec: {}'}",
        "--valuesFile": "{}",
        "--filename": "{apiVersion: v1, kind: Service, metadata: {name: a}}",
    }
    options = []
    for option, text in files.items():
        (folder / option).write_text(text)
        options += [option, str(folder / option)]
    answer = subprocess.run(
        [istioctl, "kube-inject", "--revision", "default", *options],
        env={"HOME": str(folder), "KUBECONFIG": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return answer.stderr if answer.returncode else ""


@pytest.mark.parametrize("config", yaml.safe_load(CASES), ids=str)
def test_a_mesh_config_is_refused_when_istio_does(
    istioctl: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    """No config that istiod would drop passes, and none that it takes is refused."""
    ours = mesh_config.conflicts("1.30.3", config, ("meshConfig",))

    theirs = refusal(istioctl, config, tmp_path)
    assert bool(ours) == bool(theirs), theirs or ours


def test_each_table_is_that_of_the_version_it_names() -> None:
    """A version that was changed by hand, or by Renovate, needs the table made again."""
    with mesh_config_fields.compiler() as protoc:
        for file, version in mesh_config_fields.versions().items():
            assert mesh_config_fields.make(version, protoc) == file.read_text(), (
                "run venv/bin/python -m scripts.mesh_config_fields"
            )
