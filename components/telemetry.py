"""Telemetry of the mesh: the release's add-ons, access logs and traces."""

from dataclasses import dataclass

import pulumi

from mesh.istio import addons
from mesh.istio.api import telemetry as api
from mesh.istio.release import Release
from mesh.resources import manifests
from mesh.resources.ready import Ready
from mesh.settings.schema import Settings

SAMPLES_NAMESPACE = "istio-system"
"""Istio's namespace in the samples, to be replaced by the stack's."""
ENVOY = "envoy"
"""Istio's built-in provider of access logs: each proxy's standard output."""


@dataclass(frozen=True, kw_only=True)
class TelemetryArgs:
    """Arguments of Telemetry."""

    settings: Settings
    release: Release
    context: str


class Telemetry(pulumi.ComponentResource):
    """The add-ons, and after them the Telemetry resource that makes proxies report to them."""

    dashboards: dict[str, str]
    """The command that opens each add-on, by its name."""
    ready: Ready
    """Every object of the add-ons, and the mesh's Telemetry resource."""

    def __init__(
        self, name: str, args: TelemetryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Telemetry", name, None, opts)

        chosen = [addon for addon in addons.ADDONS if addon.name in args.settings.addons]
        parts: dict[str, list[pulumi.Resource]] = {}
        for addon in chosen:
            sample = args.release.addon(addon.name).read_text()
            needed = [part for need in addon.needs for part in parts[need]]
            parts[addon.name] = manifests.make(
                name,
                sample.replace(SAMPLES_NAMESPACE, args.settings.istio_namespace),
                pulumi.ResourceOptions(parent=self, depends_on=needed),
            )
        resources = [part for made in parts.values() for part in made]
        spec = _reports(args)
        if spec != api.TelemetrySpec():
            mesh_default = api.Telemetry(
                name="mesh-default", namespace=args.settings.root_namespace, spec=spec
            )
            after = pulumi.ResourceOptions(parent=self, depends_on=resources)
            resources = [*resources, mesh_default.make(f"{name}-mesh-default", after)]

        self.dashboards = {
            addon.name: addon.port_forward(args.context, args.settings.istio_namespace)
            for addon in chosen
        }
        self.ready = pulumi.Output.from_input(resources)
        self.register_outputs({"dashboards": self.dashboards})


def _reports(args: TelemetryArgs) -> api.TelemetrySpec:
    """Return the mesh-wide telemetry spec; it is empty when the stack keeps Istio's defaults."""
    logging = api.AccessLogging(providers=(api.Provider(name=ENVOY),))
    tracing = api.Tracing(
        providers=(api.Provider(name=addons.JAEGER_PROVIDER),)
        if "jaeger" in args.settings.addons
        else None,
        random_sampling_percentage=args.settings.tracing_sampling,
    )
    return api.TelemetrySpec(
        access_logging=(logging,) if args.settings.access_logs else None,
        tracing=(tracing,) if tracing != api.Tracing() else None,
    )
