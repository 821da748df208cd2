"""The telemetry add-ons that releases ship as samples."""

from dataclasses import dataclass
from shlex import quote

from mesh.settings.schema import AddonName


@dataclass(frozen=True, kw_only=True)
class Addon:
    """A telemetry add-on: its sample file, and the Service that its UI is reached by."""

    name: AddonName
    service: str
    port: int
    local_port: int
    """The port on the user's machine that is forwarded to it."""
    path: str = ""
    needs: tuple[AddonName, ...] = ()
    """The add-ons that provide its data."""

    def port_forward(self, context: str, namespace: str) -> str:
        """Return the command that forwards its port, and the address to open then."""
        return (
            f"kubectl --context {quote(context)} --namespace {namespace} port-forward "
            f"service/{self.service} {self.local_port}:{self.port}"
            f"  # http://localhost:{self.local_port}{self.path}"
        )


ADDONS = (
    Addon(name="prometheus", service="prometheus", port=9090, local_port=9090),
    Addon(name="loki", service="loki", port=3100, local_port=3100, path="/ready"),
    Addon(name="jaeger", service="tracing", port=80, local_port=16686, path="/jaeger"),
    Addon(
        name="grafana",
        service="grafana",
        port=3000,
        local_port=3000,
        needs=("prometheus",),
    ),
    Addon(
        name="kiali",
        service="kiali",
        port=20001,
        local_port=20001,
        path="/kiali",
        needs=("prometheus",),
    ),
)
"""All add-ons, each after those that it needs."""

JAEGER_PROVIDER = "jaeger"
"""The name of the tracing provider in MeshConfig."""
