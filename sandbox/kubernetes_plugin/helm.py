"""Charts, rendered by the real `helm` program."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from .cluster import Cluster
from .errors import ResourceError

_TEST_HOOK = re.compile(r'"?helm\.sh/hook"?:.*test')
_HOOK = re.compile(r'^\s*"?helm\.sh/hook"?:', re.MULTILINE)
_SEPARATOR = re.compile(r"^---[ \t]*$", re.MULTILINE)
_URL_NAME = re.compile(r"/(\w+)-(\S+)\.tgz$")
_HALVES = re.compile(r"\\ud[89ab]\w\w\\ud[c-f]\w\w")
_TIMEOUT_SECONDS = 300


def template(options: dict[str, Any], cluster: Cluster | None) -> str:
    """Render a chart to a manifest, its hooks behind it.

    Args:
        options: The SDK's chart options, in snake case.
        cluster: Whose version and kinds the chart sees, where the options don't say.

    Raises:
        ResourceError: The chart can't be had, or rendered.

    """
    with tempfile.TemporaryDirectory(prefix="helm-") as folder:
        if options.get("path"):
            chart = Path(options["path"]) / _chart_name(options.get("chart") or "")
        else:
            _pull(options, folder)
            chart = Path(folder) / _chart_name(options.get("chart") or "")
        if not (chart / "Chart.yaml").is_file() and not chart.is_file():
            raise ResourceError(f"failed to load chart: {chart} holds no Chart.yaml")
        output = _run(_template_arguments(options, chart, cluster), options)
    return _without_tests(output, keep=bool(options.get("include_test_hook_resources")))


def _template_arguments(options: dict[str, Any], chart: Path, cluster: Cluster | None) -> list[str]:
    arguments = ["template"]
    if options.get("release_name"):
        arguments.append(options["release_name"])
    arguments += [str(chart), "--namespace", options.get("namespace") or "default", "--values", "-"]
    if not options.get("skip_crd_rendering"):
        arguments.append("--include-crds")
    version = options.get("kube_version")
    if not version and cluster:
        version = cluster.version().get("gitVersion")
    if version:
        arguments += ["--kube-version", version]
    api_versions = options.get("api_versions") or []
    if not api_versions and cluster:
        # The official plugin asks anew for each chart: CRDs may have come meanwhile.
        cluster.discovery.invalidate()
        api_versions = cluster.discovery.helm_api_versions()
    if api_versions:
        arguments += ["--api-versions", ",".join(api_versions)]
    return arguments


def _pull(options: dict[str, Any], folder: str) -> None:
    fetch = options.get("fetch_opts") or {}
    repo = options.get("repo") or ""
    if repo.startswith("http"):
        raise ResourceError(
            f"'repo' is the name of a chart repository, got the URL {repo}: "
            "give a URL as fetch_opts.repo"
        )
    version = options.get("version") or fetch.get("version")
    if not version and fetch.get("devel"):
        version = ">0.0.0-0"
    arguments = ["pull", _reference(repo, fetch.get("repo"), options.get("chart") or "")]
    arguments += ["--untar", "--untardir", folder, "--destination", folder]
    flags = {
        "--version": version,
        "--repo": fetch.get("repo"),
        "--ca-file": fetch.get("ca_file"),
        "--cert-file": fetch.get("cert_file"),
        "--key-file": fetch.get("key_file"),
        "--keyring": fetch.get("keyring"),
        "--username": fetch.get("username"),
        "--registry-config": options.get("helm_registry_config"),
    }
    for flag, value in flags.items():
        if value:
            arguments += [flag, str(value)]
    password = fetch.get("password")
    if password:
        arguments += ["--password-stdin"]
    if fetch.get("verify"):
        arguments.append("--verify")
    _run(arguments, options, given=password or "")


def _reference(repo: str, url: str | None, chart: str) -> str:
    # A chart of a repository that is known by its URL goes without the repository's name.
    if url or chart.startswith("oci://") or not repo:
        return chart
    prefix = f"{repo.removesuffix('/')}/"
    return chart if chart.startswith(prefix) else prefix + chart


def _chart_name(chart: str) -> str:
    if chart.startswith("oci://"):
        return Path(urlparse(chart).path).name
    parsed = urlparse(chart)
    if parsed.scheme and (match := _URL_NAME.search(parsed.path)):
        return match.group(1)
    parts = chart.split("/")
    return parts[1] if len(parts) == 2 else chart


def _run(arguments: list[str], options: dict[str, Any], given: str | None = None) -> str:
    helm = shutil.which("helm")
    if not helm:
        raise ResourceError(
            "helm isn't on PATH, and charts are rendered by it: "
            "install Helm 3 (https://helm.sh/docs/intro/install) or add it to PATH"
        )
    if given is None:
        # JSON is YAML, but for its two halves of a character beyond the first 65536.
        given = _HALVES.sub(_whole, json.dumps(options.get("values") or {}))
    environment = dict(os.environ)
    home = (options.get("fetch_opts") or {}).get("home")
    if home:
        environment["HELM_HOME"] = home
    try:
        done = subprocess.run(
            [helm, *arguments],
            input=given,
            capture_output=True,
            text=True,
            env=environment,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ResourceError(
            f"helm {arguments[0]} of {options.get('chart')} took more than {_TIMEOUT_SECONDS} s"
        ) from error
    if done.returncode:
        raise ResourceError(f"helm {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _whole(halves: re.Match[str]) -> str:
    character = json.loads(f'"{halves[0]}"')
    return f"\\U{ord(character):08x}"


def _without_tests(manifest: str, *, keep: bool) -> str:
    if keep or not _TEST_HOOK.search(manifest):
        return manifest
    documents = _SEPARATOR.split(manifest)
    kept = [d for d in documents if not (_HOOK.search(d) and _TEST_HOOK.search(d))]
    return "---".join(kept)
