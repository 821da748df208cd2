"""Manual injection: which istioctl, what it is given, and what becomes of what it prints."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh.injection import kube_inject
from mesh.injection.kube_inject import Config
from mesh.istio.release import LAYOUTS, Release
from tests.fakes.engine import RecordingEngine

# Prints its version, or each Deployment back with a container more, which holds what it was given.
ISTIOCTL = r"""#!{python}
import json, os, sys

if sys.argv[1] == "version":
    print({version!r})
    sys.exit()
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
given |= {{option: open(file).read() for option, file in given.items() if "File" in option}}
print("to stderr", file=sys.stderr)
for document in sys.stdin.read().split("\n---\n"):
    deployment = json.loads(document)
    template = deployment["spec"]["template"]
    template["metadata"]["creationTimestamp"] = None
    proxy = {{"name": "istio-proxy", "image": "proxyv2", "given": given}}
    proxy["environment"] = dict(os.environ)
    template["spec"]["containers"].append(proxy)
    print(json.dumps({{**deployment, "status": {{}}}}) + "\n---")
sys.exit({code})
"""


def write_istioctl(file: Path, version: str, code: int = 0) -> Path:
    """Write a program that answers as istioctl does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(ISTIOCTL.format(python=sys.executable, version=version, code=code))
    file.chmod(0o755)
    return file


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where an istioctl would be on PATH, which holds nothing yet."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path / "path" / "istioctl"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Return a release whose folder holds nothing yet."""
    return Release(version="1.30.3", folder=tmp_path / "release", layout=LAYOUTS[0])


def test_the_releases_own_istioctl_comes_first(release: Release, on_path: Path) -> None:
    """It is of the very version; one on PATH is another's choice."""
    write_istioctl(on_path, "1.30.0")
    assert kube_inject.find_istioctl(release) == on_path

    own = write_istioctl(release.folder / "bin" / "istioctl", "1.30.3")
    assert kube_inject.find_istioctl(release) == own


def test_a_missing_istioctl_is_one_message(release: Release, on_path: Path) -> None:
    """It names the version, both places, and the way that needs none."""
    with pytest.raises(pulumi.RunError) as caught:
        kube_inject.find_istioctl(release)

    assert not on_path.exists()
    assert "needs istioctl 1.30, and there is none" in str(caught.value)
    assert "`make preview`" in str(caught.value)
    assert str(caught.value).endswith('eval "$(make -s env)"')
    assert f"{release.folder}/bin/istioctl" in str(caught.value)
    assert "pulumi config set injection auto" in str(caught.value)


@pytest.mark.parametrize("version", ["1.29.3", "2.30.3", "1.3.30"])
def test_an_istioctl_of_another_minor_is_refused(
    release: Release, on_path: Path, version: str
) -> None:
    """It would render the release's templates with functions of another."""
    write_istioctl(on_path, version)

    with pytest.raises(pulumi.RunError, match=rf"istioctl 1.30, and {on_path} is {version}"):
        kube_inject.find_istioctl(release)


@pytest.mark.parametrize("version", ["1.30.3", "1.30.9", "1.30-9739e10eb9d7", "client: 1.30.0"])
def test_any_patch_of_the_minor_will_do(release: Release, on_path: Path, version: str) -> None:
    """The templates come from the release; a build from the branch names no patch."""
    write_istioctl(on_path, version)

    assert kube_inject.find_istioctl(release) == on_path


@pytest.fixture(scope="module")
def proxies(
    run_program: Callable[..., RecordingEngine], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Deploy with manual injection, and return what was added to each Deployment."""
    folder = tmp_path_factory.mktemp("path")
    write_istioctl(folder / "istioctl", "1.30.3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        engine = run_program(injection="manual")
    return {
        name: engine.inputs(name)["spec"]["template"]["spec"]["containers"][-1]
        for name in engine.requests
        if name.startswith("Deployment/bookinfo-")
    }


def test_every_deployment_gets_its_own_sidecar(proxies: dict[str, dict[str, Any]]) -> None:
    """Six, each with the proxy behind its own container."""
    assert len(proxies) == 6
    assert {proxy["name"] for proxy in proxies.values()} == {"istio-proxy"}


def test_istioctl_gets_what_the_chart_renders(proxies: dict[str, dict[str, Any]]) -> None:
    """Mesh config, templates and values out of the chart's own ConfigMaps, and the revision."""
    given = proxies["Deployment/bookinfo-reviews-v1"]["given"]

    assert given["--meshConfigFile"] == "trustDomain: cluster.local"
    assert given["--injectConfigFile"] == "defaultTemplates: [sidecar]"
    assert given["--valuesFile"] == "{}"
    assert given["--revision"] == "default"


def test_istioctl_asks_no_cluster(proxies: dict[str, dict[str, Any]]) -> None:
    """Neither a kubeconfig nor anything else of the person's shell reaches it."""
    environment = proxies["Deployment/bookinfo-reviews-v1"]["environment"]

    assert environment.keys() - {"LC_CTYPE"} == {"HOME", "KUBECONFIG", "ENABLE_NATIVE_SIDECARS"}
    assert environment["KUBECONFIG"] == "/dev/null"
    assert not Path(environment["HOME"]).exists()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "auto"), ({"ENABLE_NATIVE_SIDECARS": "false"}, "false"), (None, "auto")],
)
def test_istiods_own_environment_decides_on_native_sidecars(
    environment: dict[str, str] | None, expected: str
) -> None:
    """As it does for the sidecars that istiod injects."""
    values = json.dumps({"pilot": {"env": environment}})

    assert Config(mesh="", templates="", values=values).native_sidecars == expected


def inject(istioctl: Path, kube_version: str = "1.36.0") -> dict[str, Any]:
    """Inject into one Deployment and return what became of it."""
    deployment = {
        "metadata": {"name": "details-v1"},
        "spec": {"replicas": 1, "template": {"metadata": {}, "spec": {"containers": []}}},
    }
    return kube_inject.kube_inject(
        istioctl,
        Config(mesh="", templates="", values="{}"),
        {"details": deployment},
        revision="canary",
        kube_version=kube_version,
    )["details"]


@pytest.mark.parametrize(("kube_version", "native"), [("1.32.9", "false"), ("1.33.0", "true")])
def test_the_kubernetes_version_decides_on_native_sidecars(
    on_path: Path, kube_version: str, native: str
) -> None:
    """From 1.33 on istiod makes them native by itself."""
    injected = inject(write_istioctl(on_path, "1.30.3"), kube_version)

    (proxy,) = injected["spec"]["template"]["spec"]["containers"]
    assert proxy["environment"]["ENABLE_NATIVE_SIDECARS"] == native
    assert proxy["given"]["--revision"] == "canary"


def test_nothing_but_the_pods_template_changes(on_path: Path) -> None:
    """What istioctl adds around it, such as an empty status, is no wish of the stack."""
    injected = inject(write_istioctl(on_path, "1.30.3"))

    assert injected.keys() == {"metadata", "spec"}
    assert injected["spec"].keys() == {"replicas", "template"}
    assert injected["spec"]["template"]["metadata"] == {}


def test_a_failing_istioctl_is_one_message(on_path: Path) -> None:
    """What it said, and where the cause may lie."""
    write_istioctl(on_path, "1.30.3", code=1)

    with pytest.raises(pulumi.RunError, match=r"kube-inject failed: to stderr; .* look into"):
        inject(on_path)


def test_ports_and_probes_are_as_the_api_server_would_have_them() -> None:
    """The webhook sees a pod with its defaults; the template copies ports and probes from it."""
    container = {
        "name": "details",
        "ports": [{"containerPort": 9080}, {"containerPort": 53, "protocol": "UDP"}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 9080}},
    }
    deployment = {"spec": {"template": {"spec": {"containers": [container]}}}}

    admitted = kube_inject.as_admitted(deployment)

    (filled,) = admitted["spec"]["template"]["spec"]["containers"]
    assert [port["protocol"] for port in filled["ports"]] == ["TCP", "UDP"]
    assert filled["readinessProbe"] == {
        "timeoutSeconds": 1,
        "httpGet": {"path": "/health", "port": 9080, "scheme": "HTTP"},
    }
    assert "protocol" not in container["ports"][0]
