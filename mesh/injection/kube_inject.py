"""Manual injection: sidecars rendered by istioctl, from the configuration of the stack's istiod."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.helm.v3 import Chart

from mesh import fast_yaml
from mesh.istio.release import Release
from mesh.kubernetes import apis

Manifest = dict[str, Any]

NATIVE_SIDECARS = "ENABLE_NATIVE_SIDECARS"
NATIVE_SINCE = (1, 33)
"""The first Kubernetes version for which istiod uses native sidecars by default.

A native sidecar is an init container that keeps running. istiod reads the version from the nodes;
here it is the stack's kubeVersion.
"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Injection configuration of an istiod, as its chart renders it."""

    mesh: str
    templates: str
    values: str
    """Chart values as JSON; empty before Istio 1.1, where the templates need none."""

    @classmethod
    def of(cls, mesh: Mapping[str, str], injector: Mapping[str, str]) -> "Config":
        """Read it from the data of the ConfigMaps `istio` and `istio-sidecar-injector`."""
        values = injector.get("values", "")
        return cls(mesh=mesh["mesh"], templates=injector["config"], values=values)

    @property
    def native_sidecars(self) -> str:
        """The value in istiod's own environment: true, false or auto."""
        environment = json.loads(self.values or "{}").get("pilot", {}).get("env") or {}
        return str(environment.get(NATIVE_SIDECARS, "auto")).lower()


@dataclass(frozen=True, kw_only=True)
class Injector:
    """Manual injector: adds to Deployments the sidecar that istiod's webhook adds to pods.

    It doesn't ask the cluster.
    """

    release: Release
    kube_version: str
    revision: str | None
    config: Callable[[], pulumi.Output[Config]]
    """Function that reads the configuration when it is needed: a chart may render no injector."""

    def inject(self, deployments: Mapping[str, Manifest]) -> pulumi.Output[dict[str, Manifest]]:
        """Return the Deployments with their sidecars, under the same keys."""
        istioctl = find_istioctl(self.release)
        return self.config().apply(
            lambda config: kube_inject(
                istioctl,
                config,
                deployments,
                revision=self.revision,
                kube_version=self.kube_version,
            )
        )


def injector(
    istiod: Chart,
    *,
    release: Release,
    namespace: str,
    kube_version: str,
    revision: str | None = None,
) -> Injector:
    """Return an injector that reads its config from the ConfigMaps of an istiod's chart."""

    def data(name: str) -> pulumi.Output[Mapping[str, str]]:
        full_name = f"{name}-{revision}" if revision else name
        found = istiod.get_resource("v1/ConfigMap", full_name, namespace)
        return cast("pulumi.Output[ConfigMap]", found).apply(lambda live: live.data)

    def config() -> pulumi.Output[Config]:
        return pulumi.Output.all(data("istio"), data("istio-sidecar-injector")).apply(
            lambda both: Config.of(*both)
        )

    return Injector(release=release, kube_version=kube_version, revision=revision, config=config)


def find_istioctl(
    release: Release,
    *,
    path: str | None = None,
    who: str = "injection manual",
    instead: str = "let istiod inject: pulumi config set injection auto; on a sandbox "
    '`make preview` gets it, and plain pulumi finds it after another eval "$(make -s env)"',
) -> Path:
    """Find the istioctl of the release's minor version: its own, else the one on PATH.

    Args:
        release: The release that it must match.
        path: The folders to search, in PATH's format; None = those of PATH.
        who: The feature that needs istioctl, for error messages.
        instead: The alternative to istioctl, for error messages.

    """
    minor = release.version.rpartition(".")[0]
    remedy = f"put that of the release there, or one of {minor} on PATH, or {instead}"
    on_path = shutil.which("istioctl", path=path)
    if release.istioctl.is_file():
        program = release.istioctl
    elif on_path:
        program = Path(on_path)
    else:
        raise pulumi.RunError(
            f"{who} needs istioctl {minor}, and there is none: neither "
            f"{release.istioctl} nor on PATH; {remedy}"
        )
    answer = subprocess.run(
        [program, *release.layout.istioctl_version],
        capture_output=True,
        text=True,
        check=False,
    )
    version = re.search(r"\d+\.\d+\S*", answer.stdout)
    if version is None or apis.minor(version[0]) != apis.minor(minor):
        raise pulumi.RunError(
            f"{who} needs istioctl {minor}, and {program} is "
            f"{version[0] if version else 'of no version that it would tell'}; {remedy}"
        )
    return program


def kube_inject(
    istioctl: Path,
    config: Config,
    deployments: Mapping[str, Manifest],
    *,
    revision: str | None,
    kube_version: str,
) -> dict[str, Manifest]:
    """Return the Deployments with their sidecars. Raises pulumi.RunError when istioctl fails."""
    native = config.native_sidecars
    if native == "auto":
        native = str(apis.minor(kube_version) >= NATIVE_SINCE).lower()
    with tempfile.TemporaryDirectory(prefix="kube-inject-") as folder:
        options = []
        given = {"--meshConfigFile": config.mesh, "--injectConfigFile": config.templates}
        if config.values:
            given["--valuesFile"] = config.values
        for option, text in given.items():
            file = Path(folder, option)
            file.write_text(text)
            options += [option, str(file)]
        answer = subprocess.run(
            [
                *(istioctl, "kube-inject", *options),
                *(("--revision", revision or "default") if config.values else ()),
                *("--filename", "-"),
            ],
            input="\n---\n".join(json.dumps(as_admitted(m)) for m in deployments.values()),
            # Neither the user's own settings of istioctl nor any cluster have an effect.
            env={"HOME": folder, "KUBECONFIG": os.devnull, NATIVE_SIDECARS: native},
            capture_output=True,
            text=True,
            check=False,
        )
    if answer.returncode:
        raise pulumi.RunError(
            f"injection manual: {istioctl} kube-inject failed: {answer.stderr.strip()}; it was "
            "given what the istiod chart renders: look into meshConfig and the chart's values, "
            "or let istiod inject: pulumi config set injection auto"
        )
    injected = (document for document in fast_yaml.load_all(answer.stdout) if document)
    return {
        key: {**manifest, "spec": {**manifest["spec"], "template": _template(found)}}
        for (key, manifest), found in zip(deployments.items(), injected, strict=True)
    }


def as_admitted(deployment: Manifest) -> Manifest:
    """Fill in the API server's defaults that the injection template reads.

    An API server sets them before it calls webhooks; the proxy is configured with the ports and
    probes of the pod's other containers.
    """
    filled = json.loads(json.dumps(deployment))
    for container in filled["spec"]["template"]["spec"]["containers"]:
        container["resources"] = container.get("resources") or {}
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")
        for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
            if probe := container.get(kind):
                probe.setdefault("timeoutSeconds", 1)
                if "httpGet" in probe:
                    probe["httpGet"].setdefault("scheme", "HTTP")
    return filled


def _template(deployment: Manifest) -> Manifest:
    """Return the pod template without the nulls that istioctl writes for unset fields."""
    return without_nulls(deployment["spec"]["template"])


def without_nulls(value: Any) -> Any:
    """Drop null values: for Kubernetes they are the same as absent ones."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
