"""Rendered objects as files: names, bytes, and whose files are removed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from meshctl.render import files
from meshctl.render.files import FolderError


def obj(kind: str, name: str, namespace: str | None = None, group: str = "v1") -> dict[str, Any]:
    """Return an object with nothing but a name."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": group, "kind": kind, "metadata": metadata}


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (obj("Service", "istiod", "istio-system"), "istio-system/service_istiod.yaml"),
        (obj("Deployment", "istiod", "m", "apps/v1"), "m/deployment.apps_istiod.yaml"),
        (obj("Deployment", "istiod", "m", "apps/v2"), "m/deployment.apps_istiod.yaml"),
        (obj("Namespace", "bookinfo"), "namespace_bookinfo.yaml"),
        (
            obj("Gateway", "g", "m", "networking.istio.io/v1"),
            "m/gateway.networking.istio.io_g.yaml",
        ),
        (
            obj("Gateway", "g", "m", "gateway.networking.k8s.io/v1"),
            "m/gateway.gateway.networking.k8s.io_g.yaml",
        ),
        (
            obj("ClusterRole", "system:x", group="rbac.authorization.k8s.io/v1"),
            "clusterrole.rbac.authorization.k8s.io_system_x.yaml",
        ),
    ],
)
def test_a_file_is_named_by_what_stays(found: dict[str, Any], name: str, tmp_path: Path) -> None:
    """Namespace, kind, group and name; not the version, nor an order."""
    assert files.write([found], tmp_path) == 1

    assert yaml.safe_load((tmp_path / name).read_text()) == found


@pytest.mark.parametrize(
    "found",
    [
        obj("ConfigMap", "../../x"),
        obj("ConfigMap", "x", "../.."),
        obj("ConfigMap", "x", ".."),
        obj("ConfigMap", "x\0"),
        obj("../ConfigMap", "x"),
    ],
)
def test_no_name_leads_out_of_the_folder(found: dict[str, Any], tmp_path: Path) -> None:
    """A chart may be somebody else's; the message names the object."""
    with pytest.raises(FolderError, match="has a name that Kubernetes refuses"):
        files.write([obj("Service", "s"), found], tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


HOSTILE = (
    *(
        "$(id)",
        "`id`",
        "; rm -rf /",
        "{{ .Values.x }}",
        "<script>",
        "[a](b)",
        "| a |",
        "# a",
        "'\"",
    ),
    *("- a", "a: b", "&a", "*a", "!!python/object:os.system", "%YAML", "---", "...", "null", "~"),
    *(
        "yes",
        "0o7",
        "1e3",
        "1_000",
        "12:30",
        ".inf",
        "=",
        "<<",
        "",
        " a ",
        "a\n",
        "\na",
        "a\r\nb",
        "\t",
    ),
    *("\u2028", "\x85", "\x07", "\ufeff", "\U0001f600", "\u202e"),
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_what_it_is(text: str, tmp_path: Path) -> None:
    """Whatever it means to a shell, YAML, Go's templates, Markdown or HTML; as key and value."""
    found = {**obj("ConfigMap", "x"), "data": {"key": text, text: "value"}}

    files.write([found], tmp_path)

    assert yaml.safe_load((tmp_path / "configmap_x.yaml").read_text(encoding="utf-8")) == found


def test_a_text_of_many_lines_is_written_as_one(tmp_path: Path) -> None:
    """A change of one line is a diff of one line; and nothing refers to another place."""
    labels = {"app": "ä", "b": "on", "a": "1"}
    found = {**obj("ConfigMap", "istio"), "data": {"mesh": "a: 1\nb: 2"}, "x": labels, "z": labels}

    files.write([found], tmp_path)

    assert (tmp_path / "configmap_istio.yaml").read_bytes().decode() == (
        "apiVersion: v1\ndata:\n  mesh: |-\n    a: 1\n    b: 2\nkind: ConfigMap\n"
        "metadata:\n  name: istio\n"
        "x:\n  a: '1'\n  app: ä\n  b: 'on'\nz:\n  a: '1'\n  app: ä\n  b: 'on'\n"
    )


@pytest.mark.parametrize("text", ["y", "1e3", "0o14", "10:20"])
def test_a_text_that_kubectl_would_take_for_a_number_or_truth_is_quoted(
    text: str, tmp_path: Path
) -> None:
    """Go's parser knows other numbers than Python's: a version label may be 1e3."""
    marked = obj("Service", "a")
    marked["metadata"]["labels"] = {"version": text}

    files.write([marked], tmp_path)

    assert f"version: '{text}'" in (tmp_path / "service_a.yaml").read_text()


def test_what_is_gone_from_the_stack_is_gone_from_the_folder(tmp_path: Path) -> None:
    """Or the diff of two renders would miss a deletion; what isn't YAML is left alone."""
    files.write([obj("Service", "a", "old"), obj("Namespace", "b")], tmp_path)
    (tmp_path / "README.md").touch()

    files.write([obj("Namespace", "b")], tmp_path)

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"namespace_b.yaml", "README.md", files.MARKER}


def test_a_folder_with_other_yaml_is_refused(tmp_path: Path) -> None:
    """It would be removed."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.yaml").touch()

    with pytest.raises(FolderError, match="`make render` didn't write"):
        files.write([obj("Namespace", "b")], tmp_path)

    assert [path.name for path in tmp_path.rglob("*.yaml")] == ["mine.yaml"]


def test_two_objects_never_share_a_file(tmp_path: Path) -> None:
    """One of them would be missing from the review."""
    roles = [obj("ClusterRole", "a:b"), obj("ClusterRole", "a_b")]

    with pytest.raises(FolderError, match="two objects"):
        files.write(roles, tmp_path)

    assert not list(tmp_path.iterdir())
