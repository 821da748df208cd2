"""Names derived from an app stack's name: renaming the stack would move its application."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pulumi

from mesh.kubernetes import ownership
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake


def moves(
    settings: Settings,
    config: Mapping[str, str],
    outputs_of: Callable[[str], Mapping[str, Any]],
) -> Iterator[Mistake]:
    """List the derived namespace and host if they differ from the last update's.

    A name that is set in `config` isn't derived, and may change.
    """
    if settings.mode != "app":
        return
    try:
        last = outputs_of(pulumi.get_stack())
    except Exception:  # noqa: BLE001 - the engine's own error; a first update has no outputs
        return
    namespace = last.get("bookinfoNamespace")
    host = urlsplit(last.get("bookinfoUrl") or "").hostname
    if namespace and not config["bookinfoNamespace"] and namespace != settings.bookinfo_namespace:
        yield Mistake(
            ("bookinfoNamespace",),
            f"would move from {namespace} to {settings.bookinfo_namespace}, which is made from the "
            f"stack's name: all of Bookinfo would be deleted and created again. Keep it: pulumi "
            f"config set bookinfoNamespace {namespace}, and kubectl annotate --overwrite namespace "
            f"{namespace} {ownership.ANNOTATION}={ownership.stack()}; or move it: pulumi config "
            f"set bookinfoNamespace {settings.bookinfo_namespace}",
        )
    if host and not config["bookinfoHost"] and host != settings.bookinfo_host:
        yield Mistake(
            ("bookinfoHost",),
            f"would move from {host} to {settings.bookinfo_host}, which is made from the stack's "
            f"name. Keep it: pulumi config set bookinfoHost {host}; or move it: pulumi config set "
            f"bookinfoHost {settings.bookinfo_host}",
        )
