"""The two layers of the system, and which of them a stack brings up."""

from layers import app, platform
from layers.foundation import Foundation
from mesh.kubernetes import cluster, field_ownership
from mesh.kubernetes.cluster import Cluster
from mesh.settings.schema import Settings


def deploy(stack: Settings, target: Cluster) -> Foundation:
    """Bring up the layers that the stack's mode names, and return what they stand on."""
    if cluster.applies_server_side(stack.kube_version):
        field_ownership.take_over()
    match stack.mode:
        case "platform":
            foundation = platform.deploy(stack, target)
            platform.offer(stack, foundation)
        case "app":
            foundation = app.find_platform(stack, target)
            app.deploy(stack, foundation)
        case "standalone":
            foundation = platform.deploy(stack, target)
            app.deploy(stack, foundation)
    return foundation
