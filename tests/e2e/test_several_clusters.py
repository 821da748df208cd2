"""Two clusters, one mesh: each istiod knows the other's endpoints, for as long as it may."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.cluster import Sandbox

from .checkout import Checkout
from .istiod import Istiod, eventually

NAMES = ("east", "west")
SHOP = Path(__file__).parent / "shop.yaml"
SERVICE = "shop.shop.svc.cluster.local"


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Two sandboxes, and a stack for each in one backend."""

    clusters: dict[str, Checkout]
    environment: dict[str, str]
    config: dict[str, dict[str, Any]]
    """The config of each stack, without secrets."""

    def write(self, name: str, **settings: Any) -> None:
        """Change settings in a stack's file; None takes one out."""
        file = self.clusters[name].folder / f"Pulumi.{name}.yaml"
        content = yaml.safe_load(file.read_text())
        for key, value in settings.items():
            content["config"].pop(f"mesh:{key}", None)
            if value is not None:
                content["config"][f"mesh:{key}"] = value
        file.write_text(yaml.safe_dump(content))

    def run(self, *arguments: str, names: tuple[str, ...] = NAMES) -> None:
        """Run a command for several stacks at the same time."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda name: self.mesh(name, *arguments), names))

    def mesh(self, name: str, *arguments: str) -> str:
        """Run a command for one stack, and return what it said."""
        return self.clusters[name].mesh(*arguments, stack=name, **self.environment)

    def fails(self, name: str, *arguments: str) -> str:
        """Run a command that must fail for one stack, and return what it said."""
        return self.clusters[name].fails(*arguments, stack=name, **self.environment)

    def seen_by(self, name: str) -> dict[str, int]:
        """Return the endpoints of the shop that a cluster's istiod knows: a number by cluster."""
        shards = Istiod.of(self.clusters[name]).debug("endpointShardz")
        found = shards.get(SERVICE, {}).get("shop", {}).get("Shards", {})
        return {cluster.rpartition("/")[2]: len(known) for cluster, known in found.items()}

    def remotes_of(self, name: str) -> dict[str, str]:
        """Return the state of each other cluster, as `istioctl remote-clusters` shows it."""
        listed = Istiod.of(self.clusters[name]).debug("clusterz")
        return {each["id"]: each["syncStatus"] for each in listed if "secretName" in each}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Bring up two clusters that don't know each other yet, each with a shop."""
    folder = tmp_path_factory.mktemp("clusters")
    sandboxes = {name: Sandbox(f"e2e-{name}-{os.getpid()}") for name in NAMES}
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(Sandbox.up, sandboxes.values()))
        files = [str(sandbox.kubeconfig) for sandbox in sandboxes.values()]
        first = Checkout.make(folder / "checkout", sandboxes["east"])
        clusters = {name: Checkout(first.folder, sandboxes[name]) for name in NAMES}
        made = Mesh(
            clusters=clusters,
            environment={
                "KUBECONFIG": os.pathsep.join(files),
                "PULUMI_BACKEND_URL": sandboxes["east"].state.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(sandboxes["east"].passphrase_file),
                "PULUMI_HOME": str(folder / "pulumi"),
            },
            config={},
        )
        root = _authority("root", None)
        for name in NAMES:
            _configure(made, name, root)
        made.run("up", "--", "--yes", "--skip-preview")
        for cluster in clusters.values():
            _apply(cluster)
        yield made
    finally:
        for sandbox in sandboxes.values():
            sandbox.down()


def test_clusters_join(mesh: Mesh) -> None:
    """X."""
    mesh.write("east", remoteClusters={"west": "west"})
    mesh.write("west", remoteClusters={"east": "east"})
    mesh.run("up", "--", "--yes", "--skip-preview")
    import time

    time.sleep(5)
    for name in NAMES:
        i = Istiod.of(mesh.clusters[name])
        print(json.dumps(i.debug("clusterz")))
        print(json.dumps({k: v for k, v in i.debug("endpointShardz").items() if "shop" in k}))
        print(mesh.clusters[name].start("verify", stack=name, **mesh.environment).communicate()[0])
    print(
        mesh.clusters["east"].shell(
            "kubectl --kubeconfig "
            + str(mesh.clusters["east"].sandbox.kubeconfig)
            + " get gateways.networking.istio.io,ns -A --show-labels"
        )
    )
    print(
        mesh.clusters["east"].shell(
            "grep -i cluster "
            + str(mesh.clusters["east"].sandbox.folder)
            + "/istiod/*/log | tail -30"
        )
    )
    print(mesh.mesh("east", "preview"))
    print(mesh.mesh("east", "preview", "--", "--refresh"))
    print(
        mesh.clusters["east"].shell(
            "pulumi stack output --stack east; pulumi stack output --stack east clusterContract --json; pulumi stack export --stack east > /tmp/w/east-state.json"
        )
    )
    print(mesh.mesh("east", "destroy", "--", "--yes", "--skip-preview"))


def _configure(mesh: Mesh, name: str, root: tuple[x509.Certificate, Any]) -> None:
    cluster = mesh.clusters[name]
    config = {
        "mode": "platform",
        "context": cluster.sandbox.context,
        "meshId": "shop",
        "clusterName": name,
        "network": name,
        "clusterAccess": {"tokens": ["a"]},
        "gateways": [{"direction": "east-west"}],
    }
    file = cluster.folder / f"Pulumi.{name}.yaml"
    file.write_text(yaml.safe_dump({"config": {f"mesh:{k}": v for k, v in config.items()}}))
    own, key = _authority(name, root)
    files = {
        "ca-cert.pem": _pem(own),
        "ca-key.pem": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "cert-chain.pem": _pem(own) + _pem(root[0]),
        "root-cert.pem": _pem(root[0]),
    }
    places = {f'cacerts["{file}"]': pem for file, pem in files.items()}
    secrets = " ".join("--secret " + shlex.quote(f"{place}={pem}") for place, pem in places.items())
    # Of the sandbox that has the backend.
    mesh.clusters["east"].shell(
        f"pulumi stack init {name} --no-select\n"
        f"pulumi config set-all --path --stack {name} {secrets}"
    )


def _authority(
    name: str, issuer: tuple[x509.Certificate, Any] | None
) -> tuple[x509.Certificate, Any]:
    """Make a CA, signed by another one or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer[0].subject if issuer else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    return certificate, key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _apply(cluster: Checkout) -> None:
    command = ["kubectl", f"--kubeconfig={cluster.sandbox.kubeconfig}"]
    command += [f"--cache-dir={cluster.sandbox.folder / 'kubectl'}", "apply", "-f", str(SHOP)]
    subprocess.run(command, check=True, capture_output=True)
