"""The rule that app stacks create no cluster-scoped objects."""

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
"""The cluster-scoped kinds of Kubernetes 1.36 and the Gateway API, except Namespace."""


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
    says="A stack with mode app creates no cluster-scoped object except its namespace",
    reason="such objects are shared: a developer's stack would change or delete them for everybody",
    remedy="move it to the platform stack, or use a namespaced kind such as Role or RoleBinding",
    check=_cluster_scoped,
)
