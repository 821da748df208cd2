"""What a stack is made of: a platform, one application on it, or both; and who decides what."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from mesh import project
from mesh.project import (
    PROJECT,
)
from mesh.validation.messages import wrong

if TYPE_CHECKING:
    from mesh.settings.schema import Settings

Mode = Literal["platform", "app", "standalone"]

_BOTH: frozenset[Mode] = frozenset(("platform", "app", "standalone"))
_PLATFORM: frozenset[Mode] = frozenset(("platform", "standalone"))
_APP: frozenset[Mode] = frozenset(("app", "standalone"))
_ON_ANOTHERS: frozenset[Mode] = frozenset(("app",))

MODES_OF: Mapping[str, frozenset[Mode]] = {
    "mode": _BOTH,
    "platformStack": _ON_ANOTHERS,
    "platformContract": _ON_ANOTHERS,
    "istioVersion": _PLATFORM,
    "releaseDir": _PLATFORM,
    "context": _BOTH,
    "kubeconfig": _BOTH,
    "kubeVersion": _PLATFORM,
    "istioNamespace": _PLATFORM,
    "gateways": _PLATFORM,
    "routingApi": _PLATFORM,
    "gatewayApiCrds": _PLATFORM,
    "bookinfoNamespace": _APP,
    "bookinfoHost": _APP,
    "bookinfoRatings": _APP,
    "bookinfoMysqlPassword": _APP,
    "bookinfoDetailsV2": _APP,
    "bookinfoHub": _APP,
    "bookinfoTag": _APP,
    "bookinfoReplicas": _APP,
    "bookinfoResources": _APP,
    "bookinfoProbes": _APP,
    "trafficPlan": _APP,
    "meshConfig": _PLATFORM,
    "profile": _PLATFORM,
    "platform": _PLATFORM,
    "compatibilityVersion": _PLATFORM,
    "hub": _PLATFORM,
    "tag": _PLATFORM,
    "imagePullPolicy": _PLATFORM,
    "imagePullSecrets": _PLATFORM,
    "values": _PLATFORM,
    "registryCredentials": _BOTH,
    "cacerts": _PLATFORM,
    "mtls": _PLATFORM,
    "mtlsByNamespace": _PLATFORM,
    "denyByDefault": _APP,
    "outboundTrafficPolicy": _PLATFORM,
    "addons": _PLATFORM,
    "accessLogs": _PLATFORM,
    "tracingSampling": _PLATFORM,
    "injection": _BOTH,
    "cni": _PLATFORM,
    "nodeAgentsNamespace": _PLATFORM,
    "podSecurity": _BOTH,
    "revision": _PLATFORM,
    "canary": _PLATFORM,
    "revisionTags": _PLATFORM,
    "gatewayRevision": _PLATFORM,
    "bookinfoRevision": _APP,
    "adopt": _BOTH,
    "deleteCrds": _PLATFORM,
}
"""The modes in which a stack may set a key."""


def contradictions(
    prefix: str, config: Mapping[str, str], settings: "Settings", *, hidden: tuple[str, ...]
) -> Iterator[str]:
    """Name the keys of another mode, and what is wrong with the way to the platform.

    `hidden` are the keys whose value no message may show.
    """
    declared = project.read(PROJECT)["config"]
    for key, value in config.items():
        if settings.mode in MODES_OF[key] or _is(value, declared[key]["default"]):
            continue
        rule = (
            f"is for {prefix}mode {' or '.join(sorted(MODES_OF[key]))}, "
            f"and this stack's is {settings.mode}"
        )
        yield f"{prefix}{key}: {rule}" if key in hidden else wrong(f"{prefix}{key}", rule, value)
    if settings.mode == "platform" and settings.injection not in ("auto", "ambient"):
        yield wrong(
            f"{prefix}injection",
            f"with {prefix}mode platform says whether the nodes are made for ambient mode: "
            "it is ambient, or auto",
            settings.injection,
        )
    if settings.mode == "app":
        yield from _way_to_the_platform(prefix, settings)


def _way_to_the_platform(prefix: str, settings: "Settings") -> Iterator[str]:
    if settings.platform_stack and settings.platform_contract:
        yield wrong(
            f"{prefix}platformStack",
            f"is the other way to say what {prefix}platformContract says: drop one",
            settings.platform_stack,
        )
    if not (settings.platform_stack or settings.platform_contract):
        yield (
            f"{prefix}platformStack: must be set with {prefix}mode app: the stack whose platform "
            f"this one stands on; or, from another backend, {prefix}platformContract"
        )
    if settings.injection == "manual":
        yield wrong(
            f"{prefix}injection",
            f"can't be manual with {prefix}mode app: the injector's config is the platform's",
            settings.injection,
        )


def _is(value: str, default: object) -> bool:
    if isinstance(default, str):
        return value == default
    try:
        return json.loads(value) == default
    except ValueError:
        return False
