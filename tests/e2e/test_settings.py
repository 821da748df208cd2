"""What a stack sets reaches the cluster; a mistake in it, and a secret of it, nothing else."""

import base64
import json
import shlex
import shutil
import subprocess
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from meshctl.pull_request import changes, comment
from traffic import certificates

from .checkout import PROJECT, Checkout
from .istiod import eventually

PASSWORD, DATABASE_PASSWORD = "correct horse battery staple", "a-plain-word-for-mongodb"
OF_CLUSTER = {"etcd", "istiod"}
"""Folders of a sandbox that hold Secrets as every cluster does: its store, and a pod's volumes."""
HOST = "shop.example.com"
SECRETS = {
    'registryCredentials["registry.example.com"].username': "mesh",
    'registryCredentials["registry.example.com"].password': PASSWORD,
    "bookinfoMongodbPassword": DATABASE_PASSWORD,
}
DATABASE = {
    "bookinfoRatings": "mongodb",
    "bookinfoDatabase": {"host": "mongo.example.com", "user": "reader"},
}
GATEWAY = {
    "ports": [
        {"name": "http2", "port": 80},
        {"name": "https", "port": 443, "tls": {"credentialName": "shop"}},
    ]
}


@dataclass(frozen=True)
class Sized:
    """A checkout whose stack is the example, with secrets; and all that was said on the way."""

    checkout: Checkout
    authority: dict[str, str]
    """The mesh's CA, by the names of its files."""
    said: list[str]
    key: str
    """The key of the gateway's certificate."""
    seen: set[str]
    """Secrets that were seen while commands ran, each with its place."""


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
def sized(
    checkout: Checkout,
    first_up: str,
    authority: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sized]:
    """Bring the stack to the example's settings and back; Bookinfo's pods stay as they are."""
    assert first_up
    pair = certificates.make(HOST)
    secrets = {
        **SECRETS,
        **{f'cacerts["{name}"]': pem for name, pem in authority.items()},
        **{f'gatewayCertificates.shop["{name}"]': pem for name, pem in pair.secret.items()},
    }
    needles = _needles(authority["ca-key.pem"], pair.key)
    folder = tmp_path_factory.mktemp("temporary")
    example = yaml.safe_load((PROJECT / "examples" / "Pulumi.sized.yaml").read_text())["config"]
    settings = {key.removeprefix("mesh:"): value for key, value in example.items()}
    settings |= {**DATABASE, "bookinfoHost": HOST, "gateways": [GATEWAY]}
    with checkout.configured(**settings):
        lines = [
            f"pulumi config set --secret --path {shlex.quote(path)} -- {shlex.quote(value)}"
            for path, value in secrets.items()
        ]
        checkout.shell("\n".join(lines))
        with _witnessed(folder, needles) as seen:
            said = [
                checkout.mesh(*words, TMPDIR=str(folder))
                for words in (
                    ("preview", "--", "--json"),
                    ("preview", "--", "--diff"),
                    ("up", "--", "--diff"),
                    ("report", "report.html"),
                )
            ]
        yield Sized(checkout, authority, said, pair.key, seen)
    checkout.mesh("up")
    _has_a_ca_of_its_own(checkout, authority)


def _needles(*keys: str) -> list[str]:
    """Return parts of the secrets by which they are found; of a key, its lines of base64."""
    lines = [line for key in keys for line in key.splitlines() if not line.startswith("---")]
    return [PASSWORD, DATABASE_PASSWORD, *(line for line in lines if len(line) > 20)]


@contextmanager
def _witnessed(folder: Path, needles: Iterable[str]) -> Generator[set[str]]:
    """Collect the secrets that are in temporary files or arguments while the block runs."""
    seen: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            texts = list(_files(folder))
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    texts.append((f"arguments of {process.name()}", " ".join(process.cmdline())))
            seen.update(_found(texts, needles))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files below a folder, each with what is in it, but for those of the cluster."""
    for file in folder.rglob("*"):
        with suppress(OSError):
            if file.is_file() and not file.is_symlink() and not set(file.parts) & OF_CLUSTER:
                yield str(file), file.read_text(errors="replace")


def _found(texts: Iterable[tuple[str, str]], needles: Iterable[str]) -> set[str]:
    return {f"{place}: {needle}" for place, text in texts for needle in needles if needle in text}


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
        assert auths["registry.example.com"]["password"] == PASSWORD
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
    """Not in what a command prints, the state, a comment, a record or log; nor as base64.

    Nor in arguments of processes and temporary files while it runs.
    """
    checkout = sized.checkout
    data = [
        text
        for name, namespace in (
            ("istio-registry", "bookinfo"),
            ("cacerts", "istio-system"),
            ("shop", "istio-system"),
            ("mongodb-credentials", "bookinfo"),
        )
        for key, text in checkout.kubectl("get", "secret", name, "-n", namespace)["data"].items()
        if key not in ("tls.crt", "ca-cert.pem", "cert-chain.pem", "root-cert.pem")
    ]
    needles = [*_needles(sized.authority["ca-key.pem"], sized.key), *data]
    previews = [changes.read(sized.said[0], "dev")]
    state = json.dumps(checkout.state())
    file = (checkout.folder / "Pulumi.dev.yaml").read_text()

    assert "istio-registry" in state
    assert "secure:" in file
    assert (checkout.folder / "report.html").exists()
    assert sized.seen == set()
    texts = {
        "state": state,
        "comment": comment.comment(previews),
        "full comment": comment.full(previews),
        **{f"command {number}": text for number, text in enumerate(sized.said)},
        **dict(_files(checkout.sandbox.folder)),
        **{
            str(path): path.read_text(errors="replace")
            for path in checkout.folder.iterdir()
            if path.is_file()
        },
    }
    assert any("updates/dev/up.log" in place for place in texts)
    assert _found(texts.items(), needles) == set()
    assert checkout.sandbox.folder.stat().st_mode & 0o077 == 0


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
