"""Which wait an object gets after a create, an update or a refresh."""

from ..errors import NotReadyError, ResourceError
from ..objects import Gvk, Object, annotation_of, gvk_of, name_of, namespace_of, pluck
from . import single
from .conditions import wait_for
from .deployment import CLAIM, REPLICA_SET, DeploymentAwaiter
from .informers import Event
from .pods import POD, JobAwaiter, PodAwaiter
from .replicas import DaemonSetAwaiter, StatefulSetAwaiter
from .service import ENDPOINTS, SERVICE, IngressAwaiter, ServiceAwaiter
from .session import Awaiter, Session, wait

SKIP = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - a type of Secret

_ROLLOUTS = {
    "Deployment": (DeploymentAwaiter, {"replica set": REPLICA_SET, "pod": POD, "claim": CLAIM}),
    "StatefulSet": (StatefulSetAwaiter, {"pod": POD}),
    "DaemonSet": (DaemonSetAwaiter, {}),
}
_OTHERS = {
    "v1/Pod": (PodAwaiter, {}),
    "batch/v1/Job": (JobAwaiter, {"pod": POD}),
    "v1/Service": (ServiceAwaiter, {"endpoints": ENDPOINTS}),
}
_INGRESS = (IngressAwaiter, {"endpoints": ENDPOINTS, "service": SERVICE})


def _watched(gvk: Gvk) -> tuple[type, dict[str, Gvk]] | None:
    if gvk.group in ("apps", "extensions") and gvk.kind in _ROLLOUTS:
        return _ROLLOUTS[gvk.kind]
    if gvk.group in ("networking.k8s.io", "extensions") and gvk.kind == "Ingress":
        return _INGRESS
    return _OTHERS.get(f"{gvk.api_version}/{gvk.kind}")


def _choose(obj: Object, session: Session, *, update: bool) -> Awaiter | None:
    gvk = gvk_of(obj)
    found = _watched(gvk)
    awaiter: Awaiter | None = found[0](obj) if found else None
    match f"{gvk.api_version}/{gvk.kind}":
        case "v1/PersistentVolume":
            awaiter = single.persistent_volume(obj)
        case "v1/PersistentVolumeClaim":
            awaiter = single.volume_claim(obj, session, update=update)
        case "v1/ReplicationController":
            awaiter = single.replication_controller(obj)
        case "v1/ResourceQuota":
            awaiter = single.quota(obj)
        case "v1/Secret" if pluck(obj, "type") == _TOKEN:
            awaiter = single.token_secret(obj)
        case "v1/ServiceAccount" if session.cluster.minor() < (1, 24):
            awaiter = single.service_account(obj)
    if isinstance(awaiter, single.SingleAwaiter):
        session.timeout = awaiter.seconds
    return awaiter


def wait_until_ready(
    inputs: Object, obj: Object, session: Session, *, update: bool = False
) -> Object:
    """Wait as the annotations or the kind demand; give the object's newest version.

    Raises:
        NotReadyError: The object exists but isn't ready.
        ResourceError: An annotation isn't valid.

    """
    if annotation_of(inputs, SKIP) == "true":
        session.say("Skipping await logic")
        return obj
    annotation = annotation_of(obj, WAIT_FOR)
    if annotation:
        return wait_for(annotation, obj, session)
    awaiter = _choose(obj, session, update=update)
    return wait(awaiter, session) if awaiter else obj


def check_once(inputs: Object, obj: Object, session: Session) -> None:
    """Look once, for a refresh, whether an object is ready.

    Raises:
        NotReadyError: It isn't.

    """
    found = _watched(gvk_of(obj))
    if not found or annotation_of(inputs, SKIP) == "true":
        return
    awaiter: Awaiter = found[0](obj)
    for tag, gvk in found[1].items():
        if tag == "claim" and not pluck(obj, "spec", "template", "spec", "volumes"):
            continue
        try:
            items = session.cluster.get(session.cluster.path(gvk, namespace_of(obj)))
        except ResourceError:
            # What can't be listed is missing, and the reasons below say so.
            continue
        for item in items.get("items") or []:
            awaiter.handle(Event(tag, "ADDED", item))
    # Last, for a failed Job ends it here, and its Pods say why.
    awaiter.handle(Event("own", "ADDED", obj))
    if isinstance(awaiter, ServiceAwaiter | IngressAwaiter):
        awaiter.settle()
    if not awaiter.ready():
        message = f"Resource '{name_of(obj)}' was created but failed to initialize"
        raise NotReadyError(message, obj, awaiter.reasons())
