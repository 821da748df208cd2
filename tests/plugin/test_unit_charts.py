"""Charts and manifests, without a cluster."""

import pytest

from sandbox.kubernetes_plugin import helm, manifests
from sandbox.kubernetes_plugin.errors import ResourceError

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: tiny\nversion: 1.0.0\n",
    "templates/config.yaml": """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  value: {{ .Values.value | quote }}
  version: {{ .Capabilities.KubeVersion.Version | quote }}
  known: {{ .Capabilities.APIVersions.Has "example.com/v1/Foo" | quote }}
""",
    "templates/hook.yaml": """apiVersion: v1
kind: ConfigMap
metadata:
  name: hook
  annotations:
    "helm.sh/hook": pre-install
""",
    "templates/test.yaml": """apiVersion: v1
kind: ConfigMap
metadata:
  name: test
  annotations:
    "helm.sh/hook": test-success
""",
    "crds/foo.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata:\n  name: foos\n",
}
needs_helm = pytest.mark.usefixtures("helm")


@pytest.fixture
def chart(tmp_path):
    """Write a tiny chart; give the options that render it."""
    for name, text in CHART.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return {
        "path": str(tmp_path),
        "release_name": "rel",
        "namespace": "space",
        "kube_version": "v1.31.2",
        "values": {"value": "x"},
    }


def names(options):
    """Render, and give the objects' names in order."""
    objects = manifests.parse(helm.template(options, None))
    return [obj["metadata"]["name"] for obj in objects]


@needs_helm
def test_a_chart_renders_crds_then_objects_then_hooks_but_no_tests(chart):
    """As provider/pkg/provider/invoke_helm_template.go, getManifest."""
    assert names(chart) == ["foos", "rel", "hook"]


@needs_helm
def test_crds_and_tests_follow_the_options(chart):
    """skip_crd_rendering and include_test_hook_resources."""
    options = chart | {"skip_crd_rendering": True, "include_test_hook_resources": True}
    assert sorted(names(options)) == ["hook", "rel", "test"]


@needs_helm
def test_a_chart_sees_values_version_and_kinds(chart):
    """Whatever the options give, the templates see."""
    options = chart | {"api_versions": ["example.com/v1/Foo"]}
    objects = manifests.parse(helm.template(options, None))
    config = next(obj for obj in objects if obj["metadata"]["name"] == "rel")
    assert config["metadata"]["namespace"] == "space"
    assert config["data"] == {"value": "x", "version": "v1.31.2", "known": "true"}


@needs_helm
@pytest.mark.parametrize("text", ["ä😀", r"\ud83d\ude00", "a\u2028b\x85\x7f", "1e3", '"'])
def test_a_chart_sees_texts_as_they_are(chart, text):
    """JSON writes some of them in a way that YAML refuses."""
    objects = manifests.parse(helm.template(chart | {"values": {"value": text}}, None))
    config = next(obj for obj in objects if obj["metadata"]["name"] == "rel")
    assert config["data"]["value"] == text


def test_a_missing_helm_is_one_clear_error(chart, monkeypatch):
    """The error names the remedy."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ResourceError, match="install Helm 3"):
        helm.template(chart, None)


@needs_helm
def test_a_chart_that_is_not_there_is_named(tmp_path):
    """The error names the folder."""
    with pytest.raises(ResourceError, match=str(tmp_path)):
        helm.template({"path": str(tmp_path), "release_name": "x"}, None)


def test_a_url_is_no_repository_name():
    """The error names the option for it."""
    with pytest.raises(ResourceError, match="fetch_opts"):
        helm.template({"chart": "a", "repo": "https://example.com"}, None)


@pytest.mark.parametrize(
    ("repo", "url", "chart", "expected"),
    [
        ("", None, "stable/a", "stable/a"),
        ("bitnami", None, "apache", "bitnami/apache"),
        ("bitnami/", None, "bitnami/apache", "bitnami/apache"),
        ("bitnami", "https://x", "apache", "apache"),
        ("x", None, "oci://host/a", "oci://host/a"),
    ],
)
def test_a_repository_prefixes_its_charts(repo, url, chart, expected):
    """As provider/pkg/provider/invoke_helm_template.go, normalizeChartRef."""
    assert helm._reference(repo, url, chart) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:20", "10:20"),
        ("2020-01-02", "2020-01-02"),
        ("0644", 420),
        ("0o644", 420),
        ("1_000", 1000),
        ("0x1F", 31),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("on", True),
        ("y", True),
        ("N", False),
        ("{y: n}", {"true": False}),
        ("1_0.5", 10.5),
        ("~", None),
        ("'5'", "5"),
    ],
)
def test_yaml_is_read_as_go_reads_it(text, expected):
    """PyYAML alone takes 10:20 for 620, and a date for a date (seen with helm's `fromYaml`)."""
    (obj,) = manifests.parse(f"apiVersion: v1\nkind: X\nvalue: {text}\n")
    assert obj["value"] == expected


def test_documents_without_a_kind_are_left_out():
    """Charts render empty documents."""
    assert manifests.parse("---\n# nothing\n---\na: b\n---\napiVersion: v1\nkind: X\n") == [
        {"apiVersion": "v1", "kind": "X"}
    ]


@pytest.mark.parametrize(
    ("kind", "api_version", "namespace", "expected"),
    [
        ("ConfigMap", "v1", None, "1-manifest/v1-configmap-default-a.yaml"),
        ("Deployment", "apps/v1", "x", "1-manifest/apps_v1-deployment-x-a.yaml"),
        (
            "CustomResourceDefinition",
            "apiextensions.k8s.io/v1",
            None,
            "0-crd/apiextensions.k8s.io_v1-customresourcedefinition-default-a.yaml",
        ),
    ],
)
def test_rendered_files_are_named_by_kind(tmp_path, kind, api_version, namespace, expected):
    """As provider/pkg/provider/provider.go, renderPathForResource."""
    metadata = {"name": "a"} | ({"namespace": namespace} if namespace else {})
    obj = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    path = manifests.render(obj, str(tmp_path))
    assert path.relative_to(tmp_path).as_posix() == expected
    assert manifests.parse(path.read_text()) == [obj]


@pytest.mark.parametrize("text", ["y", "N", "1e3", "0o14", "12345e67", "1_0.5", "on", "10:20", ""])
def test_a_text_that_reads_as_something_else_is_quoted(tmp_path, text):
    """Written plain, kubectl would refuse the number or truth (provider.go, renderYaml)."""
    obj = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, text: text}
    written = manifests.render(obj, str(tmp_path)).read_text()
    assert f"'{text}': '{text}'" in written
    assert manifests.parse(written) == [obj]
