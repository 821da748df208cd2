"""The plugin's methods, as the engine calls them (`pulumirpc.ResourceProvider`)."""

import functools
import json
import traceback
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer

from . import configuration, helm, manifests
from .checking import Checker
from .comparing import compare
from .connection import Connection
from .engine import Engine
from .errors import PartialError, ResourceError, abort_partial
from .existing import Existing
from .objects import Object, gvk_kind, gvk_of, namespace_of, set_metadata, type_of_urn
from .properties import has_unknown
from .reading import Properties, from_struct
from .recent import Recent
from .resources import Resources
from .settings import Settings, sdk_version
from .writing import to_struct

PLUGIN_VERSION = sdk_version()
STAND_IN = "stand-in for pulumi-resource-kubernetes"
_HELM_RELEASE = "kubernetes:helm.sh/v3:Release"
_SOME = provider_pb2.DiffResponse.DIFF_SOME
_NONE = provider_pb2.DiffResponse.DIFF_NONE

_Method = Callable[[Any, Any, grpc.ServicerContext], Any]


def _reported(method: _Method) -> _Method:
    """Turn a method's errors into answers that the engine shows."""

    @functools.wraps(method)
    def call(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except PartialError as error:
            abort_partial(context, error)
        except (ResourceError, ValueError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except NotImplementedError as error:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
        except Exception as error:  # noqa: BLE001 - a bug must be told, with its place
            where = "".join(traceback.format_exception(error)[-3:])
            context.abort(grpc.StatusCode.INTERNAL, f"{STAND_IN}: an error of its own: {where}")

    return call


class Provider(ResourceProviderServicer):
    """Kubernetes, for the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recent = Recent()
        self._connection = Connection(engine)
        self._checker = Checker(engine, self._connection)
        self._resources = Resources(engine, self._connection)
        self._existing = Existing(engine, self._connection)

    @_reported
    def GetPluginInfo(self, request, context):  # noqa: D102, N802
        return plugin_pb2.PluginInfo(version=PLUGIN_VERSION)

    @_reported
    def GetSchema(self, request, context):  # noqa: D102, N802
        schema = {
            "name": "kubernetes",
            "version": PLUGIN_VERSION,
            "description": f"A {STAND_IN}; it has no schema.",
        }
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    @_reported
    def Attach(self, request, context):  # noqa: D102, N802
        self._engine.attach(request.address)
        return Empty()

    @_reported
    def GetMapping(self, request, context):  # noqa: D102, N802
        return provider_pb2.GetMappingResponse()

    @_reported
    def GetMappings(self, request, context):  # noqa: D102, N802
        return provider_pb2.GetMappingsResponse()

    @_reported
    def CheckConfig(self, request, context):  # noqa: D102, N802
        found = configuration.failures(request.urn, from_struct(request.news))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[
                provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in found
            ],
        )

    @_reported
    def DiffConfig(self, request, context):  # noqa: D102, N802
        changed, replacing = configuration.differences(
            from_struct(request.olds), from_struct(request.news)
        )
        return provider_pb2.DiffResponse(
            changes=_SOME if changed else _NONE, diffs=changed, replaces=replacing
        )

    @_reported
    def Configure(self, request, context):  # noqa: D102, N802
        self._connection.configure(Settings.read(request.variables))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @_reported
    def Check(self, request, context):  # noqa: D102, N802
        _refuse_missing(request.urn)
        inputs = self._checker.check(
            request.urn,
            request.olds,
            self._recent.read(request.urn, request.news),
            seed=request.randomSeed,
            autonaming=request.autonaming if request.HasField("autonaming") else None,
        )
        return provider_pb2.CheckResponse(inputs=inputs)

    @_reported
    def Diff(self, request, context):  # noqa: D102, N802
        found = compare(
            self._connection,
            self._engine,
            request.urn,
            state=request.olds,
            new=self._recent.read(request.urn, request.news),
            ignored=list(request.ignoreChanges),
        )
        return provider_pb2.DiffResponse(
            changes=_SOME if found.changed else _NONE,
            replaces=found.replaces,
            deleteBeforeReplace=found.delete_first,
            detailedDiff=found.detailed,
            hasDetailedDiff=True,
        )

    @_reported
    def Create(self, request, context):  # noqa: D102, N802
        made = self._resources.create(
            request.urn,
            self._recent.read(request.urn, request.properties),
            preview=request.preview,
            timeout=request.timeout,
        )
        if made is None:
            return provider_pb2.CreateResponse(properties=request.properties)
        return provider_pb2.CreateResponse(id=made[0], properties=made[1])

    @_reported
    def Read(self, request, context):  # noqa: D102, N802
        _refuse_missing(request.urn)
        found = self._existing.read(
            request.urn,
            request.id,
            request.properties,
            self._recent.read(request.urn, request.inputs),
        )
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=found[0], properties=found[1], inputs=found[2])

    @_reported
    def Update(self, request, context):  # noqa: D102, N802
        state = self._resources.update(
            request.urn,
            request.olds,
            self._recent.read(request.urn, request.news),
            ignored=list(request.ignoreChanges),
            preview=request.preview,
            timeout=request.timeout,
        )
        return provider_pb2.UpdateResponse(properties=request.news if state is None else state)

    @_reported
    def Delete(self, request, context):  # noqa: D102, N802
        self._existing.delete(request.urn, request.id, request.properties, timeout=request.timeout)
        return Empty()

    @_reported
    def Cancel(self, request, context):  # noqa: D102, N802
        self._connection.cancellation.cancel()
        return Empty()

    @_reported
    def Invoke(self, request, context):  # noqa: D102, N802
        arguments = Properties(request.args).object
        if has_unknown(arguments):
            raise ResourceError(f"{request.tok}: its arguments must be known")
        if request.tok == "kubernetes:helm:template":
            objects = self._template(arguments)
        elif request.tok == "kubernetes:yaml:decode":
            objects = self._decode(
                _text(arguments, "text"), arguments.get("defaultNamespace") or ""
            )
        else:
            raise NotImplementedError(
                f"the {STAND_IN} has no function {request.tok}: it serves "
                "kubernetes:helm:template and kubernetes:yaml:decode"
            )
        # The engine takes an empty message for "nothing", so the field is always there.
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct({"result": objects}))
        return response

    def _template(self, arguments: Object) -> list[Object]:
        try:
            options = json.loads(_text(arguments, "jsonOpts"))
        except ValueError as error:
            raise ResourceError(f"failed to unmarshal 'jsonOpts': {error}") from error
        try:
            text = helm.template(options, self._connection.reachable_cluster)
        except ResourceError as error:
            raise ResourceError(
                f"failed to generate YAML for specified Helm chart: {error}"
            ) from error
        return self._decode(text, options.get("namespace") or "")

    def _decode(self, text: str, namespace: str) -> list[Object]:
        objects = manifests.parse(text)
        for obj in objects:
            if namespace and not namespace_of(obj) and self._connection.is_namespaced(gvk_of(obj)):
                set_metadata(obj, "namespace", namespace)
        return objects

    @_reported
    def Construct(self, request, context):  # noqa: D102, N802
        raise NotImplementedError(
            f"the {STAND_IN} has no component {request.type}: use yaml.ConfigFile, "
            "yaml.ConfigGroup or helm.v3.Chart, or install the official plugin"
        )

    @_reported
    def Call(self, request, context):  # noqa: D102, N802
        raise NotImplementedError(f"the {STAND_IN} has no method {request.tok}")

    @_reported
    def Parameterize(self, request, context):  # noqa: D102, N802
        raise NotImplementedError(f"the {STAND_IN} can't be parameterized")

    @_reported
    def List(self, request, context):  # noqa: D102, N802
        raise NotImplementedError(f"the {STAND_IN} can't list objects")

    @_reported
    def Handshake(self, request, context):  # noqa: D102, N802
        # As the official plugin 4.34 answers: the engine then goes on without it.
        raise NotImplementedError("Handshake isn't needed")


def _refuse_missing(urn: str) -> None:
    if type_of_urn(urn) == _HELM_RELEASE:
        raise NotImplementedError(
            f"the {STAND_IN} has no {gvk_kind(urn)} of helm.sh/v3: use helm.v3.Chart, "
            "or install the official plugin"
        )


def _text(arguments: Object, key: str) -> str:
    value = arguments.get(key)
    if not isinstance(value, str):
        raise ResourceError(f"missing required field '{key}' of type string")
    return value
