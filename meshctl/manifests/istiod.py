"""An istiod: its variables, the cluster's domain that it is told, and its root namespace."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import yaml

from mesh import fast_yaml
from mesh.settings.revisions import DEFAULT
from meshctl.manifests.manifest import Manifest

DOMAIN = "--domain"
"""istiod's option for the DNS domain of the cluster's Services."""
USUAL = "cluster.local"
ROOT = "istio-system"
"""The root namespace of a MeshConfig that names none (istio's pkg/config/mesh/mesh.go)."""


def containers(deployments: Iterable[Manifest]) -> Iterator[Manifest]:
    """List the containers in which istiod runs."""
    for deployment in deployments:
        pod = deployment["spec"].get("template", {}).get("spec") or {}
        yield from (each for each in pod.get("containers") or () if each["name"] == "discovery")


def variable(container: Manifest, name: str, otherwise: str = "") -> str:
    """Return the value of an environment variable."""
    found = (each for each in container.get("env") or () if each["name"] == name)
    return next((each.get("value", otherwise) for each in found), otherwise)


def domain(deployments: Iterable[Manifest]) -> str:
    """Return the DNS domain of the cluster's Services, as its istiods are told."""
    for container in containers(deployments):
        arguments = [*(container.get("args") or ()), ""]
        for argument, following in pairwise(arguments):
            if argument == DOMAIN and following:
                return following
            if argument.startswith(f"{DOMAIN}="):
                return argument.partition("=")[2]
    return USUAL


def config_map(revision: str | None) -> str:
    """Return the name of the ConfigMap with a revision's MeshConfig."""
    return "istio" if revision in (None, "", DEFAULT) else f"istio-{revision}"


def root_namespace(found: Manifest | None, home: str) -> str:
    """Return the namespace whose policies are for the whole mesh.

    `found` is the ConfigMap, None if it can't be read: Istio's charts then wrote istiod's own
    namespace, `home`, into it.
    """
    if found is None:
        return home
    try:
        config = fast_yaml.load((found.get("data") or {}).get("mesh") or "")
    except yaml.YAMLError:
        return ROOT  # istiod takes its defaults, too
    return str((config if isinstance(config, dict) else {}).get("rootNamespace") or ROOT)
