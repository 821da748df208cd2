"""Kubeconfig files, as the provider's settings name them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

_FILE_KEYS = {
    "clusters": ("cluster", ("certificate-authority",)),
    "users": ("user", ("client-certificate", "client-key", "tokenFile")),
}


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """The provider's settings that win over the kubeconfig; empty when unset."""

    kubeconfig: str = ""
    """A path, or the contents; empty for the ambient one."""
    context: str = ""
    cluster: str = ""
    namespace: str = ""


def read(path_or_contents: str) -> dict[str, Any]:
    """Read a kubeconfig from a path (`~` is the home folder) or from its contents, as it is.

    Raises:
        ValueError: It isn't a kubeconfig.

    """
    path = Path(path_or_contents).expanduser() if len(path_or_contents) < 4096 else None
    try:
        is_file = path is not None and "\n" not in path_or_contents and path.is_file()
    except OSError:
        is_file = False
    text = path.read_text() if path and is_file else path_or_contents
    try:
        config = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise ValueError(f"kubeconfig isn't valid YAML: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(  # noqa: TRY004 - it is the setting's value that is wrong
            "kubeconfig is neither the path of a file nor a kubeconfig's contents"
        )
    return config


def ambient() -> dict[str, Any]:
    """Merge the files that $KUBECONFIG names, or read `~/.kube/config`.

    What they name by a relative path is beside the file that names it.
    """
    named = os.environ.get("KUBECONFIG", "")
    files = [part for part in named.split(os.pathsep) if part] or ["~/.kube/config"]
    merged: dict[str, Any] = {}
    for file in files:
        if not Path(file).expanduser().is_file():
            continue
        folder = Path(file).expanduser().parent
        for key, value in _with_absolute_paths(read(file), folder).items():
            if isinstance(value, list):
                seen = {entry.get("name") for entry in merged.get(key, [])}
                fresh = [entry for entry in value if entry.get("name") not in seen]
                merged[key] = merged.get(key, []) + fresh
            elif not merged.get(key):
                merged[key] = value
    return merged


def _with_absolute_paths(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    for section, (inner, keys) in _FILE_KEYS.items():
        for entry in config.get(section) or []:
            body = entry.get(inner) or {}
            for key in keys:
                if body.get(key):
                    body[key] = str(folder.absolute() / body[key])
    return config


def select(overrides: Overrides) -> SingleConfig:
    """Choose the cluster, the user and the namespace to work with.

    Raises:
        ValueError: There is no such context, cluster or user, or no kubeconfig at all.

    """
    if overrides.kubeconfig:
        # A file of the provider's own is read for its contents: what it names by a relative path
        # is looked for in the working folder, which is the program's.
        config = _with_absolute_paths(read(overrides.kubeconfig), Path.cwd())
    else:
        config = ambient()
    if not config.get("clusters"):
        if overrides.kubeconfig:
            raise ValueError("kubeconfig names no cluster")
        if overrides.context:
            raise ValueError(f'context "{overrides.context}" does not exist')
        return _in_cluster()
    config.setdefault("contexts", [])
    try:
        parsed = KubeConfig.from_dict(config)
        parsed.users = {name: user or User() for name, user in parsed.users.items()}
        name = overrides.context or parsed.current_context or None
        single = parsed.get(name)
        cluster = (
            parsed.clusters[overrides.cluster] if overrides.cluster else single and single.cluster
        )
    except KeyError as error:
        raise ValueError(f"kubeconfig has no cluster or user {error}") from error
    except ConfigError as error:
        raise ValueError(str(error)) from error
    if single is None or cluster is None:
        raise ValueError("kubeconfig has no current context, and the provider sets none")
    user = single.user or User()
    if user.exec and user.exec.apiVersion == "client.authentication.k8s.io/v1":
        # lightkube knows v1beta1 only; the answer it reads is the same in v1.
        user.exec.apiVersion = "client.authentication.k8s.io/v1beta1"
    return SingleConfig(
        context_name=single.context_name,
        context=single.context,
        cluster=cluster,
        user=user,
        fname=single.fname,
    )


def _in_cluster() -> SingleConfig:
    try:
        single = KubeConfig.from_service_account().get()
    except (ConfigError, KeyError) as error:
        raise ValueError(
            "invalid configuration: no configuration has been provided, "
            "try setting KUBECONFIG or the provider's kubeconfig"
        ) from error
    if single is None:
        raise ValueError("the service account of this pod gives no configuration")
    return single


def namespace_of(overrides: Overrides) -> str:
    """Give the namespace for objects without one: the provider's, the context's, or default.

    Empty when there is no kubeconfig: such objects are then rendered as they are.
    """
    if overrides.namespace:
        return overrides.namespace
    try:
        return select(overrides).context.namespace or "default"
    except ValueError:
        return ""


def active_cluster(kubeconfig: Any, context: Any, cluster: Any) -> dict[str, Any] | None:
    """Find the cluster entry that settings of a provider point at; None without one."""
    if kubeconfig is None or kubeconfig == "":
        return None
    config = kubeconfig if isinstance(kubeconfig, dict) else read(str(kubeconfig))
    entries = {entry["name"]: entry.get("cluster") for entry in config.get("clusters") or []}
    contexts = {entry["name"]: entry.get("context") for entry in config.get("contexts") or []}
    chosen = contexts.get(config.get("current-context") if context is None else context)
    if not chosen:
        return None
    return entries.get(chosen.get("cluster") if cluster is None else cluster)
