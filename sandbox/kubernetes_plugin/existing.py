"""Reading and deleting an object that exists, as far as anybody knows."""

from google.protobuf.struct_pb2 import Struct

from .changes import Change
from .connection import Connection
from .diff import prune
from .engine import Engine
from .errors import (
    ApiError,
    NoMatchError,
    NotReadyError,
    PartialError,
    ResourceError,
    UnreachableError,
)
from .kinds import BUILT_IN_VERSIONS
from .manifests import rendered_path
from .normalize import normalize
from .objects import (
    Object,
    defined_by,
    gvk_of,
    gvk_of_urn,
    id_of,
    is_crd,
    is_patch,
    name_of,
    namespace_of,
    remove,
    set_metadata,
    split_id,
)
from .properties import copy, equal, mark_secrets
from .reading import Properties
from .resources import LAST_APPLIED
from .state import checkpoint, field_manager, initial_version, read
from .waiting.deletion import wait_until_gone
from .waiting.readiness import check_once
from .writing import to_struct

_REVISION = "deployment.kubernetes.io/revision"
_NOT_INPUTS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
_DELETE_HINT = (
    "you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


class Existing:
    """The objects that the state names."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection

    def read(
        self, urn: str, resource_id: str, state: Struct, old_given: Properties
    ) -> tuple[str, Struct, Struct] | None:
        """Read an object; give its ID, state and inputs, or None when it is gone.

        Raises:
            ResourceError: It can't be read.
            PartialError: It exists but isn't ready.

        """
        connection = self._connection
        if connection.unreachable:
            # Of rendered objects too: upstream looks at the cluster first.
            return self._read_unreachable(urn, resource_id, state, old_given)
        namespace, name = split_id(resource_id)
        if not name:
            raise ResourceError(
                "failed to read resource because of a failure to parse resource name from "
                f"request ID: {resource_id}"
            )
        old_inputs = normalize(old_given.object)
        imported = not old_inputs.get("apiVersion") and not old_inputs.get("kind")
        if imported:
            _, old_live = read(state)
            gvk = gvk_of(old_live) if old_live.get("kind") else gvk_of_urn(urn)
            imported = not old_live.get("kind")
            old_inputs |= {"apiVersion": gvk.api_version, "kind": gvk.kind}
            old_inputs["metadata"] = dict(old_inputs.get("metadata") or {})
            if not name_of(old_inputs):
                set_metadata(old_inputs, "name", name)
            if not namespace_of(old_inputs):
                set_metadata(old_inputs, "namespace", namespace)
        version = initial_version(state, old_inputs)
        manager = field_manager(
            state, old_inputs, server_side=connection.settings.server_side_apply
        )
        if connection.renders:
            _, old_live = read(state)
            kept = checkpoint(
                old_inputs, old_live, Properties(state), initial_version=version, manager=manager
            )
            return resource_id, kept, old_given.struct
        live, error = self._look(urn, old_inputs, name, check=not imported)
        if live is None:
            return None
        inputs: Object = prune(live, old_inputs)
        if imported and gvk_of(live).api_version in BUILT_IN_VERSIONS:
            # Upstream copies the inputs that its schema names: a custom resource has none there.
            inputs |= copy({key: value for key, value in live.items() if key != "status"})
            inputs = _without_read_only(inputs)
        now = checkpoint(inputs, live, old_given, initial_version=version, manager=manager)
        mark_secrets(inputs, old_given.secrets)
        same = equal(inputs, old_given.object) and not old_given.secrets
        seen = old_given.dashed() if same else to_struct(inputs)
        if error is not None:
            raise PartialError(
                str(error),
                resource_id=resource_id,
                state=now,
                cause=error,
                inputs=seen,
            ) from error
        return resource_id, now, seen

    def _look(
        self, urn: str, obj: Object, name: str, *, check: bool
    ) -> tuple[Object | None, NotReadyError | None]:
        cluster = self._connection.cluster
        try:
            live = cluster.get(cluster.path_of(obj, name))
        except NoMatchError:
            return None, None
        except ApiError as error:
            if error.status == 404:
                return None, None
            raise
        if check:
            try:
                check_once(obj, live, self._connection.session(urn, obj))
            except NotReadyError as error:
                return error.object, error
        return live, None

    def _read_unreachable(
        self, urn: str, resource_id: str, state: Struct, old_given: Properties
    ) -> tuple[str, Struct, Struct] | None:
        connection = self._connection
        reason = f"configured Kubernetes cluster is unreachable: {connection.unreachable}"
        self._engine.warn(urn, reason)
        if connection.settings.delete_unreachable:
            self._engine.info(
                urn,
                "configured Kubernetes cluster is unreachable and the `deleteUnreachable` option "
                "is enabled. Deleting the unreachable resource from Pulumi state",
            )
            return None
        if connection.settings.skip_update_unreachable:
            self._engine.info(
                urn,
                "configured Kubernetes cluster is unreachable and the `skipUnreachable` option is "
                "enabled. Returned data could not reflect the actual cluster configuration.",
            )
            return resource_id, state, old_given.struct
        raise UnreachableError(
            "failed to read resource state due to unreachable cluster. If the cluster was "
            f"deleted, {_DELETE_HINT}"
        )

    def delete(self, urn: str, resource_id: str, state: Struct, *, timeout: float) -> None:
        """Delete an object, and wait until it is gone.

        Raises:
            ResourceError: It can't be deleted.
            PartialError: Its deletion has begun but doesn't end.

        """
        connection = self._connection
        inputs, live = read(state)
        if connection.renders:
            path = rendered_path(live, connection.settings.yaml_directory)
            path.unlink(missing_ok=True)
            self._engine.status(urn, f"deleted {path}")
            return
        if connection.unreachable:
            self._delete_unreachable(urn)
            return
        server_side = connection.settings.server_side_apply
        manager = field_manager(state, inputs, server_side=server_side)
        change = connection.change(urn, manager)
        if server_side and is_patch(urn, inputs):
            self._relinquish(change, live, manager)
            return
        if not change.delete(inputs, live, split_id(resource_id)[1]):
            return
        try:
            session = connection.session(urn, inputs, timeout)
            wait_until_gone(inputs, live, session)
        except NotReadyError as error:
            now = checkpoint(
                live,
                error.object,
                Properties(state),
                initial_version=initial_version(state, {}),
                manager=manager,
            )
            raise PartialError(
                str(error),
                resource_id=id_of(error.object),
                state=now,
                cause=error,
            ) from error
        self._engine.status(urn, "")
        if is_crd(live):
            connection.cluster.discovery.forget(*defined_by(live))

    def _delete_unreachable(self, urn: str) -> None:
        connection = self._connection
        self._engine.warn(
            urn, f"configured Kubernetes cluster is unreachable: {connection.unreachable}"
        )
        if not connection.settings.delete_unreachable:
            raise UnreachableError(
                "configured Kubernetes cluster is unreachable. If the cluster was deleted, "
                f"{_DELETE_HINT}"
            )
        self._engine.info(
            urn,
            "configured Kubernetes cluster is unreachable and the `deleteUnreachable` option is "
            "enabled. Deleting the unreachable resource from Pulumi state",
        )

    @staticmethod
    def _relinquish(change: Change, live: Object, manager: str) -> None:
        try:
            change.relinquish(live, manager)
        except NoMatchError:
            return
        except ApiError as error:
            causes = error.details.get("causes") or []
            required = [c for c in causes if c.get("reason") == "FieldValueRequired"]
            if error.status == 422 and required:
                raise ResourceError(
                    "this Patch resource is currently managing a required field, so it can't be "
                    "deleted directly. Either set the `retainOnDelete` resource option, or "
                    "transfer ownership of the field before deleting: "
                    f"{required[0].get('field')}"
                ) from error
            raise


def _without_read_only(inputs: Object) -> Object:
    for key in _NOT_INPUTS:
        remove(inputs, "metadata", key)
    for key in (_REVISION, LAST_APPLIED):
        remove(inputs, "metadata", "annotations", key)
    return inputs
