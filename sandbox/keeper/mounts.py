"""Files of the Secrets that a pod mounts: a kubelet's work when a pod starts."""

import base64
import shutil
from pathlib import Path

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import PodSpec
from lightkube.resources.core_v1 import Secret


def write(client: lightkube.Client, pod: PodSpec, namespace: str, root: Path) -> None:
    """Write the existing Secrets below a folder, at the mount paths of the first container.

    Files of an earlier start are removed first.
    """
    secrets = {
        volume.name: volume.secret.secretName
        for volume in pod.volumes or []
        if volume.secret and volume.secret.secretName
    }
    for mount in pod.containers[0].volumeMounts or []:
        if mount.name not in secrets:
            continue
        folder = root / mount.mountPath.lstrip("/")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            secret = client.get(Secret, secrets[mount.name], namespace=namespace)
        except ApiError as error:
            if error.status.code != 404:
                raise
            continue  # istiod's are optional
        folder.mkdir(parents=True, mode=0o700)
        for key, value in (secret.data or {}).items():
            (folder / key).write_bytes(base64.b64decode(value))
