"""A pod's volumes: what must exist before its containers are started."""

from collections.abc import Iterator

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Volume, VolumeProjection
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret

KINDS = ("configMap", "downwardAPI", "emptyDir", "projected", "secret")
SOURCES = ("configMap", "downwardAPI", "secret", "serviceAccountToken")
"""What a projected volume may have."""

Needed = tuple[type[ConfigMap] | type[Secret], str, frozenset[str]]
"""A kind, a name, and the keys that it must have."""


class VolumeError(Exception):
    """A volume can't be mounted; the message is a kubelet's, or says what to do."""


def check(client: lightkube.Client, pod: Pod) -> None:
    """Look for all that a pod's volumes need. Raises VolumeError."""
    for volume in pod.spec.volumes or []:
        for kind, name, keys in _needed(volume):
            try:
                found = client.get(kind, name, namespace=pod.metadata.namespace)
            except ApiError as error:
                if error.status.code != 404:
                    raise
                raise _failed(volume, f'{kind.__name__.lower()} "{name}" not found') from error
            if missing := sorted(keys - set(found.data or {})):
                lacks = f"references non-existent config key: {missing[0]}"
                raise _failed(volume, f"{kind.__name__.lower()} {lacks}")


def _failed(volume: Volume, why: str) -> VolumeError:
    return VolumeError(f'MountVolume.SetUp failed for volume "{volume.name}" : {why}')


def _needed(volume: Volume) -> Iterator[Needed]:
    kinds = volume.to_dict().keys() - {"name"} or {"emptyDir"}
    if unknown := sorted(kinds - set(KINDS)):
        raise VolumeError(
            f'volume "{volume.name}": a sandbox has no {unknown[0]}, only {", ".join(KINDS)}. In '
            "a new sandbox of `make up PODS=fake` the pod is an object, and has no need of volumes"
        )
    yield from _references(volume, volume.secret.secretName if volume.secret else None)
    for source in (volume.projected.sources if volume.projected else None) or []:
        if unknown := sorted(source.to_dict().keys() - set(SOURCES)):
            raise VolumeError(
                f'volume "{volume.name}": a sandbox projects no {unknown[0]}, only '
                f"{', '.join(SOURCES)}"
            )
        yield from _references(source, source.secret.name if source.secret else None)


def _references(holder: Volume | VolumeProjection, secret_name: str | None) -> Iterator[Needed]:
    for kind, source, name in (
        (ConfigMap, holder.configMap, holder.configMap.name if holder.configMap else None),
        (Secret, holder.secret, secret_name),
    ):
        if source is not None and name is not None and not source.optional:
            yield kind, name, frozenset(item.key for item in source.items or [])
