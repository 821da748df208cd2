"""Which changes can't be made in place, and replace the object."""

from typing import Any

from .objects import Gvk, Object, gvk_of, is_config_map, is_secret, pluck

_IDENTITY = ("metadata.name", "metadata.namespace")
_SELECTOR = ("spec.selector",)
_STATEFUL_SET = (
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
)
_JOB = ("spec.completions", "spec.parallelism", "spec.selector", "spec.template")
_BINDING = ("roleRef",)
_VOLUME = tuple(
    f"spec.{source}"
    for source in [
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "csi",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "glusterfs",
        "hostPath",
        "iscsi",
        "local",
        "nfs",
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
    ]
)
_CLAIM = ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName")
_POD = tuple(
    f"spec.{field}"
    for field in [
        "affinity",
        "automountServiceAccountToken",
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "hostAliases",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostname",
        "imagePullSecrets",
        "nodeName",
        "nodeSelector",
        "overhead",
        "preemptionPolicy",
        "priority",
        "priorityClassName",
        "readinessGates",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "shareProcessNamespace",
        "subdomain",
        "terminationGracePeriodSeconds",
        "volumes",
    ]
) + tuple(
    f"spec.{containers}.*.{field}"
    for containers in ("containers", "initContainers")
    for field in [
        "args",
        "command",
        "env",
        "image",
        "imagePullPolicy",
        "lifecycle",
        "livenessProbe",
        "ports",
        "readinessProbe",
        "resources",
        "securityContext",
        "stdin",
        "stdinOnce",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "tty",
        "volumeDevices",
        "volumeMounts",
        "workingDir",
    ]
)

_BY_KIND: dict[str, tuple[str, ...]] = {
    "apps/v1beta1/StatefulSet": _STATEFUL_SET,
    "batch/v1/Job": _JOB,
    "batch/v1beta1/Job": _JOB,
    "batch/v2alpha1/Job": _JOB,
    "policy/v1beta1/PodDisruptionBudget": ("spec",),
    "storage.k8s.io/v1/StorageClass": ("parameters", "provisioner"),
    "v1/PersistentVolume": _VOLUME,
    "v1/PersistentVolumeClaim": _CLAIM,
    "v1/Pod": _POD,
    "v1/ResourceQuota": ("spec.scopes",),
    "v1/Secret": ("type",),
    "v1/Service": ("spec.clusterIP",),
}
for _version in ("v1beta2", "v1"):
    _BY_KIND |= {
        f"apps/{_version}/DaemonSet": _SELECTOR,
        f"apps/{_version}/Deployment": _SELECTOR,
        f"apps/{_version}/StatefulSet": _STATEFUL_SET,
    }
for _version in ("v1alpha1", "v1beta1", "v1"):
    _BY_KIND |= {
        f"rbac.authorization.k8s.io/{_version}/{_kind}": _BINDING
        for _kind in ("ClusterRoleBinding", "RoleBinding")
    }


def replacing_fields(
    obj: Object, *, config_map_mutable: bool, secret_mutable: bool, patch: bool = False
) -> tuple[str, ...]:
    """List the fields of an object whose change replaces it; `*` is any array element."""
    gvk = gvk_of(obj)
    if patch or not _has_rules(gvk):
        return _IDENTITY
    immutable = pluck(obj, "immutable") is True
    if is_secret(obj) and (immutable or not secret_mutable):
        return (*_IDENTITY, "type", "stringData", "data")
    if is_config_map(obj) and (immutable or not config_map_mutable):
        return (*_IDENTITY, "binaryData", "data")
    return _IDENTITY + _BY_KIND.get(f"{gvk.api_version}/{gvk.kind}", ())


def _has_rules(gvk: Gvk) -> bool:
    return any(key.startswith(f"{gvk.api_version}/") for key in _BY_KIND)


def replaces(path: tuple[str | int, ...], value: Any, fields: tuple[str, ...]) -> bool:
    """Tell whether a change to `value` at `path` touches one of the fields.

    A field above the path is touched; so is one below it that the new value holds.
    """
    return any(_touches(path, value, tuple(field.split("."))) for field in fields)


def _touches(path: tuple[str | int, ...], value: Any, field: tuple[str, ...]) -> bool:
    for part, wanted in zip(path, field, strict=False):
        if wanted not in ("*", part):
            return False
    return _holds(value, field[len(path) :])


def _holds(value: Any, field: tuple[str, ...]) -> bool:
    if not field:
        return True
    head, rest = field[0], field[1:]
    if head != "*":
        return isinstance(value, dict) and head in value and _holds(value[head], rest)
    items = value.values() if isinstance(value, dict) else value
    if value is None or not isinstance(value, dict | list):
        return value is None
    return not items or any(_holds(item, rest) for item in items)
