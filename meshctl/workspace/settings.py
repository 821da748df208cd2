"""A stack's settings, read as the program reads them, but without an engine."""

from typing import Any

import pulumi
from pulumi.runtime.settings import Settings as Runtime
from pulumi.runtime.settings import configure

from mesh import project
from mesh.project import PROJECT
from mesh.settings.schema import Settings
from mesh.settings.secrets import ENCRYPTED, CertificateAuthority, GatewayCertificate
from mesh.validation import config
from meshctl.workspace.stack import Workspace

UNREADABLE = "encrypted"
"""The placeholder for names in a setting that was encrypted as a whole."""
PLACEHOLDERS = {
    "registryCredentials": {ENCRYPTED: {"username": ENCRYPTED, "password": ENCRYPTED}},
    "cacerts": {field.alias: ENCRYPTED for field in CertificateAuthority.model_fields.values()},
    "gatewayCertificates": {
        UNREADABLE: {field.alias: ENCRYPTED for field in GatewayCertificate.model_fields.values()}
    },
    "remoteKubeconfigs": {UNREADABLE: ENCRYPTED},
}
"""The placeholders for settings that were encrypted as a whole."""


def read_settings(workspace: Workspace) -> Settings:
    """Read the stack's config file over the project's defaults.

    Raises pulumi.RunError with every mistake in it.
    """
    configure(Runtime(project=project_name(), stack=workspace.name))
    load_config(workspace)
    return config.read_settings(workspace.outputs)


def project_name() -> str:
    """Return the project's name, with which every key of its config begins."""
    return str(project.read(PROJECT)["name"])


def load_config(workspace: Workspace) -> None:
    """Pass the stack's config to the SDK as the engine does, with placeholders for its secrets."""
    prefix = f"{project_name()}:"
    found = {key.removeprefix(prefix): value for key, value in workspace.config.items()}
    # Pulumi's own settings, and those of other providers, have another prefix.
    given = {key: value for key, value in found.items() if ":" not in key}
    defaults = project.defaults(PROJECT)
    config = {
        f"{prefix}{key}": _readable(key, value) for key, value in {**defaults, **given}.items()
    }
    pulumi.runtime.set_all_config(
        {key: project.as_text(value) for key, value in config.items()},
        [f"{prefix}{key}" for key, value in given.items() if _has_secret(value)],
    )


def _readable(key: str, value: Any) -> Any:
    """Replace encrypted values by placeholders, so that all others can be checked."""
    if not _has_secret(value):
        return value
    if _is_secret(value):
        return PLACEHOLDERS.get(key, ENCRYPTED)
    return _with_placeholders(value)


def _with_placeholders(value: Any) -> Any:
    if _is_secret(value):
        return ENCRYPTED
    if isinstance(value, dict):
        return {key: _with_placeholders(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_placeholders(part) for part in value]
    return value


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"secure"}


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return _is_secret(value) or any(map(_has_secret, parts))
    return False
