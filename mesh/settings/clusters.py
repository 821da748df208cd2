"""The clusters of a mesh: their names and networks, and how istiods reach other API servers."""

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, Field, SecretStr

from mesh import fast_yaml
from mesh.settings.fields import DNS_LABEL, QUALIFIED_NAME, Model, is_host
from mesh.settings.secrets import ENCRYPTED

NETWORK_LABEL = "topology.istio.io/network"
"""Label of Istio's namespace, and of an east-west gateway's Service: the cluster's network."""
CONTROL_PLANE = "topology.istio.io/controlPlaneClusters"
"""Annotation of Istio's namespace in a cluster without an istiod: the clusters that serve it."""
STACK = re.compile(r"[\w.-]+(/[\w.-]+){0,2}", re.ASCII)
OIDC = "oidc"
"""The only auth-provider of a kubeconfig that istiod accepts: it runs no program."""
PATHS = ("client-certificate", "client-key", "tokenFile")
"""Keys of a kubeconfig's user that name files, which istiod refuses (its pkg/kube/util.go)."""


def _name(value: str) -> str:
    if not DNS_LABEL.fullmatch(value):
        raise ValueError(
            "the name of a cluster or a token is 1 to 63 lower-case letters, digits and '-', and "
            "starts and ends with a letter or digit"
        )
    return value


def _label_value(value: str) -> str:
    if not QUALIFIED_NAME.fullmatch(value):
        raise ValueError(
            "must be up to 63 letters, digits, '-', '_' and '.', and start and end with a letter "
            "or digit: it is a label's value"
        )
    return value


def _server(value: str) -> str:
    url = urlsplit(value)
    if url.scheme != "https" or not url.hostname or url.username or url.query or url.fragment:
        raise ValueError("must be the address of an API server, such as https://192.0.2.10:6443")
    return value


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError as error:
        if not is_host(value):
            raise ValueError("must be an IP address, or a host name in lower case") from error
    return value


def _stack(value: str) -> str:
    if not STACK.fullmatch(value):
        raise ValueError("must be a stack's name, as STACK or ORGANIZATION/PROJECT/STACK")
    return value


def _each_once(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("must hold each name once")
    return value


def _kubeconfig(value: SecretStr) -> SecretStr:
    """Check what istiod refuses, and what can't work from within a cluster."""
    text = value.get_secret_value()
    if text != ENCRYPTED:
        read_kubeconfig(text)
    return value


def read_kubeconfig(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the server and the user of a kubeconfig's current context.

    Raises ValueError for one that istiod can't use, without any of its text.
    """
    try:
        content = fast_yaml.load(text.encode())
    except yaml.YAMLError:
        content = None
    content = content if isinstance(content, dict) else {}
    context = _named(content, "contexts", "context", content.get("current-context"))
    server = _named(content, "clusters", "cluster", context.get("cluster"))
    user = _named(content, "users", "user", context.get("user"))
    provider = (user.get("auth-provider") or {}).get("name")
    if "exec" in user or provider not in (None, OIDC):
        raise ValueError(
            f"has a user with {'exec' if 'exec' in user else 'auth-provider'}, which istiod "
            "refuses: give it a token, or a certificate and key as data"
        )
    files = [key for key in PATHS if key in user]
    files += [key for key in ("certificate-authority",) if key in server]
    if files:
        raise ValueError(
            f"names files of this machine, {', '.join(files)}, which istiod can't read: kubectl "
            "config view --raw --flatten --minify"
        )
    _server(str(server.get("server")))
    if not (provider or user.get("token") or user.get("client-certificate-data")):
        raise ValueError("has a user without a token, and without a certificate")
    return server, user


def _named(content: dict[str, Any], section: str, inner: str, name: Any) -> dict[str, Any]:
    for entry in content.get(section) or ():
        if isinstance(entry, dict) and entry.get("name") == name:
            return entry.get(inner) or {}
    what = "current-context" if section == "contexts" else f"{inner} of its current-context"
    raise ValueError(f"must be a kubeconfig's text, and lacks the {what}")


ClusterName = Annotated[str, AfterValidator(_name)]
TokenName = Annotated[str, AfterValidator(_name)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
StackName = Annotated[str, AfterValidator(_stack)]
Kubeconfig = Annotated[SecretStr, AfterValidator(_kubeconfig)]


class ClusterAccess(Model):
    """Access of the istiods of other clusters to this cluster's API server."""

    tokens: Annotated[tuple[TokenName, ...], Field(min_length=1), AfterValidator(_each_once)]
    """Names of the tokens: all of them are valid, and others are given the last one."""
    server: Annotated[str, AfterValidator(_server)] | None = None
    """Address by which others reach the API server; None = that of the stack's kubeconfig."""


class RemoteControlPlane(Model):
    """Cluster whose istiod serves this one: its name, and its stack or address."""

    cluster: ClusterName
    stack: StackName | None = None
    address: Annotated[str, AfterValidator(_address)] | None = None
    """Address of its east-west gateway; from its stack where there is one."""
