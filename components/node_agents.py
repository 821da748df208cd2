"""Node agents, which run on every node: istio-cni, and in ambient mode ztunnel."""

from collections.abc import Collection
from dataclasses import dataclass

import pulumi

from mesh.charts.values import node_agent_values
from mesh.istio.control_planes import ControlPlane
from mesh.resources import chart, namespace
from mesh.resources.ready import Ready, all_ready
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class NodeAgentsArgs:
    """Arguments of NodeAgents."""

    settings: Settings
    control_plane: ControlPlane
    """The control plane that configures ztunnel; the agents are of its release."""
    adopted: Collection[str] = ()
    """Namespaces that somebody else made: a destroy leaves them."""


class NodeAgents(pulumi.ComponentResource):
    """The agents that the data plane needs, on each node; most stacks need none."""

    ready: Ready
    """Every object of the agents' charts."""

    def __init__(
        self, name: str, args: NodeAgentsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:NodeAgents", name, None, opts)

        agents = args.settings.data_plane.node_agents
        made = (
            namespace.make(
                name,
                args.settings.node_agents_namespace,
                self,
                args.settings,
                adopted=args.adopted,
                # The agents enter other pods' network namespaces, and mount folders of the node.
                is_privileged=True,
            )
            if agents
            else []
        )
        self.ready = pulumi.Output.from_input(made)
        for agent in agents:
            rendered = chart.make(
                agent,
                chart.ChartArgs(
                    path=args.control_plane.release.node_agent_chart(agent),
                    namespace=args.settings.node_agents_namespace,
                    kube_version=args.settings.kube_version,
                    values=node_agent_values(args.settings, agent, args.control_plane),
                    setting=f"values.{agent.removeprefix('istio-')}",
                ),
                pulumi.ResourceOptions(parent=self, depends_on=self.ready),
            )
            self.ready = all_ready(self.ready, rendered.ready)

        self.register_outputs({"namespace": args.settings.node_agents_namespace})
