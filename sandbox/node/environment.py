"""The environment of an application's program, as a kubelet makes it."""

import base64
import os
from collections.abc import Iterator

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret

from sandbox.dataplane import proxy

Kind = type[ConfigMap] | type[Secret]


class VariableError(Exception):
    """A variable's value can't be had; the message is a kubelet's."""


def of(client: lightkube.Client, pod: Pod, container: Container) -> dict[str, str]:
    """Return the variables of a container. Raises VariableError."""
    namespace = str(pod.metadata.namespace)
    return {
        **dict(_of_objects(client, namespace, container)),
        **dict(proxy.environment_of(pod, container)),
        **dict(_of_keys(client, namespace, container)),
    }


def _of_objects(
    client: lightkube.Client, namespace: str, container: Container
) -> Iterator[tuple[str, str]]:
    for source in container.envFrom or []:
        for kind, reference in ((ConfigMap, source.configMapRef), (Secret, source.secretRef)):
            if reference is None:
                continue
            data = _data(client, kind, namespace, str(reference.name))
            if data is None and not reference.optional:
                raise VariableError(f'{kind.__name__.lower()} "{reference.name}" not found')
            for key, value in (data or {}).items():
                yield f"{source.prefix or ''}{key}", _text(kind, reference.name, key, value)


def _of_keys(
    client: lightkube.Client, namespace: str, container: Container
) -> Iterator[tuple[str, str]]:
    for variable in container.env or []:
        source = variable.valueFrom
        for kind, reference in (
            (ConfigMap, source and source.configMapKeyRef),
            (Secret, source and source.secretKeyRef),
        ):
            if reference is None:
                continue
            data = _data(client, kind, namespace, str(reference.name))
            if data is not None and reference.key in data:
                value = data[reference.key]
                yield variable.name, _text(kind, reference.name, reference.key, value)
            elif not reference.optional:
                what = f'{kind.__name__.lower()} "{reference.name}" not found'
                lacks = f"couldn't find key {reference.key} in {kind.__name__} {namespace}/"
                raise VariableError(what if data is None else f"{lacks}{reference.name}")


def _data(
    client: lightkube.Client, kind: Kind, namespace: str, name: str
) -> dict[str, bytes] | None:
    """Return what an object holds, or None if it doesn't exist."""
    try:
        found = client.get(kind, name, namespace=namespace)
    except ApiError as error:
        if error.status.code != 404:
            raise
        return None
    data = found.data or {}
    if isinstance(found, Secret):
        return {key: base64.b64decode(value) for key, value in data.items()}
    return {key: value.encode() for key, value in data.items()}


def _text(kind: Kind, name: str | None, key: str, value: bytes) -> str:
    """Return a variable's value; the keys of a Secret that no variable has may be binary."""
    if b"\0" in value:
        raise VariableError(
            f'{kind.__name__.lower()} "{name}": a variable can\'t hold the bytes of key {key}'
        )
    return os.fsdecode(value)
