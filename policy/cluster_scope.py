"""An app stack brings nothing that is everybody's."""

from collections.abc import Iterator, Sequence

from policy.rule import Object, Options, Rule, Stack, Violation, kind

CLUSTER_SCOPED = {
    "": ("Node", "PersistentVolume"),
    "admissionregistration.k8s.io": (
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    ),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "apiregistration.k8s.io": ("APIService",),
    "certificates.k8s.io": ("CertificateSigningRequest", "ClusterTrustBundle"),
    "flowcontrol.apiserver.k8s.io": ("FlowSchema", "PriorityLevelConfiguration"),
    "gateway.networking.k8s.io": ("GatewayClass",),
    "networking.k8s.io": ("IngressClass", "IPAddress", "ServiceCIDR"),
    "node.k8s.io": ("RuntimeClass",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "resource.k8s.io": ("DeviceClass", "ResourceSlice"),
    "scheduling.k8s.io": ("PriorityClass",),
    "storage.k8s.io": (
        "CSIDriver",
        "CSINode",
        "StorageClass",
        "VolumeAttachment",
        "VolumeAttributesClass",
    ),
}
"""The kinds that are in no namespace, of Kubernetes 1.36 and the Gateway API, but Namespace."""


def _cluster_scoped(objects: Sequence[Object], stack: Stack, _: Options) -> Iterator[Violation]:
    if not stack.is_app:
        return
    for each in objects:
        group, name = kind(each)
        if name in CLUSTER_SCOPED.get(group, ()):
            yield Violation(object=each, got=f"a {name} in the app stack {stack.name}")


NO_CLUSTER_SCOPE = Rule(
    name="app-stacks-own-no-cluster-objects",
    level="mandatory",
    says="A stack with mode app makes no object of the whole cluster's but its namespace",
    reason="what one developer's stack changes or destroys there, it does to everybody",
    remedy="move it to the platform stack, or use a Role, a RoleBinding or the like",
    check=_cluster_scoped,
)
