"""A mistake is one clear message before anything changes, and an exit code that isn't 0."""

from pathlib import Path

import pytest
import yaml

from .checkout import Checkout


def _set(checkout: Checkout, stack: str, **settings: object) -> None:
    config = {f"mesh:{key}": value for key, value in settings.items()}
    (checkout.folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))


@pytest.fixture(autouse=True)
def _nothing_is_changed(deployed: Checkout) -> object:
    """Compare the versions of all objects of ours before and after the mistake."""

    def versions() -> dict[str, str]:
        listed = deployed.kubectl("get", "all,ns,cm,sa", "-A")["items"]
        return {item["metadata"]["uid"]: str(item["metadata"].get("generation")) for item in listed}

    before = versions()
    yield
    assert versions() == before


def test_an_unknown_key(scratch: Checkout) -> None:
    """An unknown key is refused, with the key that was meant."""
    _set(scratch, "dev", istioVersio="1.30.3")

    said = scratch.fails("up")

    assert "istioVersio" in said
    assert "did you mean istioVersion" in said


def test_a_namespace_that_kubernetes_refuses(scratch: Checkout) -> None:
    """A namespace's name is checked before the API server sees it."""
    _set(scratch, "dev", bookinfoNamespace="Book_Info")

    said = scratch.fails("preview")

    assert "bookinfoNamespace" in said
    assert "Book_Info" in said


def test_a_release_folder_without_charts(scratch: Checkout, tmp_path: Path) -> None:
    """A folder without charts is named, and what it lacks."""
    empty = tmp_path / "empty"
    empty.mkdir()
    _set(scratch, "dev", releaseDir=str(empty))

    said = scratch.fails("preview")

    assert str(empty) in said
    assert "manifests/charts" in said


def test_a_context_that_is_not_in_the_kubeconfig(scratch: Checkout, tmp_path: Path) -> None:
    """A named context is looked for, and those that there are get listed."""
    file = tmp_path / "config"
    file.write_text(scratch.sandbox.kubeconfig.read_text())
    _set(scratch, "prod", context="production", kubeconfig=str(file))

    said = scratch.fails("preview", stack="prod", **_own_backend(tmp_path))

    assert "no context 'production'" in said
    assert scratch.sandbox.context in said


def test_a_cluster_that_does_not_answer(scratch: Checkout, tmp_path: Path) -> None:
    """A silent cluster is an error within seconds, not ten minutes of waiting."""
    config = yaml.safe_load(scratch.sandbox.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    _set(scratch, "prod", context=scratch.sandbox.context, kubeconfig=str(file))

    said = scratch.fails("preview", stack="prod", **_own_backend(tmp_path))

    assert "doesn't answer" in said


def test_an_istio_by_another_hand(scratch: Checkout) -> None:
    """A cluster that another stack put Istio on is refused, with what was found."""
    said = scratch.fails("up", stack="other")

    assert "istio-system" in said
    assert "mesh/dev" in said
    assert "nothing was changed" in said


def test_an_object_that_somebody_else_made(scratch: Checkout) -> None:
    """The preview refuses it: one plugin would take it over, another fail in the middle of `up`."""
    theirs = "configmap prometheus --namespace istio-system"
    scratch.shell(f"kubectl create {theirs} --from-literal=a=b")
    try:
        _set(scratch, "dev", addons=["prometheus"])
        said = scratch.fails("preview")
    finally:
        scratch.shell(f"kubectl delete {theirs}")

    assert "a ConfigMap prometheus in namespace istio-system, made by kubectl-create" in said
    assert "pulumi config set adopt true" in said


def test_a_policy_for_a_namespace_that_is_not_there(scratch: Checkout) -> None:
    """Found by the preview, which the API server's dry run would let pass."""
    _set(scratch, "dev", mtlsByNamespace={"shop": "strict"})

    said = scratch.fails("preview")

    assert "there is no namespace shop: `kubectl create namespace shop`" in said


def test_a_stack_without_a_cluster_never_takes_the_current_context(
    scratch: Checkout, tmp_path: Path
) -> None:
    """Plain pulumi without `make env` refuses: the machine's current context isn't asked."""
    (tmp_path / "state").mkdir()

    said = scratch.shell(
        f"export {' '.join(f'{k}={v}' for k, v in _own_backend(tmp_path).items())}; "
        "unset MESH_SANDBOX_KUBECONFIG PULUMI_CONFIG_PASSPHRASE_FILE; "
        "pulumi stack init dev --non-interactive; "
        "! pulumi preview --non-interactive 2>&1"
    )

    assert "names no cluster" in said
    assert "Traceback" not in said


def _own_backend(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "state").mkdir(exist_ok=True)
    return {
        "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
    }
