"""A real mesh that is broken in many ways at once: `verify` names each, and all is well after."""

import base64
import re
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from threading import Timer

import yaml

from mesh.project import PROJECT
from meshctl.verify import run
from meshctl.verify.snapshot import Finding
from traffic.certificates import make

from .checkout import Checkout
from .istiod import eventually

BROKEN = Path(__file__).parent / "broken.yaml"
BREAKAGES = {
    "port named wrong": ("port", "broken/web", "'htpp' (port 80, did you mean http?)"),
    "both injection labels": ("namespace", "broken", "has both istio-injection=enabled"),
    "revision without injector": ("webhook", "injector gone", "no MutatingWebhookConfiguration"),
    "webhook's port": ("network policy", "istio-system/shut", "API server from port 15017"),
    "istiod's port": ("network policy", "istio-system/shut", "proxies in namespace bookinfo"),
    "sidecars' way out": ("network policy", "bookinfo/inside", "from port 15012 of istiod"),
    "no host": ("route", "broken/no-host", "host gone.broken.svc.cluster.local is no Service"),
    "no Gateway": ("route", "broken/no-host", "its Gateway broken/gone doesn't exist"),
    "no subset": ("route", "bookinfo/no-subset", "no DestinationRule defines subset v8"),
    "subset without pods": ("route", "bookinfo/no-subset", "no pod of ratings is in subset v9"),
    "TLS modes": ("mtls", "bookinfo/plain", "by PeerAuthentication bookinfo/strict STRICT only"),
    "Secret astray": ("gateway", "broken/astray", "it is in namespace broken"),
    "Gateway of nobody": ("gateway", "broken/nobody", "its selector istio=gone selects no pod"),
    "ServiceEntries": ("service entry", "broken/other", "and ServiceEntry broken/one by DNS"),
    "Service's host": ("service entry", "broken/other", "has the host of a Service"),
    "policy for nothing": ("policy", "bookinfo/nothing", "no pod has the labels app=typo"),
    "quota": ("quota", "broken/large", "exceeded quota: small"),
    "version skew": ("version", "default/old", "proxy 1.28.0, istiod 1.30"),
    "caBundle": ("webhook", "istiod-old", "isn't the mesh's root certificate"),
    "two injectors": ("webhook", "namespace bookinfo", "istio-sidecar-injector and istiod-old"),
    "no endpoints": ("control plane", "Service istio-system/istiod-old", "has no endpoints"),
    "old CRDs": ("crds", "Istio's CRDs", "trafficextensions.extensions.istio.io/v1alpha1"),
    "failurePolicy": ("webhook", "istio-sidecar-injector", "failurePolicy Ignore in 1 of 4"),
}
CRD = "trafficextensions.extensions.istio.io"
POLICY = (
    "kubectl patch mutatingwebhookconfiguration istio-sidecar-injector --type json -p "
    '\'[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "%s"}]\''
)


def bad(checkout: Checkout) -> list[Finding]:
    """Ask the mesh by its context, as if no stack had installed it."""
    sandbox = checkout.sandbox
    report = run.look(run.of_context(sandbox.context, sandbox.kubeconfig))
    assert not report.left_out
    return [each for each in report.findings if each.status in ("warning", "wrong")]


def has(findings: list[Finding], check: str, subject: str, text: str) -> bool:
    """Return whether one of them is of a check and an object, has a text, and a remedy."""
    return any(
        (each.check, each.subject) == (check, subject) and text in each.found and each.remedy
        for each in findings
    )


@contextmanager
def broken(checkout: Checkout, folder: Path) -> Generator[None]:
    """Break the mesh, and mend it after."""
    other = base64.b64encode(make(name="another", is_ca=True).certificate.encode()).decode()
    file = folder / "broken.yaml"
    file.write_text(BROKEN.read_text().replace("CA_OF_ANOTHER_MESH", other))
    crd = folder / "crd.yaml"
    checkout.shell(
        f"kubectl get crd {CRD} -o yaml > {crd}; kubectl apply -f {file}; "
        f"kubectl delete crd {CRD}; {POLICY % 'Ignore'}"
    )
    try:
        yield
    finally:
        checkout.shell(
            f"{POLICY % 'Fail'}; kubectl delete --wait=false -f {file}; kubectl create -f {crd}; "
            "kubectl wait --for=delete namespace/broken namespace/ghost --timeout=60s"
        )


def test_every_breakage_is_named(deployed: Checkout, tmp_path: Path) -> None:
    """Each on its own line with its remedy; istioctl's findings stand beside; all ends well."""
    before = bad(deployed)
    with broken(deployed, tmp_path):
        eventually(lambda: has(bad(deployed), *BREAKAGES["quota"]))
        found = bad(deployed)
        said = deployed.fails("verify")

    assert before == []
    assert [name for name, one in BREAKAGES.items() if not has(found, *one)] == []
    codes = {each.check for each in found if re.fullmatch(r"IST\d{4}", each.check)}
    assert "IST0101" in codes, "a VirtualService names a host that doesn't exist"
    assert "broken/no-host" in said
    eventually(lambda: bad(deployed) == [])


def test_a_root_that_ended_and_an_istiod_that_is_down(deployed: Checkout, tmp_path: Path) -> None:
    """While nobody mends the ConfigMap: an istiod that starts again writes it anew."""
    file = tmp_path / "root.pem"
    file.write_text(make(name="old", days=-1, is_ca=True).certificate)
    deployed.shell(
        "kubectl scale deployment/istiod -n istio-system --replicas=0; "
        "kubectl wait --for=delete pod -l app=istiod -n istio-system --timeout=60s; "
        "kubectl create configmap istio-ca-root-cert -n istio-system --dry-run=client -o yaml "
        f"--from-file=root-cert.pem={file} | kubectl replace -f -"
    )
    try:
        found = bad(deployed)
    finally:
        deployed.shell(
            "kubectl scale deployment/istiod -n istio-system --replicas=1; "
            "kubectl rollout status deployment/istiod -n istio-system --timeout 60s; "
            # One that istiod makes anew: else pods count as older than the mesh's root.
            "kubectl delete configmap istio-ca-root-cert -n istio-system; "
            "kubectl wait --for=create configmap/istio-ca-root-cert -n istio-system --timeout 60s"
        )

    assert has(found, "certificates", "root certificate", "ended on")
    assert has(found, "webhook", "istio-sidecar-injector", "isn't the mesh's root certificate")
    assert has(found, "control plane", "istio-system/istiod", "0 of 0 pods ready")
    assert has(found, "control plane", "Service istio-system/istiod", "has no endpoints")
    assert has(found, "webhook", "injector default", "failed calling webhook")
    eventually(lambda: bad(deployed) == [])


ROLES = ("mesh-verify", "view")


@contextmanager
def kubeconfigs(checkout: Checkout, folder: Path) -> Generator[list[Path]]:
    """Yield the kubeconfigs of users with the docs' ClusterRole, and with Kubernetes' `view`."""
    manifest = folder / "role.yaml"
    text = (PROJECT / "docs" / "verify.md").read_text()
    manifest.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    roles = " ".join(ROLES)
    tokens = checkout.shell(
        f"kubectl apply -f {manifest} >&2; for role in {roles}; do "
        "kubectl create serviceaccount $role -n default >&2; kubectl create clusterrolebinding "
        "test-$role --clusterrole $role --serviceaccount default:$role >&2; "
        "kubectl create token $role -n default; echo; done"
    ).split()
    files = []
    for role, token in zip(ROLES, tokens, strict=True):
        content = yaml.safe_load(checkout.sandbox.kubeconfig.read_text())
        content["users"] = [{"name": role, "user": {"token": token}}]
        for each in content["contexts"]:
            each["context"]["user"] = role
        files.append(folder / role)
        files[-1].write_text(yaml.safe_dump(content))
    try:
        yield files
    finally:
        checkout.shell(
            f"kubectl delete -f {manifest}; kubectl delete serviceaccount -n default {roles}; "
            f"kubectl delete clusterrolebinding {' '.join(f'test-{role}' for role in ROLES)}"
        )


def test_rights_to_read_are_enough(deployed: Checkout, tmp_path: Path) -> None:
    """Those of the docs' ClusterRole; of `view` it says what is missing, and for what."""
    with kubeconfigs(deployed, tmp_path) as files:
        full, view = (run.look(run.of_context(deployed.sandbox.context, each)) for each in files)

    assert full.exit_code == 0
    assert [each for each in full.findings if each.check == "rights"] == []
    assert "may not list secrets" in full.left_out
    assert view.exit_code == 3
    missing = {each.subject: each.found for each in view.findings if each.check == "rights"}
    assert missing["list virtualservices.networking.istio.io in all namespaces"] == (
        "missing right; not checked without it: route, gateway's pods"
    )
    assert "list pods in all namespaces" not in missing


def line_with(process: Popen[str], text: str) -> str:
    """Return the next line that a command prints with a text."""
    assert process.stdout is not None
    found = next((line for line in process.stdout if text in line), "")
    assert found, f"it ended, or was ended, without a line with {text!r}"
    return found


def test_a_watch_tells_what_changes(deployed: Checkout) -> None:
    """A line when it appears and one when it is gone; Ctrl-C ends it as the last run ended."""
    sandbox = deployed.sandbox
    where = ("--context", sandbox.context, "--kubeconfig", str(sandbox.kubeconfig))
    process = deployed.start("verify", "--watch", "--interval", "1", *where)
    patience = Timer(60, process.kill)
    patience.start()
    try:
        line_with(process, "until Ctrl-C")
        deployed.shell("kubectl label namespace bookinfo istio.io/rev=canary")
        line_with(process, "! appeared: namespace bookinfo: has both")
        deployed.shell("kubectl label namespace bookinfo istio.io/rev-")
        line_with(process, "✓ gone: IST0123 Namespace bookinfo")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        patience.cancel()
        process.kill()
        deployed.shell("kubectl label namespace bookinfo istio.io/rev-")
    assert process.returncode == 0
