"""Field types that several settings share: names, versions, images."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from yaml.reader import Reader

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# The last label starts with a letter: an IP address is no host name.
HOST = re.compile(rf"({DNS_LABEL.pattern}\.)+(?=[a-z]){DNS_LABEL.pattern}")
LONGEST_HOST = 253
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")
HUB = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
NAMED_IMAGE = re.compile(rf"[a-z0-9]+([._-]+[a-z0-9]+)*:{TAG.pattern}", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NOT_PRINTABLE = Reader.NON_PRINTABLE
"""Characters that YAML doesn't allow, and so no chart can write."""
QUALIFIED_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

KUBERNETES_OWN = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
"""Namespaces that every cluster has, and that can't be deleted."""
MOST = 2**31 - 1
"""Highest number of replicas, or of percent: Kubernetes keeps them in 32 bits."""


class Model(BaseModel):
    """Object in the config: keys are in camelCase, unknown keys are refused, nothing is mutable."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


def is_host(value: str) -> bool:
    """Return whether a text is a full DNS name in lower case, without wildcards."""
    return len(value) <= LONGEST_HOST and HOST.fullmatch(value) is not None


def _namespace(value: str) -> str:
    if not DNS_LABEL.fullmatch(value):
        raise ValueError(
            "a namespace is 1 to 63 lower-case letters, digits and '-', "
            "and starts and ends with a letter or digit"
        )
    return value


def _own_namespace(value: str) -> str:
    if value in KUBERNETES_OWN:
        raise ValueError(
            "is a namespace of Kubernetes itself; the stack creates and deletes the namespaces "
            "that it names here: give it another name"
        )
    return value


def is_qualified(value: str) -> bool:
    """Return whether a text is a name of Kubernetes, after a domain and a slash if any."""
    prefix, slash, name = value.rpartition("/")
    has_prefix = len(prefix) <= 253 and all(map(DNS_LABEL.fullmatch, prefix.split(".")))
    return QUALIFIED_NAME.fullmatch(name) is not None and (not slash or has_prefix)


def _metadata_key(value: str) -> str:
    if not is_qualified(value):
        raise ValueError(
            "a key is up to 63 letters, digits, '-', '_' and '.', after a domain and '/' if any, "
            "such as service.beta.kubernetes.io/aws-load-balancer-type"
        )
    return value


def _annotation(value: str) -> str:
    if found := NOT_PRINTABLE.search(value):
        raise ValueError(
            f"an annotation can't have control characters, such as {found[0]!r}: charts are YAML, "
            "which doesn't know them"
        )
    return value


def _label_value(value: str) -> str:
    if value and not QUALIFIED_NAME.fullmatch(value):
        raise ValueError(
            "a label's value is up to 63 letters, digits, '-', '_' and '.', and starts and ends "
            "with a letter or digit"
        )
    return value


def _name(value: str) -> str:
    if len(value) > 253 or not all(DNS_LABEL.fullmatch(part) for part in value.split(".")):
        raise ValueError("a name is up to 253 lower-case letters, digits, '-' and '.'")
    return value


def _version(value: str) -> str:
    if not VERSION.fullmatch(value):
        raise ValueError("a version is MAJOR.MINOR.PATCH, such as 1.30.3")
    return value


def _hub(value: str) -> str:
    if not HUB.fullmatch(value):
        raise ValueError(
            "a hub is REGISTRY/PATH, such as docker.io/istio, without https:// or a tag"
        )
    return value


def _tag(value: str | None) -> str | None:
    if value and not TAG.fullmatch(value):
        raise ValueError("a tag is up to 128 letters, digits, '.', '_' and '-', such as 1.30.3")
    return value


def _named_image(value: str) -> str:
    if not NAMED_IMAGE.fullmatch(value):
        raise ValueError("an image is NAME:TAG, such as pilot:1.30.8, without its registry")
    return value


def _digest(value: str) -> str:
    if not DIGEST.fullmatch(value):
        raise ValueError(
            "a digest is sha256: and 64 lower-case hexadecimal digits, as "
            "`crane digest docker.io/istio/pilot:1.30.8` prints it"
        )
    return value


def _path(value: Path) -> Path:
    try:
        value.expanduser().exists()
    except (OSError, RuntimeError) as error:  # such as a name that is too long, or ~nobody
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(
            f"must be the path of a file or folder, and this can't be one: {reason}"
        ) from error
    return value


def _kubeconfig_path(value: str) -> str:
    if "\n" in value or value.lstrip().startswith("{"):
        raise ValueError(
            "must be the path of a file, not the file's contents, which would be kept in the "
            "stack's file and state: put them into a file that only you can read, and name that"
        )
    return value


# An optional key has an empty default in Pulumi.yaml.
empty_is_unset = BeforeValidator(lambda value: value or None)

Namespace = Annotated[str, AfterValidator(_namespace)]
OwnNamespace = Annotated[Namespace, AfterValidator(_own_namespace)]
"""Namespace that the stack creates, and deletes when it is destroyed."""
Name = Annotated[str, AfterValidator(_name)]
MetadataKey = Annotated[str, AfterValidator(_metadata_key)]
"""Key of a label or an annotation."""
Annotations = dict[MetadataKey, Annotated[str, AfterValidator(_annotation)]]
LabelValue = Annotated[str, AfterValidator(_label_value)]
Labels = dict[MetadataKey, LabelValue]
Replicas = Annotated[int, Field(ge=1, le=MOST)]
Percentage = Annotated[float, Field(ge=0, le=100)]
Version = Annotated[str, AfterValidator(_version)]
Hub = Annotated[str, AfterValidator(_hub)]
OptionalHub = Annotated[Hub | None, empty_is_unset]
OptionalTag = Annotated[str | None, empty_is_unset, AfterValidator(_tag)]
NamedImage = Annotated[str, AfterValidator(_named_image)]
"""An image's name in its registry and its tag."""
Digest = Annotated[str, AfterValidator(_digest)]
OptionalName = Annotated[str | None, empty_is_unset]
OptionalPath = Annotated[Annotated[Path, AfterValidator(_path)] | None, empty_is_unset]
KubeconfigPath = Annotated[OptionalPath, BeforeValidator(_kubeconfig_path)]
