"""The provider's settings, from the program's arguments and the environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .kubeconfig import Overrides

_PREFIX = "kubernetes:config:"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a Provider resource, or the configuration of the default one, decides."""

    overrides: Overrides = Overrides()  # noqa: RUF009 - a frozen dataclass
    server_side_apply: bool = True
    patch_force: bool = False
    upsert: bool = False
    """Whether a create takes over an object that exists."""
    config_map_mutable: bool = False
    secret_mutable: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    suppress_deprecation_warnings: bool = False
    suppress_hook_warnings: bool = False
    yaml_directory: str = ""
    """Where to write manifests instead of using a cluster; empty for a cluster."""
    always_render: bool = False
    timeout: int | None = None
    """Seconds after which a request to the API server is given up."""

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Settings":
        """Read what the engine passes to Configure.

        Raises:
            ValueError: A setting has a value of the wrong kind.

        """

        def text(name: str) -> str:
            return variables.get(_PREFIX + name, "")

        def flag(name: str, env: str = "", *, default: bool = False) -> bool:
            if _PREFIX + name in variables:
                return text(name) == "true"
            return os.environ[env] == "true" if env in os.environ else default

        return cls(
            overrides=Overrides(
                kubeconfig=text("kubeconfig"),
                context=text("context"),
                cluster=text("cluster"),
                namespace=text("namespace"),
            ),
            server_side_apply=flag(
                "enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", default=True
            ),
            patch_force=flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
            upsert=flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
            config_map_mutable=flag(
                "enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"
            ),
            secret_mutable=flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
            delete_unreachable=flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
            skip_update_unreachable=flag(
                "skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"
            ),
            suppress_deprecation_warnings=flag(
                "suppressDeprecationWarnings", "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS"
            ),
            suppress_hook_warnings=flag(
                "suppressHelmHookWarnings", "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS"
            ),
            yaml_directory=text("renderYamlToDirectory"),
            always_render=flag("alwaysRender"),
            timeout=_timeout(text("kubeClientSettings")),
        )


def sdk_version() -> str:
    """Give the version of the SDK beside which the plugin is installed, and so its own.

    The SDK says it in a file for the engine; asking the package's metadata takes 20 ms.
    """
    spec = find_spec("pulumi_kubernetes")
    folder = next(iter(spec.submodule_search_locations or ())) if spec else ""
    return json.loads(Path(folder, "pulumi-plugin.json").read_text())["version"]


def _timeout(client_settings: str) -> int | None:
    try:
        given = json.loads(client_settings) if client_settings else {}
        timeout = given.get("timeout") or os.environ.get("PULUMI_K8S_CLIENT_TIMEOUT")
        return int(timeout) if timeout else None
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            "kubeClientSettings.timeout (or PULUMI_K8S_CLIENT_TIMEOUT) must be a whole number "
            f"of seconds: {error}"
        ) from error
