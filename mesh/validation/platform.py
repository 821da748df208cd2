"""The platform of an app stack: its contract, read from the platform stack's outputs."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pydantic import ValidationError

from mesh.settings.platform_contract import CONTRACT, OUTPUT, PlatformContract
from mesh.settings.schema import Settings

Outputs = Mapping[str, Any]


def engine_outputs(stack: str) -> Outputs:
    """Request another stack's outputs from the running engine, as plain values.

    A StackReference would return Outputs, but names, labels and checks need the values at once.
    """
    read = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack})
    return read.value["outputs"]


def find_contract(settings: Settings, outputs_of: Callable[[str], Outputs]) -> PlatformContract:
    """Return the contract of the platform that an app stack uses. Raises pulumi.RunError.

    `outputs_of` reads a stack's outputs, and fails with the reason as its message.
    """
    if settings.platform_contract is not None:
        _must_be_ours(
            settings.platform_contract.contract, "platformContract of this stack's config"
        )
        return settings.platform_contract
    name = settings.platform_stack or ""  # mesh.validation.modes requires it
    bring_up = f"deploy it first: pulumi up --stack {name}"
    try:
        outputs = outputs_of(name)
    except Exception as error:
        reason = str(error).rpartition("error: ")[2]
        raise pulumi.RunError(
            f"platformStack {name} can't be read: {reason}; {bring_up}; if it is in another "
            f"backend, set {OUTPUT} to that stack's output of this name"
        ) from error
    if not outputs:
        raise pulumi.RunError(f"platformStack {name} has nothing deployed; {bring_up}")
    if OUTPUT not in outputs:
        raise pulumi.RunError(
            f"platformStack {name} is no platform, its outputs are {', '.join(sorted(outputs))}: "
            f"name another one, or make it one: pulumi config set mode platform --stack {name}"
        )
    offered = outputs[OUTPUT]
    # Pulumi stores numbers as floats.
    contract = offered.get("contract") if isinstance(offered, Mapping) else None
    _must_be_ours(contract, f"platformStack {name}")
    try:
        return PlatformContract.model_validate(offered)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, detail["loc"])) for detail in error.errors())
        raise pulumi.RunError(
            f"platformStack {name} was deployed by another version of this program, whose output "
            f"{OUTPUT} differs in {wrong}; {bring_up}"
        ) from error


def _must_be_ours(contract: Any, whose: str) -> None:
    if contract != CONTRACT:
        raise pulumi.RunError(
            f"{whose} is of another version of this program: its contract is {contract}, and this "
            f"one's {CONTRACT}; deploy both with the same version"
        )
