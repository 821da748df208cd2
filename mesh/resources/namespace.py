"""Namespaces of the stack: the only place that creates one, with its image pull Secret."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, Secret

from mesh.kubernetes import ownership, pod_security
from mesh.kubernetes.pod_security import Level
from mesh.resources import secrets
from mesh.settings.secrets import PULL_SECRET


def make(
    name: str,
    namespace: str,
    parent: pulumi.Resource,
    *,
    context: str | None,
    pod_security_level: Level | None,
    pull_secret: secrets.Data | None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> list[pulumi.Resource]:
    """Register a namespace with the stack's annotations, and the pull Secret if there is one."""
    own = Namespace(
        f"{name}-namespace",
        metadata={
            "name": namespace,
            "labels": {**(labels or {}), **pod_security.labels(pod_security_level)},
            "annotations": {**(annotations or {}), **ownership.mark(context)},
        },
        opts=pulumi.ResourceOptions(
            parent=parent,
            # A namespace is deleted after all objects in it; a short timeout leaves it Terminating.
            custom_timeouts=pulumi.CustomTimeouts(delete="20m"),
        ),
    )
    if pull_secret is None:
        return [own]
    secret = Secret(
        f"{name}-{PULL_SECRET}",
        metadata={"name": PULL_SECRET, "namespace": namespace},
        type="kubernetes.io/dockerconfigjson",
        data=pull_secret,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[own]),
    )
    return [own, secret]
