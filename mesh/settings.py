"""The stack's config as one typed, checked object."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime.config import CONFIG
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Json, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")


def _namespace(value: str) -> str:
    if not DNS_LABEL.fullmatch(value):
        raise ValueError(
            "a namespace is 1 to 63 lower-case letters, digits and '-', "
            "and starts and ends with a letter or digit"
        )
    return value


def _version(value: str) -> str:
    if not VERSION.fullmatch(value):
        raise ValueError("a version is MAJOR.MINOR.PATCH, such as 1.30.3")
    return value


# Pulumi.yaml's empty default is how an optional key looks to the engine.
_empty_is_unset = BeforeValidator(lambda value: value or None)

Namespace = Annotated[str, AfterValidator(_namespace)]
Version = Annotated[str, AfterValidator(_version)]
OptionalName = Annotated[str | None, _empty_is_unset]
OptionalPath = Annotated[Path | None, _empty_is_unset]


class Settings(BaseModel):
    """What a stack decides; the defaults and the descriptions are in Pulumi.yaml."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    istio_version: Version
    release_dir: OptionalPath
    context: OptionalName
    kubeconfig: OptionalPath
    kube_version: Version
    istio_namespace: Namespace
    ingress_service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"]
    bookinfo_namespace: Namespace
    mesh_config: Json[dict[str, Any]]


def read() -> Settings:
    """Check the whole of this project's config, and report every mistake at once."""
    prefix = f"{pulumi.get_project()}:"
    # pulumi.Config looks up the keys one names; only the whole map shows the misspelled ones.
    config = {
        key.removeprefix(prefix): value
        for key, value in CONFIG.get().items()
        if key.startswith(prefix)
    }
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        mistakes = [_explain(prefix, detail) for detail in error.errors()]
    else:
        mistakes = _contradictions(prefix, settings)
        if not mistakes:
            return settings
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise pulumi.RunError(
        f"the config of stack {pulumi.get_stack()} has {count}:\n"
        + "\n".join(f"  - {mistake}" for mistake in mistakes)
        + "\nset a key with `pulumi config set KEY VALUE`, drop one with `pulumi config rm KEY`"
    )


def _contradictions(prefix: str, settings: Settings) -> list[str]:
    """Name the values that are fine alone and wrong together."""
    mistakes = []
    if settings.bookinfo_namespace == settings.istio_namespace:
        mistakes.append(
            f"{prefix}bookinfoNamespace: must differ from {prefix}istioNamespace, "
            f"whose pods get no sidecar, got {settings.bookinfo_namespace!r} for both"
        )
    if settings.kubeconfig and not settings.context:
        mistakes.append(
            f"{prefix}kubeconfig: needs {prefix}context, the context to use in that file, "
            f"got '{settings.kubeconfig}' alone"
        )
    return mistakes


def _explain(prefix: str, detail: ErrorDetails) -> str:
    """Turn one of pydantic's findings into key, rule and value got."""
    key = str(detail["loc"][0])
    match detail["type"]:
        case "extra_forbidden":
            rule = "no such setting"
            if close := difflib.get_close_matches(key, _keys(), n=1):
                rule += f", did you mean {close[0]}?"
        case "missing":
            return f"{prefix}{key}: has neither a value nor a default in Pulumi.yaml"
        case "value_error":
            rule = str(detail["ctx"]["error"])
        case "json_invalid" | "json_type" | "dict_type":
            rule = "must be an object, set key by key: pulumi config set --path 'meshConfig.KEY'"
        case _:
            rule = detail["msg"][:1].lower() + detail["msg"][1:]
    return f"{prefix}{key}: {rule}, got {detail['input']!r}"


def _keys() -> list[str]:
    return [to_camel(field) for field in Settings.model_fields]
