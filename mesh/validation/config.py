"""The config of a stack, read and checked in one pass."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mesh import project
from mesh.istio import control_planes, gateway_api_crds
from mesh.istio.control_planes import ControlPlanes
from mesh.project import PROJECT
from mesh.settings import app_names
from mesh.settings.schema import SECRETS, Settings
from mesh.validation import (
    against_release,
    credentials,
    image_digests,
    istio_operator,
    modes,
    plain_secrets,
    platform,
    renamed,
    retired_hosts,
)
from mesh.validation.conflicts import (
    bookinfo,
    cluster,
    gateways,
    https,
    injection,
    namespaces,
    revisions,
    security,
    several_clusters,
    telemetry,
    traffic_plan,
    waypoints,
)
from mesh.validation.explain import explain
from mesh.validation.mistake import Mistake, refuse

CONFLICTS: tuple[Callable[[Settings], Iterator[Mistake]], ...] = (
    cluster.conflicts,
    bookinfo.conflicts,
    injection.conflicts,
    waypoints.conflicts,
    namespaces.conflicts,
    security.conflicts,
    telemetry.conflicts,
    traffic_plan.conflicts,
    gateways.conflicts,
    revisions.conflicts,
    https.conflicts,
    several_clusters.conflicts,
    credentials.conflicts,
    image_digests.of_settings,
)

OutputsOf = Callable[[str], Mapping[str, Any]]
"""Function that reads the outputs of another stack."""


def read(
    outputs_of: OutputsOf = platform.engine_outputs,
) -> tuple[Settings, ControlPlanes | None]:
    """Read the config of the running stack, and find its Istio releases on disk.

    The control planes are None for an app stack: it uses its platform's. Raises pulumi.RunError
    with all mistakes in one message.
    """
    settings, mistakes = _read(outputs_of)
    mistakes += renamed.moves(settings, _config(), outputs_of)
    planes = None
    if settings.mode != "app":
        planes, unfound = _find_releases(settings)
        mistakes += unfound
    if mistakes:
        refuse(mistakes)
    _warn(settings)
    for warning in (
        *https.ending(settings),
        *https.idle_ports(settings),
        *retired_hosts.warnings(settings, _config(), planes),
    ):
        pulumi.log.warn(warning)
    return settings, planes


def read_settings(outputs_of: OutputsOf = platform.engine_outputs) -> Settings:
    """Read the config without the Istio releases: commands around Pulumi may have none on disk.

    Raises pulumi.RunError with all mistakes in one message.
    """
    settings, mistakes = _read(outputs_of)
    if mistakes:
        refuse(mistakes)
    return settings


def _read(outputs_of: OutputsOf) -> tuple[Settings, list[Mistake]]:
    """Return the settings, and the mistakes that can be found without a release."""
    config = _config()
    if pasted := list(istio_operator.pasted(config)):
        refuse(pasted)
    settings, invalid, mistakes = _parse(config)
    mistakes += _secrecy(config)
    if settings is None:
        refuse(mistakes)
    mistakes += _unless_about(invalid, modes.conflicts(settings, config))
    if settings.mode == "app":
        if mistakes:
            refuse(mistakes)
        contract = platform.find_contract(settings, outputs_of)
        settings = settings.model_copy(update=contract.settings)
    for conflicts in CONFLICTS:
        mistakes += _unless_about(invalid, conflicts(settings))
    if invalid:
        planes, found = _find_releases(settings)
        refuse([*mistakes, *_unless_about(invalid, found)] if planes else mistakes)
    return settings, mistakes


def _config() -> dict[str, str]:
    """Return the config of this project as the engine hands it to the program."""
    # pulumi.Config looks up single keys; only the whole map shows misspelled ones.
    prefix = f"{pulumi.get_project()}:"
    return {
        key.removeprefix(prefix): value
        for key, value in CONFIG.get().items()
        if key.startswith(prefix)
    }


def _parse(config: Mapping[str, str]) -> tuple[Settings | None, set[str], list[Mistake]]:
    """Return the settings, the keys that are invalid, and why they are.

    Each invalid setting is replaced by its default, so that one run reports every mistake. The
    settings are None if one has neither a valid value nor a default.
    """
    context = {"stack": pulumi.get_stack()}
    try:
        return Settings.model_validate(config, context=context), set(), []
    except ValidationError as error:
        details = _without_consequences(error.errors())
    invalid = {str(detail["loc"][0]) for detail in details}
    mistakes = [explain(Settings, config, detail) for detail in details]
    declared = project.defaults(PROJECT)
    valid = {key: value for key, value in config.items() if key not in invalid}
    valid |= {key: declared[key] for key in invalid & declared.keys()}
    try:
        return Settings.model_validate(valid, context=context), invalid, mistakes
    except ValidationError:
        return None, invalid, mistakes


def _without_consequences(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drop the lists that pydantic counts as too short because an item of theirs is invalid."""
    return [
        each
        for each in details
        if each["type"] != "too_short"
        or not any(
            other["loc"][: len(each["loc"])] == each["loc"] != other["loc"] for other in details
        )
    ]


def _unless_about(invalid: set[str], mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """Drop conflicts with a setting that was replaced by its default."""
    for mistake in mistakes:
        about = {str(mistake.path[0])} | {
            key for key in invalid if f"mesh:{key}" in mistake.rule or f" {key}" in mistake.rule
        }
        if not about & invalid:
            yield mistake


def _secrecy(config: Mapping[str, str]) -> Iterator[Mistake]:
    """List secrets that were set without --secret, and plain settings that were set with it."""
    prefix = f"{pulumi.get_project()}:"
    for key, value in config.items():
        is_secret = is_config_secret(f"{prefix}{key}")
        if key in SECRETS and value not in ("", "{}") and not is_secret:
            at = key if key.endswith("Password") else f"--path '{key}[...]'"
            yield Mistake(
                (key,),
                "must be set with --secret, or it can be read in the stack's file: "
                f"pulumi config rm {key}, then pulumi config set --secret {at}",
            )
        elif key in SECRETS and is_secret:
            yield from plain_secrets.conflicts(key, pulumi.get_stack(), pulumi.get_project())
        elif is_secret:
            yield Mistake(
                (key,),
                "can't be kept secret, since it shows in the state and in the cluster: set it "
                "without --secret, and put no secret in it (a header of meshConfig takes its value "
                "from envName, a chart's variable from envVarFrom)",
            )


def _find_releases(settings: Settings) -> tuple[ControlPlanes | None, list[Mistake]]:
    """Find the control planes' releases on disk, and list settings that the releases lack."""
    try:
        planes = control_planes.find(settings)
    except pulumi.RunError as error:
        return None, [Mistake(("istioVersion",), str(error))]
    mistakes = [
        mistake
        for release in planes.releases
        for mistake in against_release.conflicts(settings, release)
    ]
    try:
        gateway_api_crds.find(settings)
    except pulumi.RunError as error:
        mistakes.append(Mistake(("routingApi",), str(error)))
    mistakes += image_digests.of_control_planes(settings, planes)
    return planes, mistakes


def _warn(settings: Settings) -> None:
    """Warn when the stack's name had to be changed to fit Kubernetes."""
    stack = pulumi.get_stack()
    used = {settings.bookinfo_namespace, settings.bookinfo_host} & app_names.derived(stack)
    if used and app_names.fit(stack) != stack and settings.mode != "platform":
        pulumi.log.warn(
            f"the stack's name, {stack}, isn't a valid name in Kubernetes: using "
            + " and ".join(sorted(used))
        )
