"""Two clusters, one mesh: each istiod knows the other's endpoints, for as long as it may."""

import base64
import os
import shlex
import subprocess
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.istio import remote_api_server
from sandbox.cluster import Sandbox
from traffic.certificates import Pair, authority, make

from .checkout import Checkout
from .istiod import Istiod, eventually

EAST, WEST = "east", "west"
NAMES = (EAST, WEST)
SHOP = Path(__file__).parent / "shop.yaml"
SERVICE = "shop.shop.svc.cluster.local"
DESTROY = ("destroy", "--", "--yes", "--skip-preview")
UP = ("up", "--", "--yes", "--skip-preview")


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Two sandboxes, and a stack for each in one backend."""

    clusters: dict[str, Checkout]
    environment: dict[str, str]

    def change(self, name: str, **settings: Any) -> None:
        """Change settings in a stack's file."""
        file = self.clusters[name].folder / f"Pulumi.{name}.yaml"
        content = yaml.safe_load(file.read_text()) if file.exists() else {"config": {}}
        content["config"] |= {f"mesh:{key}": value for key, value in settings.items()}
        file.write_text(yaml.safe_dump(content))

    def run(self, name: str, *arguments: str) -> str:
        """Run a command for a stack, and return what it said."""
        return self.clusters[name].mesh(*arguments, stack=name, **self.environment)

    def fails(self, name: str, *arguments: str) -> str:
        """Run a command that must fail for a stack, and return what it said."""
        return self.clusters[name].fails(*arguments, stack=name, **self.environment)

    def run_all(self, *arguments: str) -> None:
        """Run a command for both stacks, at the same time."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda name: self.run(name, *arguments), NAMES))

    def kubectl(self, name: str, *arguments: str) -> None:
        """Change something in a cluster by hand."""
        sandbox = self.clusters[name].sandbox
        own = (f"--kubeconfig={sandbox.kubeconfig}", f"--cache-dir={sandbox.folder / 'kubectl'}")
        subprocess.run(["kubectl", *own, *arguments], check=True, capture_output=True)

    def seen_by(self, name: str) -> dict[str, int]:
        """Return the number of the shop's endpoints that istiod knows, by cluster."""
        shards = Istiod.of(self.clusters[name]).debug("endpointShardz")
        found = shards.get(SERVICE, {}).get("shop", {}).get("Shards", {})
        return {key.rpartition("/")[2]: len(known) for key, known in found.items() if known}

    def remotes_of(self, name: str) -> dict[str, str]:
        """Return the state of other clusters, which `istioctl remote-clusters` shows, by name."""
        listed = Istiod.of(self.clusters[name]).debug("clusterz")
        return {each["id"]: each["syncStatus"] for each in listed if each["secretName"]}

    def secret(self, name: str, secret: str) -> dict[str, Any]:
        """Return a Secret of Istio's namespace."""
        return self.clusters[name].kubectl("get", "secret", secret, "-n", "istio-system")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Bring up two clusters that don't know each other, each with a shop and its own network."""
    folder = tmp_path_factory.mktemp("clusters")
    sandboxes = {name: Sandbox(f"e2e-{name}-{os.getpid()}") for name in NAMES}
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(Sandbox.up, sandboxes.values()))
        first = Checkout.make(folder / "checkout", sandboxes[EAST])
        backend = sandboxes[EAST]
        files = [str(sandbox.kubeconfig) for sandbox in sandboxes.values()]
        made = Mesh(
            clusters={name: Checkout(first.folder, sandboxes[name]) for name in NAMES},
            environment={
                "KUBECONFIG": os.pathsep.join(files),
                "PULUMI_BACKEND_URL": backend.state.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(backend.passphrase_file),
                "PULUMI_HOME": str(folder / "pulumi"),
            },
        )
        root = authority("the mesh's root")
        for name in NAMES:
            _configure(made, name, root)
            made.kubectl(name, "apply", "-f", str(SHOP))
        made.run_all(*UP)
        yield made
    finally:
        for sandbox in sandboxes.values():
            sandbox.down()


def test_each_istiod_knows_the_other_clusters_endpoints(mesh: Mesh) -> None:
    """By the other stack's contract; a second `up` would change nothing, and no token is open."""
    mesh.change(EAST, remoteClusters={WEST: WEST})
    mesh.change(WEST, remoteClusters={EAST: EAST})
    mesh.run_all(*UP)

    for name, other in ((EAST, WEST), (WEST, EAST)):
        eventually(lambda n=name, o=other: mesh.remotes_of(n) == {o: "synced"})
        eventually(lambda n=name: mesh.seen_by(n) == {EAST: 2, WEST: 2})
    assert "remote cluster  west" in mesh.run(EAST, "verify")
    mesh.run(EAST, "preview", "--", "--refresh", "--expect-no-changes")
    token = base64.b64decode(mesh.secret(WEST, "istio-reader-a")["data"]["token"]).decode()
    for state in mesh.clusters[EAST].sandbox.state.rglob("*.json"):
        assert token not in state.read_text()


def test_an_istiod_fails_over_when_pods_go(mesh: Mesh) -> None:
    """In its own view, and in that of the other cluster."""
    mesh.kubectl(WEST, "scale", "deployment/shop", "-n", "shop", "--replicas=0")

    for name in NAMES:
        eventually(lambda n=name: mesh.seen_by(n) == {EAST: 2})

    mesh.kubectl(WEST, "scale", "deployment/shop", "-n", "shop", "--replicas=2")
    for name in NAMES:
        eventually(lambda n=name: mesh.seen_by(n) == {EAST: 2, WEST: 2})


def test_a_token_is_replaced_without_a_gap(mesh: Mesh) -> None:
    """The new one beside the old one, then in the other cluster's Secret, then alone."""
    before = mesh.secret(EAST, "istio-remote-secret-west")
    mesh.change(WEST, clusterAccess={"tokens": ["a", "b"]})
    mesh.run(WEST, *UP)

    with _watching(mesh) as gaps:
        mesh.run(EAST, *UP)
        mesh.change(WEST, clusterAccess={"tokens": ["b"]})
        mesh.run(WEST, *UP)

    after = mesh.secret(EAST, "istio-remote-secret-west")
    assert after["metadata"]["uid"] == before["metadata"]["uid"], "changed in place"
    assert after["data"] != before["data"]
    assert gaps == []
    assert mesh.remotes_of(EAST) == {WEST: "synced"}
    assert "0 wrong" in mesh.run(EAST, "verify")


def test_a_token_that_ended_is_told(mesh: Mesh) -> None:
    """By the preview and by `verify`, each with the remedy."""
    given = mesh.secret(EAST, "istio-remote-secret-west")["data"][WEST]
    kubeconfig = base64.b64decode(given).decode()
    mesh.kubectl(WEST, "delete", "secret", "istio-reader-b", "-n", "istio-system")
    # An API server remembers for some seconds whom it let in.
    eventually(lambda: bool(remote_api_server.ask(kubeconfig, "istio-system").fault))

    for command in ("preview", "verify"):
        said = " ".join(mesh.fails(EAST, command).split())
        assert "refuses the token or certificate: it has ended, or was withdrawn" in said
        assert "pulumi up --refresh --stack west, then pulumi up" in said


def test_a_cluster_that_is_taken_out_is_forgotten(mesh: Mesh) -> None:
    """With its Secret go its endpoints."""
    mesh.change(EAST, remoteClusters={})
    mesh.run(EAST, *UP)

    eventually(lambda: mesh.remotes_of(EAST) == {})
    eventually(lambda: mesh.seen_by(EAST) == {EAST: 2})

    mesh.run(WEST, *DESTROY)


def test_an_istiod_serves_a_cluster_that_has_none(mesh: Mesh) -> None:
    """It fills in the other's injector, and its roots; and the stacks are destroyed, in any order.

    No proxy is injected there: an EndpointSlice can't have the loopback address that istiod is at.
    """
    served = {"cluster": EAST, "address": "istiod.east.example.com"}
    own = {"externalIstiod": False, "remoteClusters": {}, "gateways": [], "cacerts": {}}
    mesh.change(WEST, remoteControlPlane=served, **own)
    mesh.run(WEST, *UP)
    mesh.change(EAST, remoteClusters={WEST: WEST})
    mesh.run(EAST, *UP)

    eventually(lambda: mesh.seen_by(EAST) == {EAST: 2, WEST: 2})
    west = mesh.clusters[WEST]
    assert west.kubectl("get", "deployments", "-n", "istio-system")["items"] == []
    injector = ("get", "mutatingwebhookconfiguration", "istio-sidecar-injector")
    eventually(lambda: "caBundle" in west.kubectl(*injector)["webhooks"][0]["clientConfig"])
    roots = ("get", "configmap", "-n", "shop", "--field-selector=metadata.name=istio-ca-root-cert")
    eventually(lambda: bool(west.kubectl(*roots)["items"]))

    mesh.run_all(*DESTROY)
    for name in NAMES:
        listed = mesh.clusters[name].kubectl("get", "namespaces")["items"]
        assert "istio-system" not in {each["metadata"]["name"] for each in listed}


@contextmanager
def _watching(mesh: Mesh) -> Generator[list[dict[str, int]]]:
    """List the moments in which east's istiod doesn't know all of west's endpoints."""
    gaps: list[dict[str, int]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            if (seen := mesh.seen_by(EAST)).get(WEST) != 2:
                gaps.append(seen)

    with ThreadPoolExecutor() as threads:
        watching = threads.submit(watch)
        yield gaps
        ended.set()
        watching.result()


def _configure(mesh: Mesh, name: str, root: Pair) -> None:
    """Write a stack's config, with an intermediate of the mesh's root."""
    mesh.change(
        name,
        mode="platform",
        context=mesh.clusters[name].sandbox.context,
        meshId="shop",
        clusterName=name,
        network=name,
        clusterAccess={"tokens": ["a"]},
        gateways=[{"direction": "east-west"}],
        externalIstiod=True,
    )
    own = make(by=root, name=name, is_ca=True)
    files = {
        "ca-cert.pem": own.certificate,
        "ca-key.pem": own.key,
        "cert-chain.pem": own.certificate + root.certificate,
        "root-cert.pem": root.certificate,
    }
    places = {f'cacerts["{file}"]': pem for file, pem in files.items()}
    secrets = " ".join("--secret " + shlex.quote(f"{at}={pem}") for at, pem in places.items())
    mesh.clusters[EAST].shell(  # its sandbox has the backend
        f"pulumi stack init {name} --no-select\n"
        f"pulumi config set-all --path --stack {name} {secrets}"
    )
