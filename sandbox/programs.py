"""The programs of the sandbox, and where each comes from."""

import platform
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

BUILDS = Path(__file__).parent / "builds"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@dataclass(frozen=True, kw_only=True)
class Download:
    """An official archive or program, and the checksum file published with it."""

    url: str
    """The URL, with `{version}`, `{arch}` (amd64, arm64) and `{arch64}` (x64, arm64)."""
    checksums: str
    """The URL of lines `<hash>  <file name>`, or of a bare hash; SHA-256 or SHA-512."""
    unpacks: bool = True
    """Whether the URL is a tar archive; else it is the program itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """Programs that come together: from one release, or from one go.mod."""

    name: str
    """Also the folder in `builds/` with the go.mod that pins the version, if `go_mod` is empty."""
    go_mod: str = ""
    """The folder of a go.mod shared by several families, so that their packages compile once."""
    module: str
    """The Go module whose version is the family's."""
    programs: dict[str, str]
    """Program to Go package; one that begins with `.` is this project's, in the family's folder."""
    version_args: tuple[str, ...]
    """The arguments with which the first program prints its version."""
    same: int = 2
    """The number of leading parts in which a version on PATH must equal the pinned one."""
    downloads: tuple[Download, ...] = ()
    """The official downloads; empty if upstream publishes none with a checksum."""
    linker_symbols: tuple[str, ...] = ()
    """`-X` settings, with `{version}`, `{major}` and `{minor}`: clients refuse a server that
    doesn't know its version."""
    scripts: tuple[tuple[str, str], ...] = ()
    """Scripts that are copied next to the built programs: (Go module, path in it)."""
    release: str = ""
    """The release of the pinned commit, if the Go module has no version for it."""

    @property
    def parts(self) -> tuple["Family", ...]:
        """The families whose pins decide what is built."""
        return (self,)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of builds, in addition to that of all families."""
        return {}

    @property
    def folder(self) -> Path:
        """The folder with its go.mod."""
        return BUILDS / (self.go_mod or self.name)

    @cached_property
    def pin(self) -> str:
        """The version in go.mod, without its `v`: it is pinned only there."""
        text = (self.folder / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} v(\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.folder / 'go.mod'} requires no {self.module}")
        return found[1]

    @property
    def version(self) -> str:
        """The version for display: a pseudo-version is shortened to its commit."""
        pseudo = re.fullmatch(r"0\.0\.0-\d{14}-([0-9a-f]{12})", self.pin)
        return self.release or (pseudo[1] if pseudo else self.pin)


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedFamily(Family):
    """Programs whose module lacks a package that upstream generates before it compiles."""

    generator: Family
    """The openapi-gen that generates it."""
    generated: str
    """The package's path in the module."""
    linker_flags: tuple[str, ...]

    @property
    def parts(self) -> tuple[Family, ...]:
        """The families whose pins decide what is built."""
        return (self, self.generator)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of builds: Go's index of a module misses files generated into it."""
        return {"GODEBUG": "goindex=0"}


@dataclass(frozen=True, kw_only=True, eq=False)
class VendoredFamily(Family):
    """Programs built from a vendor folder, in which this project replaces some upstream files.

    The new files are in the family's folder, below `replacements/`, at their path in `vendor/`.
    """

    embedded: tuple[str, ...] = ()
    """Files of the module, by their path in it, that the family's main package embeds."""


ETCD = Family(
    name="etcd",
    go_mod="cluster",
    module="go.etcd.io/etcd/server/v3",
    programs={"etcd": "go.etcd.io/etcd/server/v3"},
    version_args=("--version",),
    downloads=(
        Download(
            url="https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{arch}.tar.gz",
            checksums="https://github.com/etcd-io/etcd/releases/download/v{version}/SHA256SUMS",
        ),
    ),
)

KUBERNETES = Family(
    name="kubernetes",
    go_mod="cluster",
    module="k8s.io/kubernetes",
    programs={
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    },
    version_args=("--version",),
    downloads=tuple(
        Download(
            url=f"https://dl.k8s.io/release/v{{version}}/bin/linux/{{arch}}/{name}",
            checksums=f"https://dl.k8s.io/release/v{{version}}/bin/linux/{{arch}}/{name}.sha256",
            unpacks=False,
        )
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ),
    linker_symbols=(
        "k8s.io/component-base/version.gitVersion=v{version}",
        "k8s.io/component-base/version.gitMajor={major}",
        "k8s.io/component-base/version.gitMinor={minor}",
    ),
)

# The last version that serves what Istio 1.0 needs, and the first with a go.mod. Its packages link
# to private names of Go's own, which today's linker refuses without -checklinkname=0.
KUBERNETES_1_15 = GeneratedFamily(
    name="kubernetes-1.15",
    module="k8s.io/kubernetes",
    programs=KUBERNETES.programs,
    version_args=("--version",),
    downloads=KUBERNETES.downloads,
    linker_symbols=tuple(
        f"k8s.io/{package}/pkg/version.{symbol}"
        # The version that --version prints, and the one that the API server sends to clients.
        for package in ("kubernetes", "client-go")
        for symbol in ("gitVersion=v{version}", "gitMajor={major}", "gitMinor={minor}")
    ),
    linker_flags=("-checklinkname=0",),
    generator=Family(
        name="openapi-gen",
        module="k8s.io/kube-openapi",
        programs={"openapi-gen": "k8s.io/kube-openapi/cmd/openapi-gen"},
        version_args=(),
    ),
    generated="pkg/generated/openapi",
)

# KWOK publishes its programs without checksums, so it is built: go.sum has the hashes.
KWOK = Family(
    name="kwok",
    go_mod="cluster",
    module="sigs.k8s.io/kwok",
    programs={name: f"sigs.k8s.io/kwok/cmd/{name}" for name in ("kwokctl", "kwok")},
    version_args=("--version",),
    linker_symbols=("sigs.k8s.io/kwok/pkg/consts.Version=v{version}",),
)

HELM = Family(
    name="helm",
    module="helm.sh/helm/v3",
    programs={"helm": "helm.sh/helm/v3/cmd/helm"},
    version_args=("version", "--short"),
    same=1,
    downloads=(
        Download(
            url="https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz",
            checksums="https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz.sha256sum",
        ),
    ),
    linker_symbols=("helm.sh/helm/v3/internal/version.version=v{version}",),
)

# The official language host is in no published module, so this project builds one from the SDK's
# parts. A CLI that is downloaded or on PATH has the official one next to it.
PULUMI = Family(
    name="pulumi",
    module="github.com/pulumi/pulumi/pkg/v3",
    programs={
        "pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        "pulumi-language-python": "./pulumi-language-python",
    },
    version_args=("version",),
    same=1,
    downloads=(
        Download(
            url="https://get.pulumi.com/releases/sdk/pulumi-v{version}-linux-{arch64}.tar.gz",
            checksums="https://github.com/pulumi/pulumi/releases/download/v{version}/pulumi-{version}-checksums.txt",
        ),
    ),
    linker_symbols=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}",),
    scripts=(
        ("github.com/pulumi/pulumi/sdk/v3", "python/cmd/pulumi-language-python-exec"),
        ("github.com/pulumi/pulumi/sdk/v3", "python/dist/pulumi-resource-pulumi-python"),
    ),
)

# For an end-to-end test only: it shows that nothing depends on the pinned engine's version.
PULUMI_NEWEST = replace(
    PULUMI,
    name="pulumi-newest",
    programs={"pulumi": PULUMI.programs["pulumi"]},
)

KUBERNETES_PLUGIN_RELEASE = "4.25.0"
"""The release whose commit is in pulumi-kubernetes' go.mod."""

# The module proxy refused the commits of later releases
# (docs/decisions/14-official-plugin-from-its-module.md). Of the 916 s of processor time that the
# whole build takes, 581 go into the packages that replacements/ leaves out.
KUBERNETES_PLUGIN = VendoredFamily(
    name="pulumi-kubernetes",
    module="github.com/pulumi/pulumi-kubernetes/provider/v4",
    programs={"pulumi-resource-kubernetes": "."},
    version_args=(),
    release=KUBERNETES_PLUGIN_RELEASE,
    linker_symbols=(
        "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version=v{version}",
    ),
    embedded=(
        "cmd/pulumi-resource-kubernetes/schema.json",
        "cmd/pulumi-resource-kubernetes/terraform-mapping.json",
    ),
)

ISTIO_MINOR = "1.30"
"""The release branch of the commit in istio's go.mod, which the commit itself doesn't name."""

# Istio's release archive has istioctl only: istiod and the proxy's agent are published in
# container images, and so is the template of Envoy's configuration. One build makes all three
# programs, since they share most of their packages.
ISTIO = Family(
    name="istio",
    module="istio.io/istio",
    programs={
        "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
        "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
        "istioctl": "istio.io/istio/istioctl/cmd/istioctl",
    },
    version_args=("version", "--short"),
    linker_symbols=(f"istio.io/istio/pkg/version.buildVersion={ISTIO_MINOR}-{{version}}",),
    scripts=(("istio.io/istio", "tools/packaging/common/envoy_bootstrap.json"),),
)

# The injector of Istio 1.0 can't be built any more: this one injects by the same chart's template.
SIDECAR_INJECTOR = Family(
    name="sidecar-injector",
    module="k8s.io/api",
    programs={"sidecar-injector": "."},
    version_args=(),
)

CLUSTER = (KUBERNETES, ISTIO, KWOK, ETCD)
"""The programs of a sandbox, the longest build first."""

CLUSTER_1_15 = (KUBERNETES_1_15, SIDECAR_INJECTOR, KWOK, ETCD)
"""The programs of a sandbox of 2019, for Istio releases that today's Kubernetes doesn't serve."""
