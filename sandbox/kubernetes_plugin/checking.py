"""Checking a resource's inputs: its name, its namespace, and what to warn of."""

import os
from typing import Any

from google.protobuf.struct_pb2 import Struct

from .connection import Connection
from .engine import Engine
from .errors import ResourceError
from .kinds import is_list
from .naming import AUTONAMED, assign_name, is_generated, keep_name
from .normalize import normalize
from .objects import (
    Object,
    gvk_of_urn,
    is_crd,
    is_patch,
    name_of,
    name_of_urn,
    namespace_of,
    pluck,
    set_metadata,
)
from .properties import UNKNOWN, has_secret, mark_secrets
from .reading import Properties
from .writing import to_struct

_HOOK = "helm.sh/hook"
_MANAGED_BY = "app.kubernetes.io/managed-by"


class Checker:
    """Turns what the program gives into what the later calls work with."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection

    def check(
        self, urn: str, old: Struct, new: Properties, *, seed: bytes, autonaming: Any
    ) -> Struct:
        """Complete the inputs.

        Raises:
            ResourceError: They can't make an object.
            ValueError: The resource's type isn't one of Kubernetes.

        """
        settings = self._connection.settings
        if self._connection.unreachable and settings.skip_update_unreachable:
            self._engine.warn(
                urn,
                "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping...",
            )
            return old
        gvk = gvk_of_urn(urn)
        if is_list(gvk.api_version, gvk.kind):
            raise ResourceError(
                "list resources exist for compatibility with YAML manifests and Helm charts, "
                "and cannot be created directly. Use the underlying resource type instead"
            )
        # Of the old inputs only the name and the labels matter.
        before = Properties.field(old, "metadata").object
        self._check_patch(urn, new.object)
        inputs = normalize(new.object)
        self._warn(urn, inputs)
        exists = bool(old.fields)
        if exists:
            keep_name(inputs, before)
        else:
            assign_name(inputs, name_of_urn(urn), seed, autonaming)
        if not settings.server_side_apply and (not exists or _is_labelled(before)):
            _label(inputs)
        self._check_generated_name(inputs)
        default = self._connection.default_namespace
        # One that isn't known yet counts as none.
        if default and not namespace_of(inputs) and self._connection.is_namespaced(gvk):
            set_metadata(inputs, "namespace", default)
        if is_crd(inputs):
            self._connection.remember_crd(inputs)
        mark_secrets(inputs, new.secrets)
        if self._connection.renders and has_secret(inputs):
            self._engine.warn(urn, "rendered YAML will contain a secret value in plaintext")
        return new.dashed() if inputs == new.object and not new.secrets else to_struct(inputs)

    def _check_patch(self, urn: str, inputs: Object) -> None:
        if not is_patch(urn, inputs):
            return
        if not self._connection.settings.server_side_apply:
            raise ResourceError(
                "patch resources require Server-Side Apply mode, which is enabled using the "
                "`enableServerSideApply` Provider config"
            )
        if not name_of(inputs):
            raise ResourceError("patch resources require the `.metadata.name` field to be set")

    def _check_generated_name(self, inputs: Object) -> None:
        if not is_generated(inputs):
            return
        if self._connection.settings.server_side_apply:
            raise ResourceError(
                "the `.metadata.generateName` field is not supported in Server-Side Apply mode"
            )
        if self._connection.renders:
            raise ResourceError(
                "the `.metadata.generateName` field is not supported in YAML rendering mode"
            )

    def _warn(self, urn: str, inputs: Object) -> None:
        annotations = pluck(inputs, "metadata", "annotations")
        if not isinstance(annotations, dict):
            return
        for key in annotations:
            if key.startswith(AUTONAMED):
                self._engine.warn(
                    urn, f'ignoring user-specified value for internal annotation "{key}"'
                )
        hooks = [v for key, v in annotations.items() if key.startswith(_HOOK)]
        # Upstream's test is for the word "test", though its text speaks of all hooks.
        hooked = any("test" in str(value) for value in hooks)
        if hooked and not self._connection.settings.suppress_hook_warnings:
            self._engine.warn(
                urn,
                "This resource contains Helm hooks that are not currently supported by Pulumi. "
                "The resource will be created, but any hooks will not be executed. Hooks support "
                "is tracked at https://github.com/pulumi/pulumi-kubernetes/issues/555 -- This "
                "warning can be disabled by setting the PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS "
                "environment variable",
            )


def _is_labelled(obj: Object) -> bool:
    value = pluck(obj, "metadata", "labels", _MANAGED_BY)
    return value is UNKNOWN or value == _label_value()


def _label_value() -> str:
    return os.environ.get("PULUMI_KUBERNETES_MANAGED_BY_LABEL", "pulumi")


def _label(obj: Object) -> None:
    metadata = obj.get("metadata")
    if metadata is UNKNOWN:
        return
    if not isinstance(metadata, dict):
        metadata = obj["metadata"] = {}
    labels = metadata.setdefault("labels", {})
    if isinstance(labels, dict):
        labels[_MANAGED_BY] = _label_value()
