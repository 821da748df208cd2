"""Namespaces of the stack: the only place that creates one, with its image pull Secret."""

from collections.abc import Collection, Mapping

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, NamespacePatch, Secret

from mesh.kubernetes import ownership, pod_security
from mesh.resources import secrets
from mesh.settings.schema import Settings
from mesh.settings.secrets import PULL_SECRET


def make(
    name: str,
    namespace: str,
    parent: pulumi.Resource,
    settings: Settings,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    adopted: Collection[str] = (),
    is_privileged: bool = False,
) -> list[pulumi.Resource]:
    """Register a namespace with the stack's annotations, and the pull Secret if there is one.

    `is_privileged` is for pods that the stack's Pod Security Standard would refuse. Of a namespace
    in `adopted`, which somebody else made, a destroy only takes back what the stack set.
    """
    level = "privileged" if is_privileged else settings.pod_security
    is_adopted = namespace in adopted
    own = (NamespacePatch if is_adopted else Namespace)(
        f"{name}-namespace",
        metadata={
            "name": namespace,
            "labels": {
                **settings.namespace_labels,
                **(labels or {}),
                **pod_security.labels(level),
            },
            "annotations": {
                **settings.namespace_annotations,
                **(annotations or {}),
                **ownership.mark(settings.context),
                **({ownership.ADOPTED: "true"} if is_adopted else {}),
            },
        },
        opts=pulumi.ResourceOptions(
            parent=parent,
            # A namespace is deleted after all objects in it; a short timeout leaves it Terminating.
            custom_timeouts=pulumi.CustomTimeouts(delete="20m"),
        ),
    )
    pull_secret = secrets.pull_secret(settings)
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
