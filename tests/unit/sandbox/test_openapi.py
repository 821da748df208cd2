"""The package that an old API server is compiled with is generated from those that say so."""

from pathlib import Path

import pytest

from sandbox import openapi, programs, toolchain
from sandbox.programs import KUBERNETES_1_15


def test_the_generator_gets_the_described_packages_of_kubernetes(tmp_path: Path) -> None:
    """Each says it in a line of its own; a package that speaks of the tag doesn't bear it."""
    for name, text in {
        "described": "// a package\n// +k8s:openapi-gen=true\n\npackage v1\n",
        "mentions": 'package builder\n\nconst tag = "+k8s:openapi-gen=true"\n',
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "doc.go").write_text(text)
    listed = "".join(
        f"{package} {tmp_path / folder}\n"
        for package, folder in (
            ("k8s.io/api/core/v1", "described"),
            ("k8s.io/kube-openapi/pkg/builder", "mentions"),
            ("example.org/other", "described"),
        )
    )

    command = openapi.command(Path("openapi-gen"), "k8s.io/x/openapi", tmp_path, listed)

    assert [word for word in command if word.startswith("k8s.io/api")] == ["k8s.io/api/core/v1"]
    assert not {"k8s.io/kube-openapi/pkg/builder", "example.org/other"} & set(command)


def test_what_is_generated_names_the_packages_of_its_time(tmp_path: Path) -> None:
    """The generator is today's; the module that it generates for is of 2019."""
    (tmp_path / openapi.FILE).write_text('import spec "k8s.io/kube-openapi/pkg/validation/spec"\n')

    openapi.adapt(tmp_path)

    assert (tmp_path / openapi.FILE).read_text() == 'import spec "github.com/go-openapi/spec"\n'


def test_another_generator_is_another_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The cache's folder is named by all pins that decide what is in it."""
    before = toolchain._cache_folder(KUBERNETES_1_15)
    for part in KUBERNETES_1_15.parts:
        (tmp_path / part.name).mkdir()
        for name in ("go.mod", "go.sum"):
            text = (part.folder / name).read_text()
            changed = "" if part is KUBERNETES_1_15 else "// changed\n"
            (tmp_path / part.name / name).write_text(text + changed)
    monkeypatch.setattr(programs, "BUILDS", tmp_path)

    assert toolchain._cache_folder(KUBERNETES_1_15) != before
