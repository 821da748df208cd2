"""Creating and updating an object, each with its wait."""

from collections.abc import Callable

from google.protobuf.struct_pb2 import Struct

from .changes import MissingNamespaceError
from .connection import Connection
from .diff import prune
from .engine import Engine
from .errors import ApiError, NoMatchError, NotReadyError, PartialError, ResourceError
from .manifests import render, rendered_path
from .normalize import normalize
from .objects import (
    Object,
    annotation_of,
    defined_by,
    gvk_of,
    gvk_of_urn,
    id_of,
    is_crd,
    is_patch,
    name_of,
    with_own_metadata,
)
from .properties import has_secret, has_unknown
from .reading import Properties
from .state import checkpoint, field_manager, initial_version, read
from .waiting.conditions import AnnotationError
from .waiting.readiness import wait_until_ready

_StateOf = Callable[[Object], Struct]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Resources:
    """The objects of the program."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection

    def create(
        self, urn: str, given: Properties, *, preview: bool, timeout: float
    ) -> tuple[str, Struct] | None:
        """Create an object; give its ID and state, or None when a preview can't tell more.

        Raises:
            ResourceError: Nothing was created.
            PartialError: It was created but isn't ready.

        """
        connection = self._connection
        if not preview and not connection.renders:
            _ = connection.cluster
        inputs = with_own_metadata(given.object)
        patch = is_patch(urn, inputs)
        settings = connection.settings
        if preview and (
            has_unknown(inputs)
            or not connection.serves(gvk_of(inputs))
            or patch
            or not settings.server_side_apply
        ):
            return None
        version = str(inputs.get("apiVersion") or "")
        manager = field_manager(Struct(), inputs, server_side=settings.server_side_apply)

        def state_of(live: Object) -> Struct:
            return checkpoint(inputs, live, given, initial_version=version, manager=manager)

        if connection.renders:
            return id_of(inputs), self._render(urn, inputs, given, state_of)
        change = connection.change(urn, manager, preview=preview)
        try:
            live = change.create(inputs, patch=patch)
        except ResourceError as error:
            if preview and _is_no_fault_of_the_program(error):
                return None
            raise self._not_created(urn, error) from error
        self._engine.status(urn, "")
        if preview:
            # A program that reads the status must not meet one that isn't real.
            live.pop("status", None)
            return "", state_of(live)
        try:
            session = connection.session(urn, inputs, timeout)
            live = wait_until_ready(inputs, live, session)
        except AnnotationError as error:
            # Upstream forgets the object, although it was created.
            raise self._not_created(urn, error) from error
        except ResourceError as error:
            raise PartialError(
                f'resource "{urn}" was successfully created, but the Kubernetes API server '
                f"reported that it failed to fully initialize or become live: {error}",
                resource_id=id_of(_seen(error, live)),
                state=state_of(_seen(error, live)),
                cause=error,
            ) from error
        self._engine.status(urn, "")
        if is_crd(inputs):
            connection.cluster.discovery.forget(*defined_by(inputs))
        return id_of(live), state_of(live)

    def _not_created(self, urn: str, error: ResourceError) -> ResourceError:
        if isinstance(error, NoMatchError):
            gvk = gvk_of_urn(urn)
            return ResourceError(
                f'creation of resource "{urn}" with kind {gvk.api_version}/{gvk.kind} failed '
                "because the Kubernetes API server reported that the apiVersion for this "
                "resource does not exist. Verify that any required CRDs have been created: "
                f"{error}"
            )
        return ResourceError(
            f'resource "{urn}" was not successfully created by the Kubernetes API server: {error}'
        )

    def _render(self, urn: str, inputs: Object, given: Properties, state_of: _StateOf) -> Struct:
        directory = self._connection.settings.yaml_directory
        path = rendered_path(inputs, directory)
        if has_secret(given.secrets):
            self._engine.warn(urn, f"rendered file {path} contains a secret value in plaintext")
        render(inputs, directory)
        self._engine.status(urn, f"rendered {path}")
        return state_of(inputs)

    def update(
        self,
        urn: str,
        state: Struct,
        given: Properties,
        *,
        ignored: list[str],
        preview: bool,
        timeout: float,
    ) -> Struct | None:
        """Update an object; give its state, or None when a preview can't tell more.

        Raises:
            ResourceError: The object is as it was, and can't be read.
            PartialError: The object exists, but wasn't updated or isn't ready.

        """
        connection = self._connection
        if not preview and not connection.renders:
            _ = connection.cluster
        inputs = normalize(given.object)
        settings = connection.settings
        if preview and (has_unknown(inputs) or not connection.serves(gvk_of(inputs))):
            return None
        old_inputs, old_live = read(state, given)
        old_inputs = normalize(old_inputs)
        _restore_last_applied(old_live, old_inputs)
        version = initial_version(state, old_inputs)
        server_side = settings.server_side_apply
        manager = field_manager(state, inputs, server_side=server_side)
        # What `ignoreChanges` puts in or takes out is so in the state too.
        sent = inputs

        def state_of(live: Object) -> Struct:
            return checkpoint(sent, live, given, initial_version=version, manager=manager)

        if connection.renders:
            return self._render(urn, inputs, given, state_of)
        change = connection.change(urn, manager, preview=preview)
        try:
            live, sent = change.update(
                inputs,
                name=name_of(old_live),
                old_inputs=prune(old_live, old_inputs),
                ignored=ignored,
                patch=is_patch(urn, inputs),
            )
            if not preview:
                session = connection.session(urn, inputs, timeout)
                live = wait_until_ready(inputs, live, session, update=True)
        except (ResourceError, ValueError) as error:
            if preview and isinstance(error, ApiError) and error.status == 403:
                return None
            raise self._not_updated(urn, old_live, state_of, error) from error
        self._engine.status(urn, "")
        manager_before = field_manager(state, old_inputs, server_side=server_side)
        if server_side and not preview and manager_before != manager:
            change.relinquish(live, manager_before)
        return state_of(live)

    def _not_updated(
        self, urn: str, old_live: Object, state_of: _StateOf, error: Exception
    ) -> ResourceError | PartialError:
        if isinstance(error, NoMatchError):
            return ResourceError(
                f'update of resource "{urn}" failed because the Kubernetes API server reported '
                "that the apiVersion for this resource does not exist. Verify that any required "
                f"CRDs have been created: {error}"
            )
        cluster = self._connection.cluster
        try:
            live = cluster.get(cluster.path_of(old_live, name_of(old_live)))
        except ResourceError as reading:
            return ResourceError(
                f'update of resource "{urn}" failed: {error}\n'
                f"unable to get cluster state: {reading}"
            )
        return PartialError(
            f'the Kubernetes API server reported that "{id_of(live)}" failed to fully '
            f"initialize or become live: {error}",
            resource_id=id_of(live),
            state=state_of(live),
            cause=error,
        )


def _is_no_fault_of_the_program(error: ResourceError) -> bool:
    if isinstance(error, MissingNamespaceError):
        return True
    return isinstance(error, ApiError) and (
        error.status == 403 or error.is_already_exists or error.is_dry_run_refused
    )


def _seen(error: ResourceError, live: Object) -> Object:
    return (error.object or live) if isinstance(error, NotReadyError) else live


def _restore_last_applied(live: Object, inputs: Object) -> None:
    # Versions before 4 wrote this annotation, and an update takes it away.
    value = annotation_of(live, LAST_APPLIED)
    if value and not annotation_of(inputs, LAST_APPLIED):
        metadata = inputs.setdefault("metadata", {})
        metadata.setdefault("annotations", {})[LAST_APPLIED] = value
