"""What a stack sets reaches the cluster; a mistake in it, and a secret of it, nothing else."""

import base64
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from .checkout import PROJECT, Checkout
from .istiod import eventually

ACCOUNT = {
    'registryCredentials["registry.example.com"].username': "mesh",
    'registryCredentials["registry.example.com"].password': "correct horse battery staple",
}


@dataclass(frozen=True)
class Sized:
    """A checkout whose stack is the example, with secrets; and all that was said on the way."""

    checkout: Checkout
    authority: dict[str, str]
    """The mesh's CA, by the names of its files."""
    said: list[str]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make a root and, signed by it, the CA of a mesh, as a platform team does by hand."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a CA with")
    folder = tmp_path_factory.mktemp("ca")
    options = "-nodes -newkey rsa:2048 -days 2 -addext basicConstraints=critical,CA:true"
    root = "-keyout root-key.pem -out root-cert.pem -subj /CN=root"
    own = "-keyout ca-key.pem -out ca-cert.pem -subj /CN=mesh -CA root-cert.pem -CAkey root-key.pem"
    for files in (root, own):
        words = ["openssl", "req", "-x509", *options.split(), *files.split()]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    made = {name: (folder / name).read_text() for name in ("ca-cert.pem", "ca-key.pem")}
    root_cert = (folder / "root-cert.pem").read_text()
    chain = made["ca-cert.pem"] + root_cert
    return {**made, "cert-chain.pem": chain, "root-cert.pem": root_cert}


@pytest.fixture(scope="module")
def sized(checkout: Checkout, first_up: str, authority: dict[str, str]) -> Iterator[Sized]:
    """Bring the stack to the example's settings and back; Bookinfo's pods stay as they are."""
    assert first_up
    secrets = {**ACCOUNT, **{f'cacerts["{name}"]': pem for name, pem in authority.items()}}
    example = yaml.safe_load((PROJECT / "examples" / "Pulumi.sized.yaml").read_text())["config"]
    with checkout.configured(**{key.removeprefix("mesh:"): v for key, v in example.items()}):
        lines = [
            f"pulumi config set --secret --path {shlex.quote(path)} -- {shlex.quote(value)}"
            for path, value in secrets.items()
        ]
        checkout.shell("\n".join(lines))
        said = [
            checkout.mesh("preview", "--", "--json"),
            checkout.mesh("preview", "--", "--diff"),
            checkout.mesh("up", "--", "--diff"),
        ]
        yield Sized(checkout, authority, said)
    checkout.mesh("up")
    _has_a_ca_of_its_own(checkout, authority)


def _has_a_ca_of_its_own(checkout: Checkout, authority: dict[str, str]) -> None:
    """See that istiod no longer uses the stack's CA, and restart those who trusted it."""

    def root() -> str:
        name = ("istio-ca-root-cert", "-n", "istio-system")
        return checkout.kubectl("get", "configmap", *name)["data"]["root-cert.pem"]

    eventually(lambda: root() != authority["root-cert.pem"])
    assert checkout.changes() == {"istio-cacerts": "delete"}, "emptied before istiod restarted"
    checkout.mesh("up")
    for namespace in ("istio-system", "bookinfo"):
        checkout.shell(
            f"kubectl rollout restart deployment -n {namespace}; "
            f"kubectl rollout status deployment -n {namespace} --timeout 60s"
        )


def test_raw_values_size_the_control_plane(sized: Sized) -> None:
    """Replicas, resources, nodes and disruption budget are istiod's chart's own values."""
    kubectl = sized.checkout.kubectl
    istiod = kubectl("get", "deployment", "istiod", "-n", "istio-system")["spec"]
    pod = istiod["template"]["spec"]
    scaler = kubectl("get", "hpa", "istiod", "-n", "istio-system")["spec"]
    budget = kubectl("get", "pdb", "istiod", "-n", "istio-system")["spec"]

    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    assert pod["nodeSelector"]["kubernetes.io/os"] == "linux"
    assert {"key": "mesh", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "4Gi"}
    assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert (budget.get("minAvailable"), budget["maxUnavailable"]) == (None, 1)


def test_what_the_stack_set_is_stable(sized: Sized) -> None:
    """The scaler's replicas are no drift, and neither are the secrets."""
    assert sized.checkout.changes("--refresh") == {}


def test_secrets_reach_the_cluster(sized: Sized) -> None:
    """The account where pods of Istio are, the CA where istiod looks for it."""
    kubectl = sized.checkout.kubectl

    for namespace in ("istio-system", "bookinfo"):
        secret = kubectl("get", "secret", "istio-registry", "-n", namespace)
        auths = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
        assert auths["registry.example.com"]["password"] == "correct horse battery staple"  # noqa: S105
    account = kubectl("get", "serviceaccount", "istiod", "-n", "istio-system")
    assert {"name": "istio-registry"} in account["imagePullSecrets"]
    made = kubectl("get", "secret", "cacerts", "-n", "istio-system")["data"]
    assert {name: base64.b64decode(pem).decode() for name, pem in made.items()} == sized.authority


def test_the_mesh_trusts_its_ca(sized: Sized) -> None:
    """What istiod tells the pods of every namespace to trust is the root of the stack's CA."""

    def root() -> str:
        name = ("istio-ca-root-cert", "-n", "bookinfo")
        return sized.checkout.kubectl("get", "configmap", *name)["data"]["root-cert.pem"]

    eventually(lambda: root() == sized.authority["root-cert.pem"])


def test_secrets_are_nowhere_in_plain_text(sized: Sized) -> None:
    """Not in the stack's file, the state, a preview or what `up` prints; nor as base64."""
    data = [
        text
        for name, namespace in (("istio-registry", "bookinfo"), ("cacerts", "istio-system"))
        for text in sized.checkout.kubectl("get", "secret", name, "-n", namespace)["data"].values()
    ]
    key = [*sized.authority["ca-key.pem"].splitlines()[:-1], *data]
    state = json.dumps(sized.checkout.state())
    file = (sized.checkout.folder / "Pulumi.dev.yaml").read_text()

    assert "istio-registry" in state
    assert "secure:" in file
    for text in (*sized.said, state, file):
        assert [needle for needle in ("battery staple", *key) if needle in text] == []


def test_all_mistakes_are_one_message(scratch: Checkout) -> None:
    """Of the settings, the chart's values and the mesh config, before anything is rendered."""
    with scratch.configured(
        bookinfoNamspace="x",
        profile="dmo",
        meshConfig={"defaultConfig": {"concurency": 2}},
        values={"istiod": {"pilot": {"autoscaleMim": 2}}},
    ):
        said = scratch.fails("preview")

    assert "the config of stack dev has 4 mistakes" in said
    for mistake in (
        "mesh:bookinfoNamspace: no such setting, did you mean bookinfoNamespace?",
        "mesh:profile: no such one in the release, which has ambient, demo, preview, stable",
        "mesh:meshConfig.defaultConfig.concurency: no such field in Istio 1.30, did you mean "
        "concurrency?",
        "mesh:values.istiod.pilot.autoscaleMim: no such value in the chart istiod, did you mean "
        "autoscaleMin?",
    ):
        assert f"  - {mistake}" in said


def test_a_secret_in_plain_text_is_refused(scratch: Checkout) -> None:
    """And the refusal doesn't print it."""
    account = {"username": "mesh", "password": "correct horse battery staple"}
    with scratch.configured(registryCredentials={"registry.example.com": account}):
        said = scratch.fails("preview")

    assert "mesh:registryCredentials: must be set with --secret" in said
    assert "battery staple" not in said
