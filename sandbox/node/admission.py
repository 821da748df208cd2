"""The admission policy that marks the pods for which kwok isn't the kubelet.

These are the pods that are processes, and those whose images can't be pulled. kwok leaves pods with
the annotation alone. A mutating policy is the API server's own means: nothing has to listen for it,
and it runs before istiod's webhook.
"""

from typing import Any

import lightkube
from lightkube.generic_resource import create_global_resource
from lightkube.resources.core_v1 import Pod

from sandbox.node.images.programs import PATTERN

NAME = "sandbox-pods"
ANNOTATION = "mesh.pulumi.com/pod"
PROCESSES, UNPULLABLE = "processes", "unpullable"
UNPULLABLE_IMAGE = "^[^/]+[.]invalid(:[0-9]+)?/"
"""Images of registries below .invalid, a domain that never exists (RFC 6761), for re and CEL."""
KINDS = {
    kind: create_global_resource("admissionregistration.k8s.io", "v1", kind, plural)
    for kind, plural in (
        ("MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
        ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
    )
}
CONDITIONS = (
    # The node has programs for all of its images; a gateway's is auto until it is injected.
    f"object.spec.containers.all(c, c.image == 'auto' || c.name == 'istio-proxy' || "
    f"c.image.matches('{PATTERN}'))",
    # It has a sidecar, or gets one: else its requests would need a kube-proxy.
    "object.spec.containers.exists(c, c.name == 'istio-proxy') || "
    "object.spec.?initContainers.orValue([]).exists(c, c.name == 'istio-proxy') || "
    "object.metadata.?labels[?'sidecar.istio.io/inject'].orValue('') == 'true' || "
    "namespaceObject.metadata.?labels[?'istio-injection'].orValue('') == 'enabled' || "
    "namespaceObject.metadata.?labels[?'istio.io/rev'].orValue('') != ''",
    # Ambient mode needs an agent on each node.
    "namespaceObject.metadata.?labels[?'istio.io/dataplane-mode'].orValue('') == ''",
    "object.metadata.?labels[?'gateway.istio.io/managed'].orValue('') != "
    "'istio.io-mesh-controller'",
)
"""What a pod must meet, in CEL. The policy's own conditions can't ask for the namespace."""


def apply(client: lightkube.Client, *, processes: bool) -> None:
    """Create the policy, or update that of an earlier start.

    `processes` says whether the sandbox runs pods as processes at all.
    """
    unpullable = " || ".join(
        f"object.spec.{containers}.exists(c, c.image.matches('{UNPULLABLE_IMAGE}'))"
        for containers in ("containers", "?initContainers.orValue([])")
    )
    known = " && ".join(f"({each})" for each in CONDITIONS) if processes else "false"
    marked = " : ".join(
        f'({condition}) ? Object{{metadata: Object.metadata{{annotations: {{"{ANNOTATION}": '
        f'"{mark}"}}}}}}'
        for condition, mark in ((unpullable, UNPULLABLE), (known, PROCESSES))
    )
    rule = {
        **{"apiGroups": [""], "apiVersions": ["v1"]},
        **{"operations": ["CREATE"], "resources": ["pods"]},
    }
    specs: dict[str, dict[str, Any]] = {
        "MutatingAdmissionPolicy": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [rule]},
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": f"{marked} : Object{{}}"},
                }
            ],
        },
        "MutatingAdmissionPolicyBinding": {"policyName": NAME},
    }
    for kind, spec in specs.items():
        client.apply(KINDS[kind](metadata={"name": NAME}, spec=spec))


def mark(pod: Pod) -> str | None:
    """Return what the policy marked a pod as."""
    return (pod.metadata.annotations or {}).get(ANNOTATION)
