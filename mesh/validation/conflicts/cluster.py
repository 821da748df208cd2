"""Conflicts between the settings that choose the stack's cluster."""

from collections.abc import Iterator

from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List a kubeconfig that is set without a context."""
    if settings.kubeconfig and not settings.context:
        yield Mistake(("kubeconfig",), "needs mesh:context, the context to use in that file")
