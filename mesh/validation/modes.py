"""Checks of a stack's mode: which settings it may have, and how an app stack finds its platform."""

import json
from collections.abc import Iterator, Mapping

from mesh import project
from mesh.project import PROJECT
from mesh.settings.schema import FACTS, Settings
from mesh.validation.mistake import NO_VALUE, Mistake


def conflicts(settings: Settings, config: Mapping[str, str]) -> Iterator[Mistake]:
    """List settings of another mode, and conflicts about the platform in the stack's `config`."""
    declared = project.read(PROJECT)["config"]
    for key, value in config.items():
        if key not in FACTS:  # reported as unknown
            continue
        modes = FACTS[key].modes
        if settings.mode in modes or _is(value, declared[key]["default"]):
            continue
        rule = f"is for mesh:mode {' or '.join(sorted(modes))}, and this stack's is {settings.mode}"
        yield Mistake((key,), rule, NO_VALUE if FACTS[key].is_secret else value)
    if settings.mode == "platform" and settings.injection not in ("auto", "ambient"):
        yield Mistake(
            ("injection",),
            "must be auto or ambient with mesh:mode platform, where it says whether the nodes are "
            "set up for ambient mode",
            settings.injection,
        )
    if settings.mode == "app":
        yield from _platform(settings)


def _platform(settings: Settings) -> Iterator[Mistake]:
    if settings.platform_stack and settings.platform_contract:
        yield Mistake(
            ("platformStack",),
            "can't be set together with mesh:platformContract, which names the platform too: drop "
            "one of them",
            settings.platform_stack,
        )
    if not (settings.platform_stack or settings.platform_contract):
        yield Mistake(
            ("platformStack",),
            "must be set with mesh:mode app: the stack whose platform this one uses; or, from "
            "another backend, mesh:platformContract",
        )
    if settings.injection == "manual":
        yield Mistake(
            ("injection",),
            "can't be manual with mesh:mode app: the injector's config is the platform's",
            settings.injection,
        )


def _is(value: str, default: object) -> bool:
    if isinstance(default, str):
        return value == default
    try:
        return json.loads(value) == default
    except ValueError:
        return False
