"""What goes wrong on the API server, and how it is told to the engine."""

from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.proto.status_pb2 import Status

from .objects import Object


class ResourceError(Exception):
    """An operation failed, with a message for the user; nothing changed on the cluster."""


class UnreachableError(ResourceError):
    """The API server can't be reached."""


class NoMatchError(ResourceError):
    """The API server doesn't serve the kind."""

    def __init__(self, kind: str, api_version: str) -> None:
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"')


class ApiError(ResourceError):
    """The API server refused a request; the message is the server's."""

    def __init__(self, status: int, body: Any) -> None:
        fields = body if isinstance(body, dict) else {}
        message = fields.get("message") or f"the API server answered {status}: {body!s:.500}"
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = fields.get("reason") or ""
        self.details = fields.get("details") or {}

    @property
    def is_missing_namespace(self) -> bool:
        """Whether the object's namespace doesn't exist yet."""
        return self.status == 404 and self.details.get("kind") == "namespaces"

    @property
    def is_already_exists(self) -> bool:
        """Whether an object of the name exists."""
        return self.reason == "AlreadyExists"

    @property
    def is_conflict(self) -> bool:
        """Whether another field manager owns a field, or the object changed meanwhile."""
        return self.reason == "Conflict" or (self.status == 409 and not self.is_already_exists)

    @property
    def is_immutable_field(self) -> bool:
        """Whether the request changes a field that can't change."""
        return self.status == 422 and "field is immutable" in self.message

    @property
    def is_dry_run_refused(self) -> bool:
        """Whether the server, or a webhook, can't do a dry run."""
        return self.status == 400 and (
            "does not support dry run" in self.message
            or self.message
            in (
                "the dryRun alpha feature is disabled",
                "the dryRun beta feature is disabled",
            )
        )


class NotReadyError(ResourceError):
    """An object exists but isn't what the program waits for; the state keeps it."""

    def __init__(self, message: str, obj: Object, reasons: list[str] | None = None) -> None:
        super().__init__(message)
        self.object = obj
        self.reasons = reasons or []


class PartialError(Exception):
    """The object exists, but an operation on it didn't end well: its state is to be kept."""

    def __init__(
        self,
        message: str,
        *,
        resource_id: str,
        state: Struct,
        cause: Exception,
        inputs: Struct | None = None,
    ) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.state = state
        self.inputs = inputs
        self.reasons = [message, *(cause.reasons if isinstance(cause, NotReadyError) else [])]


def abort_partial(context: grpc.ServicerContext, error: PartialError) -> NoReturn:
    """End a call so that the engine records the object, and that it isn't ready."""
    message = str(error)
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        reasons=error.reasons,
        properties=error.state,
        inputs=error.inputs,
    )
    packed = AnyMessage()
    packed.Pack(detail)
    status = Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort returned")
